// Keeps parts that are as high as the window (`100vh`) as high as they are, whatever the window becomes.
// It is called before the window gets another height, and once more after that: what has another height then
// depends on the window.
() => {
  const NAMES = ["height", "min-height", "max-height"];
  const MAX_ELEMENTS = 20_000;
  const heights = (element) => {
    const style = element.computedStyleMap();
    return NAMES.map((name) => {
      const value = style.get(name);
      return value instanceof CSSUnitValue && value.unit === "px" ? value.value : null;
    });
  };
  const before = globalThis.renderfleetHeights;
  if (!before) {
    const elements = [...document.querySelectorAll("*")].slice(0, MAX_ELEMENTS);
    globalThis.renderfleetHeights = elements.map((element) => [element, heights(element)]);
    return;
  }
  delete globalThis.renderfleetHeights;
  const changed = [];
  for (const [element, was] of before) {
    if (!element.isConnected) continue;
    heights(element).forEach((now, index) => {
      if (was[index] !== null && now !== null && now !== was[index]) changed.push([element, NAMES[index], was[index]]);
    });
  }
  for (const [element, name, px] of changed) element.style.setProperty(name, `${px}px`, "important");
}

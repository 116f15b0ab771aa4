// Makes Chromium draw below the window what it draws only in it. See worker/render/full_page/repair.py.
async ({maxElements, imagesMs}) => {
  const root = document.documentElement, body = document.body;
  if (!root) return;  // a script has taken all of the document away
  const set = (element, name, value) => element.style.setProperty(name, value, "important");
  const isIn = box => box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth;
  const covers = box => box.width >= innerWidth * 0.95 && box.height >= innerHeight * 0.95;
  const isFixed = element => !!element
    && (getComputedStyle(element).position === "fixed" || isFixed(element.parentElement));
  // Whether something that scrolls lies above it, somewhere in the window.
  const isBehind = (element, style) => Number(style.zIndex) < 0 || [1, 3, 5].some(x => [1, 3, 5].some(y => {
    const stack = document.elementsFromPoint(innerWidth * x / 6, innerHeight * y / 6);
    return stack.includes(element) && !element.contains(stack[0]) && !isFixed(stack[0]);
  }));
  const skipped = [], attached = [], backdrops = [];
  let left = maxElements;
  const walk = tree => {
    for (const element of tree.querySelectorAll("*")) {
      if (--left < 0) return;
      if (!element.style) continue;
      if (element.shadowRoot) walk(element.shadowRoot);
      const style = getComputedStyle(element);
      if (style.contentVisibility === "auto") skipped.push(element);
      if (style.backgroundAttachment.includes("fixed") && style.backgroundImage !== "none"
        && (element === root || element === body || !isIn(element.getBoundingClientRect())))
        attached.push(element);
      if (style.position === "fixed" && covers(element.getBoundingClientRect()) && isBehind(element, style))
        backdrops.push(element);
    }
  };
  walk(document);
  // Layers are often made of a pseudo-element of the body, or of one right in it.
  const layers = [];
  [root, body, ...body?.children ?? []].slice(0, 50).forEach((element, index) => {
    if (!element) return;
    for (const name of ["::before", "::after"]) {
      const style = getComputedStyle(element, name);
      const box = {width: parseFloat(style.width), height: parseFloat(style.height)};
      if (style.content !== "none" && style.position === "fixed" && Number(style.zIndex) < 0 && covers(box))
        layers.push([":root", "body", `body > :nth-child(${index - 1})`][Math.min(index, 2)] + name);
    }
  });

  for (const element of skipped) set(element, "content-visibility", "visible");
  await loadBackgrounds(skipped);
  for (const element of attached) set(element, "background-attachment", "scroll");
  const height = Math.max((document.scrollingElement ?? root).scrollHeight, innerHeight);
  // A root that is only as high as the window would end its background there.
  if (attached.some(element => element === root || element === body) && root.offsetHeight < height)
    set(root, "min-height", `${height}px`);
  const stretched = {height: `${height}px`, "max-height": "none", bottom: "auto"};
  for (const element of backdrops)
    for (const [name, value] of Object.entries(stretched)) set(element, name, value);
  if (layers.length) {
    const sheet = new CSSStyleSheet();
    const rules = Object.entries(stretched).map(([name, value]) => `${name}: ${value} !important`).join(";");
    sheet.replaceSync(`${layers.join()} {${rules}}`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }

  // Of what was not drawn before, Chromium has loaded no pictures of the style sheets.
  async function loadBackgrounds(elements) {
    const urls = new Set();
    for (const element of elements)
      for (const one of [element, ...element.querySelectorAll("*")].slice(0, maxElements))
        for (const [, url] of getComputedStyle(one).backgroundImage.matchAll(/url\("(.*?)"\)/g)) urls.add(url);
    const images = [...urls].map(url => Object.assign(new Image(), {src: url}));
    const until = performance.now() + imagesMs;
    while (images.some(image => !image.complete) && performance.now() < until)
      await new Promise(resolve => setTimeout(resolve, 20));
  }
}

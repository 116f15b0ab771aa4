// Changes how a document looks just before its picture is taken. See worker/render/picture/look.py.
//
// The answer: the place in `hide` of a selector that the browser cannot read, or -1.
({hide, endAnimations, hideCaret}) => {
  const wrong = hide.findIndex(selector => {
    try { document.querySelector(selector); } catch { return true; }
    return false;
  });
  if (wrong >= 0) return wrong;
  const trees = [document];
  for (const tree of trees)
    for (const element of tree.querySelectorAll("*")) if (element.shadowRoot) trees.push(element.shadowRoot);
  const rules = hide.map(selector => `:is(${selector}), :is(${selector}) * {visibility: hidden !important}`);
  if (hideCaret) rules.push("* {caret-color: transparent !important}");
  if (rules.length) {
    const sheet = new CSSStyleSheet();
    for (const rule of rules) sheet.insertRule(rule);
    for (const tree of trees) tree.adoptedStyleSheets = [...tree.adoptedStyleSheets, sheet];
  }
  if (!endAnimations) return -1;
  // One that ends may begin another.
  for (let round = 0; round < 5; round++) {
    const running = trees.flatMap(tree => tree.getAnimations()).filter(animation => animation.effect
      && animation.playbackRate !== 0 && !["idle", "finished"].includes(animation.playState));
    if (!running.length) break;
    for (const animation of running) {
      try {
        if (animation.effect.getComputedTiming().endTime === Infinity) animation.cancel();
        else animation.finish();
      } catch {
        animation.cancel();  // one that a scroll drives, or that runs backwards without an end
      }
    }
  }
  return -1;
}

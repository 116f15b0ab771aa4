// Finds the element that the picture shows; it stays in `pictured`. See worker/render/picture/element.py.
//
// The answer: {matches, isSeen, isWholeInWindow}, or {problem} when the browser cannot read the selector.
(selector) => {
  const trees = [document];
  for (const tree of trees)
    for (const element of tree.querySelectorAll("*")) if (element.shadowRoot) trees.push(element.shadowRoot);
  let found;
  try {
    found = trees.flatMap(tree => [...tree.querySelectorAll(selector)]);
  } catch (error) {
    return {problem: error.message.slice(0, 300)};
  }
  const isSeen = element => {
    const boxes = [...element.getClientRects()];
    return boxes.some(box => box.width * box.height > 0) && element.checkVisibility({visibilityProperty: true});
  };
  globalThis.pictured = found.find(isSeen);
  return {matches: found.length, isSeen: !!globalThis.pictured};
}

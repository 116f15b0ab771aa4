// The classes and ids that elements of the page have, each once, at most `most` of each, and whether any of the
// selectors meets an element. A selector that Chromium does not know meets none.
(most, selectors) => {
  const classes = new Set(), ids = new Set();
  for (const element of document.querySelectorAll("[class], [id]")) {
    for (const name of element.classList) if (classes.size < most) classes.add(name);
    if (element.id && ids.size < most) ids.add(element.id);
  }
  const isThere = (list) => {
    try { return document.querySelector(list) !== null } catch { return null }
  };
  const found = isThere(selectors.join(",")) ?? selectors.some((one) => isThere(one));
  return [[...classes], [...ids], selectors.length > 0 && found];
}

// The classes and ids that elements of the page have, each once, at most `most` of each; whether any of the
// selectors meets an element (a selector that Chromium does not know meets none); and the pictures that did not
// come and the frames, at most `most`: their attribute `src` and the address that it stands for.
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
  const places = [];
  for (const place of document.querySelectorAll("img[src], iframe[src]")) {
    if (places.length === most) break;
    if (!place.naturalWidth) places.push([place.getAttribute("src"), place.src]);
  }
  return [[...classes], [...ids], selectors.length > 0 && found, places];
}

// Where the elements are that a comparison leaves out: left, top, right and bottom in CSS pixels of the page,
// at most 200. Or the number of the first selector that cannot be read.
(selectors) => {
  const boxes = [];
  for (const [number, selector] of selectors.entries()) {
    let found;
    try {
      found = document.querySelectorAll(selector);
    } catch {
      return number;
    }
    for (const element of found) {
      const box = element.getBoundingClientRect();
      if (box.width > 0 && box.height > 0 && boxes.length < 200) {
        boxes.push([box.left + scrollX, box.top + scrollY, box.right + scrollX, box.bottom + scrollY]);
      }
    }
  }
  return {boxes, scroll: [scrollX, scrollY]};
}

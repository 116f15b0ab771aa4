// Frames of other origins that lie outside the window: Chromium draws nothing of them, whatever the picture
// shows. See worker/render/full_page/far_frames.py, which calls these one after the other.
//
// list:  where they are, in CSS pixels from the top left of the page
// show:  brings a place of the page into the window, without what is fixed to the window
// cover: puts a picture where it belongs
// leave: back to the top, with what is fixed to the window
(() => {
  const frame = () => Promise.race([new Promise(requestAnimationFrame), new Promise(r => setTimeout(r, 250))]);
  const hidden = [];

  const isForeign = element => {
    try { return !element.contentDocument; } catch { return true; }
  };
  const list = (tree, left, top, found) => {
    for (const element of tree.querySelectorAll("iframe, frame, object, embed")) {
      const box = element.getBoundingClientRect(), style = getComputedStyle(element);
      if (!element.checkVisibility({checkVisibilityCSS: true}) || box.width < 2 || box.height < 2) continue;
      const x = left + box.left + element.clientLeft + parseFloat(style.paddingLeft);
      const y = top + box.top + element.clientTop + parseFloat(style.paddingTop);
      if (!isForeign(element)) list(element.contentDocument, x, y, found);
      else if (x >= innerWidth || y >= innerHeight || x + box.width <= 0 || y + box.height <= 0)
        found.push({x: x + scrollX, y: y + scrollY, width: box.width, height: box.height});
    }
    return found;
  };

  const show = async ({x, y, width, height}) => {
    if (!hidden.length)
      for (const element of document.querySelectorAll("body *"))
        if (/fixed|sticky/.test(getComputedStyle(element).position)) {
          hidden.push([element, element.style.getPropertyValue("visibility"),
            element.style.getPropertyPriority("visibility")]);
          element.style.setProperty("visibility", "hidden", "important");
        }
    const middle = (start, size, window) => start - Math.max(0, (window - size) / 2);
    scrollTo({left: middle(x, width, innerWidth), top: middle(y, height, innerHeight), behavior: "instant"});
    // It is told that it is seen, it draws, and what it has drawn is shown.
    for (let i = 0; i < 3; i++) await frame();
  };

  const cover = async ({x, y, width, height}, data) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const canvas = document.createElement("canvas");
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d").drawImage(picture, 0, 0);
    canvas.style.cssText = `all: initial; position: absolute; z-index: 2147483647; left: ${x}px; top: ${y}px;
      width: ${width}px; height: ${height}px; pointer-events: none; image-rendering: pixelated`;
    document.documentElement.append(canvas);
    // An element around it may have an origin of its own.
    const box = canvas.getBoundingClientRect();
    canvas.style.left = `${2 * x - box.left - scrollX}px`;
    canvas.style.top = `${2 * y - box.top - scrollY}px`;
  };

  const leave = async () => {
    scrollTo({left: 0, top: 0, behavior: "instant"});
    for (const [element, value, priority] of hidden) element.style.setProperty("visibility", value, priority);
    for (let i = 0; i < 2; i++) await frame();
  };

  globalThis.farFrames = {list: () => document.body ? list(document, 0, 0, []) : [], show, cover, leave};
  return globalThis.farFrames.list();
})()

// Scrolls to the end and back; says how the page took it. See worker/render/full_page/scroll.py.
async ({maxHeight, maxMs, stepMs, allStepsMs, imagesMs, maxLost}) => {
  const root = document.scrollingElement ?? document.documentElement;
  const firstHeight = root?.scrollHeight ?? 0;
  const found = {firstHeight, height: firstHeight, isCut: false, missing: 0, seen: 0, lost: 0, hasScrolled: false};
  if (!root) return found;  // a script has taken all of the document away
  const isInWindow = root.scrollHeight <= innerHeight && root.scrollWidth <= innerWidth;
  const waits = document.scripts.length || document.querySelector("[loading=lazy], iframe, frame, object");
  if (isInWindow || !waits) return found;

  found.hasScrolled = true;
  const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
  // A page that is busy draws no frame for a while; then time goes on all the same.
  const frame = () => Promise.race([new Promise(requestAnimationFrame), sleep(250)]);
  const go = (left, top) => scrollTo({left, top, behavior: "instant"});
  const began = performance.now(), isLate = () => performance.now() - began > maxMs;
  const style = getComputedStyle(document.documentElement);
  const toLeft = style.direction === "rtl" || style.writingMode === "vertical-rl" ? -1 : 1;
  const pause = Math.min(stepMs, allStepsMs / Math.max(1, firstHeight / innerHeight));
  const place = element => element.getBoundingClientRect().top + scrollY;
  const seen = [];
  const look = () => {
    for (const part of [0.2, 0.4, 0.6, 0.8]) {
      const element = document.elementFromPoint(innerWidth / 2, innerHeight * part);
      if (element && element !== document.body && element !== document.documentElement)
        seen.push({element, place: place(element), y: scrollY + innerHeight * part});
    }
  };
  for (let top = 0; ; top += innerHeight) {
    if (top >= root.scrollHeight) await frame();  // for what a page adds at its end
    found.isCut = isLate() || (top >= maxHeight && top < root.scrollHeight);
    if (found.isCut || top >= root.scrollHeight) break;
    for (let left = 0; left < Math.max(1, root.scrollWidth) && !isLate(); left += innerWidth) {
      go(left * toLeft, top);
      await frame();
      await sleep(pause);
    }
    look();
  }
  found.height = root.scrollHeight;
  go(0, 0);
  await frame();
  await frame();

  // Without a size of its own an image that has not come has no area.
  const isMissing = image => !image.complete && image.getClientRects().length
    && image.getBoundingClientRect().top < maxHeight;
  const ended = image => new Promise(resolve => {
    for (const name of ["load", "error"]) image.addEventListener(name, resolve, {once: true});
  });
  const missing = () => [...document.images].filter(isMissing);
  await Promise.race([Promise.all(missing().map(ended)), sleep(imagesMs)]);
  found.missing = missing().length;

  const isDrawn = y => {  // elements without children say what is drawn there
    const x = innerWidth / 2;
    return [...document.body?.querySelectorAll("*") ?? []].some(leaf => {
      const box = leaf.getBoundingClientRect(), at = y - scrollY;
      return !leaf.firstElementChild && box.top <= at && box.bottom >= at && box.left <= x && box.right >= x
        && leaf.checkVisibility() && (leaf.textContent || leaf.matches("img, svg, canvas, video, iframe"));
    });
  };
  const far = seen.filter(one => one.y > 1.5 * innerHeight);
  // A row that is not there any more, or was moved up to be used again.
  const isLost = one => !one.element.isConnected || place(one.element) < one.place - 1.5 * innerHeight;
  const lost = far.filter(isLost).slice(0, maxLost).filter(one => !isDrawn(one.y));
  found.seen = far.length;
  found.lost = lost.length;
  // For worker/render/full_page/virtual_list.py, when the window has changed.
  globalThis.countMissingRows = () => lost.filter(one => one.y < innerHeight && !isDrawn(one.y)).length;
  return found;
}

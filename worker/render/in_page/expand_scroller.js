// Finds the element that scrolls in place of the page, and makes it as high as what it holds.
// See worker/render/full_page/inner_scroller.py.
//
// The answer: null where the page itself scrolls, or nothing does; else
//   grown: by how many CSS pixels
//   isWhole: whether the page is that much longer now
() => {
  const root = document.scrollingElement ?? document.documentElement;
  // A page that overflows its window by a bar's height does not scroll for its content.
  if (!document.body || root.scrollHeight > innerHeight * 1.1) return null;
  const SHARE = 0.5;  // of the window, which the scroller fills at least
  let scroller = null, area = SHARE * innerWidth * innerHeight;
  for (const element of document.querySelectorAll("body, body *")) {
    if (element.scrollHeight <= element.clientHeight + 1) continue;
    if (element.clientWidth * element.clientHeight < area) continue;
    if (!/auto|scroll|overlay/.test(getComputedStyle(element).overflowY) || !element.checkVisibility()) continue;
    scroller = element;
    area = element.clientWidth * element.clientHeight;
  }
  if (!scroller) return null;
  scroller.scrollTo({left: 0, top: 0, behavior: "instant"});
  const grown = scroller.scrollHeight - scroller.clientHeight;
  const set = (element, name, value) => element.style.setProperty(name, value, "important");
  // Heights are measured before the first one changes. Each element around the scroller grows by as much.
  const around = [];
  for (let one = scroller; one; one = one.parentElement) {
    const style = getComputedStyle(one);
    const inner = style.boxSizing === "border-box" ? 0 : ["paddingTop", "paddingBottom", "borderTopWidth",
      "borderBottomWidth"].reduce((sum, name) => sum + parseFloat(style[name]), 0);
    around.push({one, isFixed: style.position === "fixed", height: one.getBoundingClientRect().height + grown - inner});
  }
  for (const {one, isFixed, height} of around) {
    set(one, "height", `${height}px`);
    set(one, "max-height", "none");
    set(one, "flex-shrink", "0");
    set(one, "overflow-y", "visible");
    // What is fixed to the window does not make the page longer.
    if (isFixed) set(one, "position", "absolute");
  }
  set(scroller, "overflow-x", "visible");
  return {grown, isWhole: scroller.scrollHeight <= scroller.clientHeight + 1
    && root.scrollHeight >= innerHeight + grown - 1};
}

// Finds in our isolated world the element that an action is for, and waits until one can see it, for `limitMs`.
// The first element that matches and is visible counts. It is scrolled into view.
// The answer: x and y of its middle in the window; matches, how many elements match; covered, what lies over
// it; problem, why the browser cannot read the selector.
async ({ selector, limitMs }) => {
  const LOOK_EVERY_MS = 50;
  const MAX_LENGTH = 200;
  const until = performance.now() + limitMs;
  const frame = () => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  const isVisible = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(element).visibility === "visible";
  };
  const named = (element) => {
    const id = element.id && `#${element.id}`;
    const classes = [...element.classList].map((name) => `.${name}`).join("");
    return `<${element.localName}>${id}${classes}`.slice(0, MAX_LENGTH);
  };
  const place = (element) => {
    const box = element.getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  };
  for (;;) {
    let found;
    try {
      found = [...document.querySelectorAll(selector)];
    } catch (error) {
      return { problem: String(error.message).slice(0, MAX_LENGTH) };
    }
    const element = found.find(isVisible);
    const answer = { matches: found.length };
    if (element) {
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      Object.assign(answer, place(element));
      const top = document.elementFromPoint(answer.x, answer.y);
      const isFree = top && (element.contains(top) || top.contains(element) || top.shadowRoot?.contains(element));
      // A label passes a click on to its field.
      if (isFree || (top?.closest("label")?.control === element)) return answer;
      answer.covered = top ? named(top) : "the border of the window";
    }
    if (performance.now() >= until) return answer;
    await frame();
  }
}

// Waits in our isolated world for what `wait_for_selector` asks of an element, for `limitMs` at most.
// The answer: isThere, whether it came about; matches, how many elements match; problem, why the browser cannot
// read the selector.
async ({ selector, state, limitMs }) => {
  const LOOK_EVERY_MS = 50;
  const MAX_PROBLEM_LENGTH = 200;
  const until = performance.now() + limitMs;
  const isVisible = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(element).visibility === "visible";
  };
  const isThere = {
    attached: (found) => found.length > 0,
    visible: (found) => found.some(isVisible),
    hidden: (found) => !found.some(isVisible),
  }[state];
  for (;;) {
    let found;
    try {
      found = [...document.querySelectorAll(selector)];
    } catch (error) {
      return { problem: String(error.message).slice(0, MAX_PROBLEM_LENGTH) };
    }
    const answer = { isThere: isThere(found), matches: found.length };
    if (answer.isThere || performance.now() >= until) return answer;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

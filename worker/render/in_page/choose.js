// Chooses an option of a <select>, as a person does: the page is told by the events input and change.
// The answer: problem, in words that follow the selector; nothing if it worked.
({ selector, value }) => {
  const MAX_NAMED = 10;
  const element = [...document.querySelectorAll(selector)].find((one) => one.localName === "select");
  if (!element) return { problem: "is no <select>" };
  const options = [...element.options];
  const option =
    options.find((one) => one.value === value) ?? options.find((one) => one.label.trim() === value);
  if (!option) {
    const names = options.slice(0, MAX_NAMED).map((one) => one.value.slice(0, 50));
    return { problem: `has no such option; it has ${names.join(", ")}` };
  }
  option.selected = true;
  element.dispatchEvent(new Event("input", { bubbles: true }));
  element.dispatchEvent(new Event("change", { bubbles: true }));
  return {};
}

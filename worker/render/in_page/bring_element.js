// Brings the element of find_element.js into the window, in every box that scrolls around it, and hides what
// is fixed to the window and neither holds the element nor lies in it.
() => {
  const element = globalThis.pictured;
  const before = element.getBoundingClientRect();
  element.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
  const box = element.getBoundingClientRect();
  // Of a large one the top left is what counts.
  if (box.height > innerHeight || box.width > innerWidth)
    element.scrollIntoView({block: "start", inline: "start", behavior: "instant"});
  for (const other of document.querySelectorAll("body *"))
    if (!other.contains(element) && !element.contains(other) && other.getRootNode() === document
      && /fixed|sticky/.test(getComputedStyle(other).position) && !isAround(other))
      other.style.setProperty("visibility", "hidden", "important");
  const after = element.getBoundingClientRect();
  return {hasMoved: before.top !== after.top || before.left !== after.left,
    isLarge: box.height > innerHeight || box.width > innerWidth};

  function isAround(other) {  // an element in a shadow tree is in its host
    let host = element;
    while (host.getRootNode() !== document) host = host.getRootNode().host;
    return other.contains(host);
  }
}

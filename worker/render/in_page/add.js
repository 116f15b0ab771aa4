// Adds a style sheet or a script at an address to the page, and waits until it has loaded or failed.
// The answer: whether it has loaded.
({ kind, url }) =>
  new Promise((resolve) => {
    const element = document.createElement(kind === "style" ? "link" : "script");
    element.onload = () => resolve(true);
    element.onerror = () => resolve(false);
    if (kind === "style") {
      element.rel = "stylesheet";
      element.href = url;
    } else {
      element.src = url;
    }
    (document.head ?? document.documentElement).append(element);
  })

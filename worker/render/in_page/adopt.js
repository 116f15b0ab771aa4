// Adds CSS to the page. A sheet that is made in our world holds under any Content-Security-Policy of the page.
(text) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

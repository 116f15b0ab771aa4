// Gives the margins of the request to pages for which the document says margins in general (`@page`). What it
// says of some pages (`@page :first`, `@page cover`) still counts more: those rules come into the same sheet,
// because Chromium compares how specific two rules are only within one sheet.
(text) => {
  const special = (rules) =>
    [...rules].map((rule) => {
      if (rule instanceof CSSPageRule) return rule.selectorText ? rule.cssText : "";
      return rule instanceof CSSMediaRule ? `@media ${rule.conditionText}{${special(rule.cssRules)}}` : "";
    }).join("");
  const rulesOf = (sheet) => {
    try {
      const media = sheet.media.mediaText || "all";
      return sheet.disabled ? "" : `@media ${media}{${special(sheet.cssRules)}}`;
    } catch {
      return ""; // a sheet of another origin cannot be read
    }
  };
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text + [...document.styleSheets].map(rulesOf).join(""));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

// The page as Markdown, with absolute addresses. Needs the libraries of in_page/vendor in the same world.
// With `articleOnly`, menus, footers and the like are left out, if there is an article to tell them from.
// The answer: text; isArticle, whether it is the article alone.
({ articleOnly }) => {
  const article = articleOnly ? new Readability(document.cloneNode(true)).parse() : null;
  const content = document.createElement("div");
  content.append(...(article ? new DOMParser().parseFromString(article.content, "text/html") : document).body.cloneNode(true).childNodes);
  for (const name of ["href", "src"]) {
    for (const element of content.querySelectorAll(`[${name}]`)) {
      const address = element.getAttribute(name).trim();
      try {
        if (!address.startsWith("#")) element.setAttribute(name, new URL(address, document.baseURI).href);
      } catch {
        element.removeAttribute(name); // it is no address
      }
    }
  }
  const service = new TurndownService({ headingStyle: "atx", codeBlockStyle: "fenced", bulletListMarker: "-" });
  service.use(turndownPluginGfm.gfm);
  service.remove(["script", "style", "noscript", "template", "iframe", "canvas", "video", "audio", "svg"]);
  const text = service.turndown(content).trim();
  const title = (article?.title ?? document.title).trim().replace(/\s+/g, " ");
  const isTitled = !title || text.startsWith("# ");
  return { text: isTitled ? text : `# ${title}\n\n${text}`, isArticle: Boolean(article) };
}

// The document as it is now, as HTML: its doctype, all elements, and open shadow trees as declarative ones.
() => {
  const roots = [];
  const collect = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) {
        roots.push(element.shadowRoot);
        collect(element.shadowRoot);
      }
    }
  };
  collect(document);
  const { doctype, documentElement: root } = document;
  const before = doctype ? `${new XMLSerializer().serializeToString(doctype)}\n` : "";
  if (!root) return before;
  const [begin, end] = root.cloneNode(false).outerHTML.split(/(?=<\/[^<]*$)/);
  return before + begin + root.getHTML({ shadowRoots: roots }) + (end ?? "");
}

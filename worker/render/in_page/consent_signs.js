// Whether a page may have a consent banner, after overlays.js: a quick look, so that a page without one does not
// pay for the rules. Who finds nothing here finds nothing with the rules either.
globalThis.consentSigns ??= {
  // The words that a banner must have, in the languages whose buttons autoconsent knows.
  SUBJECT: /cookie|consent|gdpr|ccpa|do not sell|traceur|témoin|einwilligung|datenschutz|consentimiento|galetes|kakor|ciasteczk|souhlas|çerez|куки|toestemming|consenso|confidentialité|privacidad/i,
  // An element that calls itself a banner, although it does not lie over the page.
  NOTICE: ['cookie', 'consent', 'gdpr', 'ccpa'].flatMap(word => [`[id*=${word} i]`, `[class*=${word} i]`]).join(),

  // Without scripts there are no variables of a platform either.
  look(signs) {
    return { areThere: this.areThere(signs), hasScripts: document.scripts.length > 0 };
  },

  // `names`: ids and classes that rules look for, as `#id` and `.class`; `selectors`: what they look for besides.
  areThere({ names, selectors }) {
    const known = new Set(names);
    for (const element of document.querySelectorAll('[id], [class]')) {
      if (known.has(`#${element.id}`)) return true;
      for (const name of element.classList) if (known.has(`.${name}`)) return true;
    }
    if (document.querySelector(`${selectors}, ${this.NOTICE}`)) return true;
    for (const element of overlays.find()) if (this.SUBJECT.test(overlays.textOf(element))) return true;
    return false;
  },
};

// Tells by what a person would judge the page: its words, pictures, fonts and style sheets, and what only holds
// their places. It judges nothing itself (worker/render/verdict does), looks at a bounded number of elements, and
// looks closer only at pages that say little.
() => {
  const MAX_TEXTS = 1000;
  const MAX_ELEMENTS = 800;
  const MAX_IMAGES = 300;
  const MAX_TOLD = 40;
  // Of more parts Chromium writes nothing down.
  const MAX_ENTRIES = 250;
  const MAX_RULES = 5000;
  const ENOUGH_LETTERS = 2000;
  // A page that says less in its window may be a wall, an error, or a page that is still loading.
  const FEW_LETTERS = 600;
  const SMALL_PAGE_LETTERS = 4000;
  const TINY_PX = 3;
  const UNSEEN = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "TITLE", "OPTION"]);
  // The first part is for speed: a drawing may have thousands of elements, and most have none of these.
  const WIDGETS = `:is([class], [id], iframe, img):is(iframe[src*="challenges.cloudflare.com"],
    iframe[src*="hcaptcha.com"], iframe[src*="/recaptcha/"], iframe[src*="captcha-delivery.com"],
    iframe[src*="arkoselabs.com"], .cf-turnstile, .h-captcha, .g-recaptcha, #px-captcha,
    [class*=captcha i]:not(.grecaptcha-badge), [id*=captcha i], img[src*=captcha i], [id*=challenge i],
    [class*=challenge i])`;
  const HOLDERS = "[class*=skeleton i], [class*=shimmer i], [class*=placeholder i]";
  // What may hold the place of a text; and what may have a shadow root: all but what large drawings are made of.
  // No selector here may ask for ancestors or descendants: in deep documents that takes seconds.
  const BOXES = "div, span, p, li, section, td, i, a, h1, h2, h3, h4, h5, h6";
  const HOSTS = ":not(circle, ellipse, g, line, path, polygon, polyline, rect, stop, svg, text, tspan, use)";
  const SPINNERS = "[class*=spinner i], [class*=loader i], [class*=loading i], [role=progressbar], [aria-busy=true]";

  const [width, height] = [innerWidth, innerHeight];
  const share = (box) => {
    const [x, y] = [Math.min(box.right, width) - Math.max(box.left, 0), Math.min(box.bottom, height) - Math.max(box.top, 0)];
    return x > 0 && y > 0 ? (x * y) / (width * height) : 0;
  };
  const isVisible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const shown = (element) => (isVisible(element) ? share(element.getBoundingClientRect()) : 0);
  // Each element that a script takes hold of costs about 1 µs, so that no more are taken than are looked at.
  const some = (selector, most = MAX_TOLD) => Array.prototype.slice.call(document.querySelectorAll(selector), 0, most);
  const plain = (text, limit) => text.replace(/\s+/g, " ").trim().slice(0, limit);

  // What one reads in the window, and how much there is to read in the page.
  const read = { letters: 0, pageLetters: 0, words: [] };
  let texts = 0;
  const range = document.createRange();
  const readAll = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node; texts < MAX_TEXTS && (node = walker.nextNode()); texts++) {
      const text = node.data.trim();
      const parent = node.parentElement;
      if (!text || (parent && UNSEEN.has(parent.tagName))) continue;
      read.pageLetters += text.length;
      if (!isSilent() && read.pageLetters > SMALL_PAGE_LETTERS) return; // nobody asks for more
      if (read.letters > ENOUGH_LETTERS || (parent && !isVisible(parent))) continue;
      range.selectNodeContents(node);
      if (!share(range.getBoundingClientRect())) continue;
      read.letters += text.length;
      read.words.push(plain(text, ENOUGH_LETTERS));
    }
  };
  const isSilent = () => read.letters < FEW_LETTERS;
  if (document.documentElement) readAll(document.documentElement);
  if (isSilent()) {
    for (const { shadowRoot } of some(HOSTS, MAX_ELEMENTS)) if (shadowRoot) readAll(shadowRoot);
  }

  const images = { shown: 0, shownShare: 0, pageShown: 0, missing: [], pending: 0, pagePending: 0 };
  for (const image of some("img", MAX_IMAGES)) {
    const url = image.currentSrc || image.src;
    const box = image.getBoundingClientRect();
    const isTiny = [image.getAttribute("width"), image.getAttribute("height")].some((side) => side && parseInt(side) <= TINY_PX)
      || (box.width > 0 && box.height > 0 && Math.max(box.width, box.height) <= TINY_PX);
    if (!url || isTiny || !image.checkVisibility()) continue;
    const isInWindow = box.bottom >= 0 && box.right >= 0 && box.top < height && box.left < width;
    if (!image.complete) {
      if (isInWindow) images.pending += 1;
      if (isInWindow || image.loading !== "lazy") images.pagePending += 1;
    } else if (image.naturalWidth === 0) {
      if (images.missing.length < MAX_TOLD) images.missing.push([url.slice(0, 2000), isInWindow]);
    } else {
      images.pageShown += 1;
      if (isInWindow) images.shown += 1;
      images.shownShare += share(box);
    }
  }

  let [lost, scriptErrors] = [[], 0]; // in a page without scripts nobody answers
  const listen = ({ detail }) => ({ lost, errors: scriptErrors } = JSON.parse(detail));
  performance.addEventListener("renderfleetanswer", listen);
  performance.dispatchEvent(new CustomEvent("renderfleetask"));
  performance.removeEventListener("renderfleetanswer", listen);
  const asked = performance.getEntriesByType("resource");
  // Of most parts of other sites the status is kept from the page: it is 0.
  const isUnsure = ({ responseStatus }) => responseStatus < 200 || responseStatus >= 400;
  const refused = asked.filter((entry) => entry.responseStatus >= 400)
    .slice(0, MAX_TOLD).map((entry) => [entry.name.slice(0, 2000), entry.responseStatus]);
  const sheets = some("link[rel~=stylesheet i]:not([disabled])")
    .filter((link) => !link.media || matchMedia(link.media).matches);
  const isEmptySheet = ({ sheet }) => {
    try {
      return sheet !== null && sheet.cssRules.length === 0;
    } catch {
      return true; // of another site: nobody may read it, and whether it came shows only in how the page looks
    }
  };

  const fonts = { failed: [], loading: [], loaded: [] };
  for (const { family, status } of [...document.fonts].slice(0, MAX_IMAGES)) {
    const name = family.replace(/^["']|["']$/g, "").slice(0, 100);
    const list = { error: fonts.failed, loading: fonts.loading, loaded: fonts.loaded }[status];
    if (list && !list.includes(name)) list.push(name);
  }
  // Where those that failed should have come from, as far as style sheets tell; and the status of the answer.
  const sources = [];
  let rulesLeft = fonts.failed.length ? MAX_RULES : 0;
  const readRules = (holder, base) => {
    try {
      for (const rule of holder.cssRules) {
        if (rulesLeft-- <= 0 || sources.length >= MAX_TOLD) return;
        if (rule.styleSheet) readRules(rule.styleSheet, rule.styleSheet.href ?? base);
        else if (rule.cssRules) readRules(rule, base);
        const family = rule instanceof CSSFontFaceRule && plain(rule.style.getPropertyValue("font-family"), 200).replace(/^["']|["']$/g, "");
        if (!fonts.failed.includes(family)) continue;
        for (const [, text] of rule.style.getPropertyValue("src").matchAll(/url\("?([^")]+)/g)) {
          const { href } = new URL(text, base);
          const status = asked.find(({ name }) => name === href)?.responseStatus ?? 0;
          if (/^https?:/.test(href)) sources.push([family, href.slice(0, 2000), status]);
        }
      }
    } catch { /* of another site, or no address */ }
  };
  for (const sheet of [...document.styleSheets, ...document.adoptedStyleSheets]) {
    if (rulesLeft > 0) readRules(sheet, sheet.href ?? document.baseURI);
  }

  const look = document.body && getComputedStyle(document.body);
  const isPlain = !!look && /^"?Times New Roman"?$/.test(look.fontFamily) && look.backgroundColor === "rgba(0, 0, 0, 0)";
  const answer = {
    ...read,
    words: read.words.join("\n").slice(0, ENOUGH_LETTERS),
    headings: some("h1, h2").filter(isVisible).slice(0, 6).map((heading) => plain(heading.textContent, 200)),
    images,
    fonts: { ...fonts, sources },
    refused,
    lost: lost.slice(0, MAX_TOLD),
    unsure: asked.length < MAX_ENTRIES ? asked.filter(isUnsure).length : asked.length,
    scriptErrors,
    frames: length,
    sheets: sheets.map((link) => link.href),
    emptySheets: sheets.filter(isEmptySheet).map((link) => link.href),
    isPlain,
    media: 0,
    fields: 0,
    passwords: 0,
    widgets: 0,
    holders: 0,
    spinners: 0,
  };
  if (!isSilent() && read.pageLetters > SMALL_PAGE_LETTERS) return answer;

  for (const element of some("canvas, svg, video, iframe, object, embed")) answer.media += shown(element);
  for (const field of some("input:not([type=hidden]), textarea, select")) {
    if (!shown(field)) continue;
    answer.fields += 1;
    if (field.type === "password") answer.passwords += 1;
  }
  answer.widgets = some(WIDGETS).filter((element) => shown(element) > 0).length;
  if (!isSilent()) return answer;

  const isFilled = (element) => {
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    const [red, green, blue, alpha = 1] = backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
    const isGrey = alpha > 0 && Math.max(red, green, blue) - Math.min(red, green, blue) < 40;
    return backgroundImage.includes("gradient") || isGrey;
  };
  const named = new Set(some(HOLDERS));
  for (const element of some(BOXES, MAX_ELEMENTS)) {
    if (element.firstElementChild || element.textContent.trim()) continue;
    const part = shown(element);
    // A thin line is no place for a text; what fills the window is its background.
    const isBox = element.clientHeight >= 6 && part < 0.6;
    if (part && isBox && (named.has(element) || isFilled(element))) answer.holders += part;
  }
  const isEndless = ({ playState, effect }) =>
    playState === "running" && effect?.target?.checkVisibility?.() && effect.getComputedTiming().endTime === Infinity
    && share(effect.target.getBoundingClientRect()) > 0;
  answer.spinners = some(SPINNERS).filter((element) => shown(element) > 0).length
    + document.getAnimations().filter(isEndless).length;
  return answer;
}

// What banners and popups have in common: how they are found and hidden, and how the page behind them is opened
// again. An overlay is what lies over the page: fixed to the window, or a dialog.
globalThis.overlays ??= (() => {
  const MAX_LOOK_MS = 100;
  const MAX_TEXT = 4000;
  const DIALOG = 'dialog[open], [popover], [role=dialog], [role=alertdialog], [aria-modal=true]';
  // What is of the page itself is in one of these; no overlay that may go has one.
  const PAGE = 'main, article, nav, [role=main], [role=navigation]';
  const PICTURE = 'img, svg, video, canvas, iframe, object, input, button';

  const parent = element => element.parentElement ?? element.getRootNode().host ?? null;

  const isDrawn = element => {
    const { width, height } = element.getBoundingClientRect();
    return width * height > 100 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  };

  const isShown = element => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return right > 0 && bottom > 0 && left < innerWidth && top < innerHeight && isDrawn(element);
  };

  // Of an element that is fixed there is no offset parent: that is known sooner than its style.
  const isOverlay = element => {
    if (element === document.body || element === document.documentElement) return false;
    if (element.matches(DIALOG)) return true;
    return !element.offsetParent && getComputedStyle(element).position === 'fixed';
  };

  const textOf = element => {
    let text = element.innerText ?? '';
    const inner = element.querySelectorAll('*');
    for (const one of inner.length < 500 ? [element, ...inner] : [element]) {
      for (const child of one.shadowRoot?.children ?? []) {
        if (child.localName !== 'style') text += `\n${child.innerText ?? ''}`;
      }
    }
    return text.slice(0, MAX_TEXT);
  };

  // All elements, those in open shadow trees too; for a page of very many only the first. Not the parts of
  // drawings: a chart has hundreds, and none of them lies over the page by itself.
  function* elements(root) {
    const endsAt = performance.now() + MAX_LOOK_MS;
    const roots = [root];
    for (let at = roots.pop(); at; at = roots.pop()) {
      for (const element of at.querySelectorAll('*')) {
        if (element.ownerSVGElement) continue;
        if (performance.now() > endsAt) return;
        yield element;
        if (element.shadowRoot) roots.push(element.shadowRoot);
      }
    }
  }

  const area = element => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    const width = Math.min(right, innerWidth) - Math.max(left, 0);
    const height = Math.min(bottom, innerHeight) - Math.max(top, 0);
    return (width * height) / (innerWidth * innerHeight);
  };

  const setStyle = (element, name, value) => element.style.setProperty(name, value, 'important');

  // The overlay around an element that has nothing else in it, such as the dark ground of a dialog.
  const around = element => {
    const length = textOf(element).length;
    let found = element;
    for (let at = parent(element); at && at !== document.body; at = parent(at)) {
      if (at.matches(PAGE) || textOf(at).length > length * 1.2 + 40) break;
      if (isOverlay(at) && !at.querySelector(PAGE)) found = at;
    }
    return found;
  };

  const covers = element => {
    const { position } = getComputedStyle(element);
    return (position === 'fixed' || position === 'absolute') && area(element) > 0.9
      && !textOf(element).trim() && !element.querySelector(PICTURE) && !element.matches(PICTURE);
  };

  // Takes away the ground that an overlay has left: an empty area over the whole window.
  const uncover = () => {
    let count = 0;
    for (const share of [0.5, 0.15, 0.85]) {
      for (let times = 0; times < 3; times++) {
        const element = document.elementFromPoint(innerWidth * share, innerHeight * share);
        if (!element || element === document.body || element === document.documentElement || !covers(element)) break;
        setStyle(element, 'display', 'none');
        count++;
      }
    }
    return count;
  };

  const unlock = () => {
    for (const element of [document.documentElement, document.body]) {
      const { overflowY, position } = getComputedStyle(element);
      if (overflowY === 'hidden' || overflowY === 'clip') setStyle(element, 'overflow', 'visible');
      if (position === 'fixed') setStyle(element, 'position', 'static');
    }
    for (const element of document.body.children) {
      if (getComputedStyle(element).filter.includes('blur')) setStyle(element, 'filter', 'none');
    }
  };

  return {
    isDrawn,
    isShown,
    isOverlay,
    textOf,
    area,
    PAGE,

    // Whether a frame lies over the page.
    isOver(frame) {
      if (!isShown(frame)) return false;
      for (let at = frame; at && at !== document.body; at = parent(at)) {
        const { position, zIndex } = getComputedStyle(at);
        if (position === 'fixed' || (position === 'absolute' && zIndex > 0) || at.matches(DIALOG)) return true;
      }
      return false;
    },

    // Shown overlays, inner ones before those around them.
    *find() {
      const found = [];
      for (const element of elements(document)) {
        if (isOverlay(element) && isShown(element)) found.push(element);
      }
      yield* found.reverse();
    },

    // Hides an overlay, and what it has done to the page behind it.
    hide(element) {
      const whole = around(element);
      const isModal = whole.matches(':modal, [aria-modal=true]') || area(whole) > 0.5;
      setStyle(whole, 'display', 'none');
      if (uncover() || isModal) unlock();
    },
  };
})();

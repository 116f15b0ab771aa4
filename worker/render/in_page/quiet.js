// By this script a document says what in it still changes. It runs in our isolated world, where the page does
// not see it, and only when it is asked; what it leaves behind is one MutationObserver.
//
// Called with `limitMs`, it answers as soon as the document is quiet, or after that time. The answer:
//   open:    what still changes, such as "animations"; an empty list means that the document is quiet
//   begun:   what begun.js in the page's own world says, where it runs
//   isStill: nothing in the document can change by itself, so that it was not watched at all
//   facts:   what `describe` says when all this is over, called with the milliseconds that fonts may still take
// Without `withFonts` it waits for no fonts.
async ({ limitMs, withFonts }, describe) => {
  const ASK = "renderfleetask";
  const ANSWER = "renderfleetanswer";
  // Nothing that one sees has changed for so long.
  const QUIET_MS = 100;
  // What changes without a pause for longer goes on for ever, such as a clock or falling snow.
  const STREAK_MS = 2500;
  // A pause is longer than the slowest frames of a busy machine are apart.
  const PAUSE_MS = 300;
  // A font that has not come by then is drawn in its fallback; Chromium itself swaps after three seconds.
  const FONTS_MS = 3000;
  const TICK_MS = 50;
  // Whatever waits for its turn in the page has it by then. To watch for longer, or for a frame of the animation,
  // would have Chromium draw a frame more (10 ms of CPU).
  const GLANCE_MS = 5;
  const LATE_FRAME_MS = 2500;
  // A canvas is compared as a picture of so many points a side, of which each is the mean of its part.
  const SIDE = 64;
  const MAX_CANVASES = 8;
  // What may have a shadow root: all but what large drawings are made of, of which to look at one takes 1 µs.
  // Nothing here may ask for ancestors or descendants: in deep documents that takes seconds.
  const HOSTS = ":not(circle, ellipse, g, line, path, polygon, polyline, rect, stop, svg, text, tspan, use)";
  const UNSEEN = new Set(["script", "meta", "title", "base", "noscript", "template"]);

  const now = () => performance.now();
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  // A frame out of view gets no frames of the animation; the window always does, be the machine ever so busy.
  const nextFrame = () => {
    const frame = new Promise((resolve) => requestAnimationFrame(resolve));
    return Promise.race([frame, sleep(self === top ? LATE_FRAME_MS : 2 * TICK_MS)]);
  };
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Something that may change for ever: when it last did, and since when it does so without a pause.
  class Motion {
    changedAt = -Infinity;
    since = -Infinity;

    change() {
      const at = now();
      if (at - this.changedAt >= PAUSE_MS) this.since = at;
      this.changedAt = at;
    }

    quietAt() {
      return this.changedAt - this.since > STREAK_MS ? -Infinity : this.changedAt + QUIET_MS;
    }
  }

  const isShown = (element) => {
    const box = element.getBoundingClientRect();
    const isInView = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    return isInView && box.width > 0 && box.height > 0 && element.checkVisibility();
  };
  const isSeen = (node) => node.nodeType !== Node.COMMENT_NODE && !UNSEEN.has(node.localName);
  const isChange = ({ type, target, addedNodes, removedNodes }) =>
    isSeen(target) && (type !== "childList" || [...addedNodes, ...removedNodes].some(isSeen));

  class Watch {
    layout = new Motion();
    drawing = new Motion();
    #samples = new WeakMap();
    #pen = null;
    #letters = new TextDecoder("latin1"); // a letter for each byte: two texts are compared at once

    constructor() {
      this.layout.change(); // nobody knows what was before
      const observer = new MutationObserver((records) => {
        if (records.some(isChange)) this.layout.change();
      });
      const watch = (root) => {
        observer.observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
        for (const { shadowRoot } of root.querySelectorAll(HOSTS)) if (shadowRoot) watch(shadowRoot);
      };
      watch(document);
    }

    changedAt() {
      return Math.max(this.layout.changedAt, this.drawing.changedAt);
    }

    #sample(canvas) {
      if (this.#pen === null) {
        this.#pen = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
        this.#pen.imageSmoothingQuality = "medium"; // "low" would leave out most points of a large canvas
      }
      try {
        this.#pen.clearRect(0, 0, SIDE, SIDE);
        this.#pen.drawImage(canvas, 0, 0, SIDE, SIDE);
        return this.#letters.decode(this.#pen.getImageData(0, 0, SIDE, SIDE).data);
      } catch {
        return ""; // without area, or with pictures of other sites, which no script may read
      }
    }

    // In a frame of the animation, after the page itself has drawn: WebGL's pixels can be read only then.
    lookAtCanvases() {
      for (const canvas of all("canvas").filter(isShown).slice(0, MAX_CANVASES)) {
        const before = this.#samples.get(canvas);
        const found = this.#sample(canvas);
        if (before !== found) this.drawing.change(); // also when it is new: it is about to be drawn
        this.#samples.set(canvas, found);
      }
    }
  }

  // Animations of style sheets, transitions and Web Animations that end by themselves, and soon enough.
  const isRunning = (animation) => {
    if (animation.playState !== "running" || animation.timeline !== document.timeline) return false;
    const leftMs = animation.effect.getComputedTiming().endTime - animation.currentTime;
    return animation.playbackRate > 0 && leftMs / animation.playbackRate < limitMs;
  };
  const startedAt = now();
  const isLoading = {
    animations: () => document.getAnimations().some(isRunning),
    fonts: () => withFonts && document.fonts.status === "loading" && now() - startedAt < FONTS_MS,
    images: () => all("img").some((image) => !image.complete && isShown(image)),
    videos: () => all("video").some((film) => film.networkState === 2 && film.readyState < 2 && isShown(film)),
  };
  const parts = () => Object.keys(isLoading).filter((name) => isLoading[name]());
  const ask = () => {
    let answer = { requests: [], others: [], timers: 0, connections: 0, endedAt: 0, isIdle: false };
    const listen = ({ detail }) => (answer = JSON.parse(detail));
    performance.addEventListener(ANSWER, listen);
    performance.dispatchEvent(new CustomEvent(ASK));
    performance.removeEventListener(ANSWER, listen);
    // A player takes its film from the network for as long as it plays.
    answer.others.push(...all("audio, video").map((film) => film.currentSrc));
    return answer;
  };
  const isScript = (script) => /^$|javascript|module/i.test(script.type);
  const canChange = () => all("script").some(isScript) || all("[onload], [onerror]").length > 0;

  // What scripts have begun and wait for. A page whose only scripts are handlers of events has some after a click.
  const awaited = (begun) =>
    ["requests", "timers", "connections"].filter((name) => begun[name].length ?? begun[name]);

  // A script that was added after the load event may not have come. One in an SVG has no `src`.
  const hasCome = ({ src = "" }) => !src.startsWith("http") || performance.getEntriesByName(src).length > 0;
  // Nobody is told of the scripts that another one imports.
  const isImporting = ({ type, textContent }) => /^module$/i.test(type) || /\bimport\s*\(/.test(textContent);
  const areDone = (scripts) => scripts.every(hasCome) && !scripts.some(isImporting);
  // What changes by itself, or shows another document.
  const ALIVE = "audio, video, iframe, frame, object, embed";
  // Nothing is known that could still change the page.
  const isFinished = (begun) =>
    begun.isIdle && !parts().length && !document.querySelector(ALIVE) && areDone(all("script"));

  // What a finished page may still do at once: a message between its scripts, a picture out of its own text.
  const glance = async (watch) => {
    const before = watch.changedAt();
    await sleep(GLANCE_MS);
    watch.lookAtCanvases();
    const begun = ask();
    return watch.changedAt() === before && isFinished(begun) ? begun : null;
  };

  const settle = async (begunAtFirst) => {
    const isNew = !("renderfleetWatch" in self);
    const watch = (self.renderfleetWatch ??= new Watch());
    const until = now() + limitMs;
    watch.lookAtCanvases();
    if (isNew && isFinished(begunAtFirst)) {
      const begun = await glance(watch);
      if (begun) return { open: [], begun, isStill: false };
    }
    for (;;) {
      const leftMs = Math.max(watch.layout.quietAt(), watch.drawing.quietAt()) - now();
      await sleep(Math.max(TICK_MS, Math.min(leftMs, 2 * TICK_MS)));
      // Whoever draws frame by frame draws now, also on a machine that is too busy for a frame in 100 ms.
      await nextFrame();
      await (document.querySelector("canvas") ? nextFrame() : sleep(0)); // what draws after us, in the same frame
      watch.lookAtCanvases();
      const begun = ask();
      const open = parts();
      open.push(...awaited(begun));
      if (begun.endedAt + QUIET_MS > now()) open.push("scripts"); // what has come is still to be shown
      if (watch.layout.quietAt() > now()) open.push("layout");
      if (watch.drawing.quietAt() > now()) open.push("canvas");
      if (!open.length || now() >= until) return { open, begun, isStill: false };
    }
  };

  const isWatched = "renderfleetWatch" in self;
  const begun = ask();
  const isStill = !isWatched && !canChange() && !awaited(begun).length && !parts().length;
  const answer = isStill ? { open: [], begun, isStill } : await settle(begun);
  const fontsMs = withFonts ? Math.max(0, startedAt + FONTS_MS - now()) : 0;
  return { ...answer, facts: await describe?.(fontsMs) };
}

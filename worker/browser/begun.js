// Keeps account of what the page's scripts have begun and not ended: requests, short timers, and connections
// that have not said anything yet. It has to run in the page's own world, before the page's scripts: nobody
// else is told of a timer, nor, without a message for each request of the page, of a fetch() over https.
// Chromium makes that world, and runs this, for the first script of a document: without scripts it costs nothing.
// So it has to be the first also in a document that is written: the writing takes away the listeners of before.
//
// quiet.js asks it with an event at `performance`, an object that both worlds share, and gets the answer as an
// event: {requests: addresses that are awaited, others: addresses that are not, timers, connections, endedAt: when
// something that was awaited has ended, isIdle: whether no script is going to run, as far as is known, lost:
// addresses of pictures, scripts and style sheets that did not come, errors: how many errors scripts have thrown or
// written to the console}.
(() => {
  const ASK = "renderfleetask";
  const ANSWER = "renderfleetanswer";
  const { stringify } = JSON;
  const { setPrototypeOf } = Object;
  // Some libraries give all arrays or objects a toJSON(), which would change what we tell.
  const bare = (value) => setPrototypeOf(value, null);
  // A shorter timer ends while the layout has to be quiet: it is not awaited, but the page is not idle. After a
  // longer one nobody would still expect the page to be unfinished: an advertisement that pops up, a slide that
  // is the next one's turn.
  const SHORTEST_MS = 50;
  const LONGEST_MS = 1000;
  // What has ended so often and begins again is a question for news: the same address, the same path.
  const SAME_ADDRESS = 2;
  const SAME_PATH = 3;
  // By such words applications name what brings news or takes statistics, and no content.
  const NEWS = /poll|comet|socket|subscribe|heartbeat|keep-?alive|beacon|analytics|telemetry|\b(ping|sse|collect)\b/i;
  // The first message of a connection comes by then, if the page's content comes from it.
  const FIRST_MESSAGE_MS = 500;
  const MAX_REMEMBERED = 1000;
  const MAX_STREAMS = 100;
  const MAX_LOST = 40;
  const MAX_URL_LENGTH = 2000;
  // What runs scripts of the page some time, without a word about when.
  const UNTOLD = new Map([
    [self, ["IntersectionObserver", "ResizeObserver", "SharedWorker", "Worker", "createImageBitmap"]],
    [self.WebAssembly, ["compile", "instantiate"]],
    [self.IDBFactory?.prototype, ["open"]],
  ]);
  const now = performance.now.bind(performance);

  const requests = new Map(); // token -> {url, isAwaited}
  const streams = new Set(); // addresses of answers that have begun, of which nobody knows if they end
  const connections = new Map(); // token -> when it ceases to be awaited
  const timers = new Set(); // ids of those that are awaited
  const due = { timers: new Set(), frames: new Set(), idle: new Set() }; // ids of all that scripts have asked for
  let isUntold = false; // whether the page has used one of UNTOLD
  const ended = new Map(); // what -> how often it has ended
  let endedAt = 0; // when something that was awaited has
  let errors = 0; // of scripts
  const lost = new Set(); // addresses of elements of which Chromium tells an error, and nobody else a status

  const end = (what) => {
    if (ended.size < MAX_REMEMBERED) ended.set(what, (ended.get(what) ?? 0) + 1);
  };
  const times = (what) => ended.get(what) ?? 0;
  const wrap = (owner, name, handler) => {
    owner[name] = new Proxy(owner[name], handler);
  };

  const stream = (url) => {
    if (streams.size < MAX_STREAMS) streams.add(url);
  };
  const begin = (method, address, isAwaited) => {
    const token = {};
    let url;
    try {
      url = new URL(address, document.baseURI);
    } catch {
      return () => {};
    }
    if (!url.protocol.startsWith("http")) return () => {};
    const [whole, path] = [`${method} ${url}`, `${method} ${url.origin}${url.pathname}`];
    const isNews = times(whole) >= SAME_ADDRESS || times(path) >= SAME_PATH || NEWS.test(url.pathname + url.search);
    requests.set(token, { url: url.href.split("#")[0], isAwaited: isAwaited && !isNews });
    return (isLost) => {
      // The server may not notice that nobody wants its answer any more: the port would wait for it.
      if (isLost) stream(url.href.split("#")[0]);
      if (requests.get(token)?.isAwaited) endedAt = now();
      if (!requests.delete(token)) return;
      end(whole);
      if (path !== whole) end(path);
    };
  };

  wrap(self, "fetch", {
    apply(target, owner, [resource, options = {}, ...rest]) {
      const asked = resource instanceof Request ? resource : {};
      const { method = asked.method ?? "GET", keepalive = asked.keepalive, mode = asked.mode } = options ?? {};
      // No script can read an answer in this mode, and none waits for one that may outlive the page.
      const isAwaited = !keepalive && mode !== "no-cors";
      const over = begin(method, asked.url ?? String(resource), isAwaited);
      const promise = Reflect.apply(target, owner, [resource, options, ...rest]);
      promise.then((answer) => {
        over();
        stream(answer.url);
      }, () => over(true));
      return promise;
    },
  });
  for (const name of ["arrayBuffer", "blob", "bytes", "formData", "json", "text"]) {
    if (!(name in Response.prototype)) continue;
    wrap(Response.prototype, name, {
      apply(target, answer, rest) {
        const over = begin("read", answer.url || "about:blank", true);
        const promise = Reflect.apply(target, answer, rest);
        const read = () => {
          over();
          streams.delete(answer.url);
        };
        promise.then(read, () => over(true));
        return promise;
      },
    });
  }

  const asked = new WeakMap(); // XMLHttpRequest -> what its open() was given
  wrap(XMLHttpRequest.prototype, "open", {
    apply(target, request, [method, url, ...rest]) {
      asked.set(request, [String(method), String(url)]);
      return Reflect.apply(target, request, [method, url, ...rest]);
    },
  });
  wrap(XMLHttpRequest.prototype, "send", {
    apply(target, request, rest) {
      const over = begin(...(asked.get(request) ?? ["", "about:blank"]), true);
      request.addEventListener("loadend", () => over(request.status === 0), { once: true });
      return Reflect.apply(target, request, rest);
    },
  });

  for (const name of ["EventSource", "WebSocket"]) {
    if (!(name in self)) continue;
    wrap(self, name, {
      construct(target, rest, made) {
        const connection = Reflect.construct(target, rest, made);
        const token = {};
        stream(connection.url);
        connections.set(token, now() + FIRST_MESSAGE_MS);
        const over = () => {
          if (now() < connections.get(token)) endedAt = now();
          connections.delete(token);
        };
        for (const event of ["message", "error", "close"]) connection.addEventListener(event, over, { once: true });
        return connection;
      },
    });
  }

  wrap(self, "setTimeout", {
    apply(target, owner, given) {
      const [task, delay, ...rest] = given;
      if (delay > LONGEST_MS) return Reflect.apply(target, owner, given);
      if (typeof task !== "function") {
        isUntold = true; // the text of a script
        return Reflect.apply(target, owner, given);
      }
      const what = delay >= SHORTEST_MS ? `timer ${delay} ${String(task).slice(0, 200)}` : "";
      const isAwaited = what && !times(what);
      const run = function (...words) {
        due.timers.delete(id);
        if (isAwaited) {
          timers.delete(id);
          endedAt = now();
          end(what);
        }
        return Reflect.apply(task, this, words);
      };
      const id = Reflect.apply(target, owner, [run, delay, ...rest]);
      due.timers.add(id);
      if (isAwaited) timers.add(id);
      return id;
    },
  });
  wrap(self, "setInterval", {
    apply(target, owner, given) {
      const id = Reflect.apply(target, owner, given);
      if (!(given[1] > LONGEST_MS)) due.timers.add(id);
      return id;
    },
  });
  for (const name of ["clearTimeout", "clearInterval"]) { // either clears both kinds
    wrap(self, name, {
      apply(target, owner, given) {
        timers.delete(given[0]);
        due.timers.delete(given[0]);
        return Reflect.apply(target, owner, given);
      },
    });
  }
  const countCallbacks = (request, cancel, ids) => {
    wrap(self, request, {
      apply(target, owner, given) {
        const [task, ...rest] = given;
        if (typeof task !== "function") return Reflect.apply(target, owner, given); // which throws
        const run = function (...words) {
          ids.delete(id);
          return Reflect.apply(task, this, words);
        };
        const id = Reflect.apply(target, owner, [run, ...rest]);
        ids.add(id);
        return id;
      },
    });
    wrap(self, cancel, {
      apply(target, owner, given) {
        ids.delete(given[0]);
        return Reflect.apply(target, owner, given);
      },
    });
  };
  countCallbacks("requestAnimationFrame", "cancelAnimationFrame", due.frames);
  countCallbacks("requestIdleCallback", "cancelIdleCallback", due.idle);
  const tell = (call) => (...given) => {
    isUntold = true;
    return call(...given);
  };
  const handler = { apply: tell(Reflect.apply), construct: tell(Reflect.construct) };
  for (const [owner, names] of UNTOLD) {
    for (const name of names) if (owner && name in owner) wrap(owner, name, handler);
  }
  // A picture that is in no document: its script waits for it.
  const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
  source.set = new Proxy(source.set, {
    apply(target, image, given) {
      if (!image.isConnected) isUntold = true;
      return Reflect.apply(target, image, given);
    },
  });
  Object.defineProperty(HTMLImageElement.prototype, "src", source);

  const noteError = (event) => {
    if (event instanceof ErrorEvent) {
      errors += 1;
      return;
    }
    const url = event.target?.src || event.target?.href;
    if (typeof url === "string" && lost.size < MAX_LOST) lost.add(url.slice(0, MAX_URL_LENGTH));
  };
  const count = () => (errors += 1);
  wrap(console, "error", {
    apply(target, owner, given) {
      count();
      return Reflect.apply(target, owner, given);
    },
  });
  // Such events do not bubble, so that they are caught on their way down. In a page that was loaded from an address
  // those of its parts have not been seen to come here; there the log and the pictures themselves tell of them.
  addEventListener("error", noteError, true);
  addEventListener("unhandledrejection", count);

  performance.addEventListener(ASK, () => {
    const all = [...requests.values()];
    const isDue = due.timers.size || due.frames.size || due.idle.size;
    const isOpen = requests.size || streams.size || connections.size;
    const urls = (isAwaited) => all.filter((one) => one.isAwaited === isAwaited).map((one) => one.url);
    const detail = stringify(bare({
      requests: bare(urls(true)),
      others: bare([...urls(false), ...streams]),
      timers: timers.size,
      endedAt,
      lost: bare([...lost]),
      errors,
      isIdle: !isDue && !isOpen && !isUntold,
      connections: [...connections.values()].filter((until) => now() < until).length,
    }));
    performance.dispatchEvent(new CustomEvent(ANSWER, { detail }));
  });
})();

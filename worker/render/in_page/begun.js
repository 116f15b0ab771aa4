// Keeps account of what the page's scripts have begun and not ended: requests, short timers, and connections
// that have not said anything yet. It has to run in the page's own world, before the page's scripts: nobody
// else is told of a timer, nor, without a message for each request of the page, of a fetch() over https.
//
// quiet.js asks it with an event at `performance`, an object that both worlds share, and gets the answer as an
// event: {requests: addresses that are awaited, others: addresses that are not, timers, connections, endedAt: when
// something that was awaited has ended}.
(() => {
  const ASK = "renderfleetask";
  const ANSWER = "renderfleetanswer";
  // A shorter timer ends while the layout has to be quiet. After a longer one nobody would still expect the
  // page to be unfinished: an advertisement that pops up, a slide that is the next one's turn.
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
  const now = performance.now.bind(performance);

  const requests = new Map(); // token -> {url, isAwaited}
  const streams = new Set(); // addresses of answers that have begun, of which nobody knows if they end
  const connections = new Map(); // token -> when it ceases to be awaited
  const timers = new Set(); // ids
  const ended = new Map(); // what -> how often it has ended
  let endedAt = 0; // when something that was awaited has

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
    apply(target, owner, [task, delay, ...rest]) {
      const isCounted = typeof task === "function" && delay >= SHORTEST_MS && delay <= LONGEST_MS;
      const what = isCounted ? `timer ${delay} ${String(task).slice(0, 200)}` : "";
      if (!isCounted || times(what)) return Reflect.apply(target, owner, [task, delay, ...rest]);
      const run = function (...given) {
        timers.delete(id);
        endedAt = now();
        end(what);
        return Reflect.apply(task, this, given);
      };
      const id = Reflect.apply(target, owner, [run, delay, ...rest]);
      timers.add(id);
      return id;
    },
  });
  wrap(self, "clearTimeout", {
    apply(target, owner, [id, ...rest]) {
      timers.delete(id);
      return Reflect.apply(target, owner, [id, ...rest]);
    },
  });

  performance.addEventListener(ASK, () => {
    const all = [...requests.values()];
    const urls = (isAwaited) => all.filter((one) => one.isAwaited === isAwaited).map((one) => one.url);
    const detail = JSON.stringify({
      requests: urls(true),
      others: [...urls(false), ...streams],
      timers: timers.size,
      endedAt,
      connections: [...connections.values()].filter((until) => now() < until).length,
    });
    performance.dispatchEvent(new CustomEvent(ANSWER, { detail }));
  });
})();

// The script of the dashboard. Every page works without it: it makes pages live, and some things shorter.
"use strict";

const LIVE = "/ui/live";
const AGAIN_MS = 10_000;

// --- Live: the stream says that something has changed, and htmx fetches and morphs the part `#live`. ---

function live() {
  const place = document.querySelector("[data-live]");
  const note = document.getElementById("connection");
  if (!place || !note) return;
  let stream = null;
  let timer = null;

  let asked = -Infinity;
  let waits = 0;

  // Some pages cost the server more, and say how many seconds lie between two questions at least.
  function ask() {
    const pause = asked + 1000 * place.dataset.live - performance.now();
    clearTimeout(waits);
    if (pause > 0) {
      waits = setTimeout(ask, pause);
    } else {
      asked = performance.now();
      htmx.trigger(place, "changed");
    }
  }
  const later = (step) => {
    clearTimeout(timer);
    timer = setTimeout(step, AGAIN_MS);
  };

  function open() {
    clearTimeout(timer);
    stream?.close();
    stream = new EventSource(LIVE);
    stream.onmessage = ask;
    stream.onopen = () => note.hidden || ask();
    stream.onerror = () => {
      // The browser connects again by itself, unless the answer was a refusal: then the page asks every 10 s.
      if (stream.readyState === EventSource.CLOSED) later(reopen);
      ask();
    };
  }

  function reopen() {
    ask();
    open();
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(timer);
      clearTimeout(waits);
      stream?.close();
    } else {
      reopen();
    }
  });

  const failed = (words) => {
    note.textContent = `${words} What you see is of ${note.dataset.since}. The page goes on by itself.`;
    note.hidden = false;
    later(reopen);
  };
  const seen = () => {
    note.dataset.since = new Date().toLocaleTimeString();
    note.hidden = true;
    note.textContent = "";
  };
  place.addEventListener("htmx:response:error", (event) => {
    const { status } = event.detail.ctx.response;
    if (status !== 401) failed(`The server cannot tell what is new: ${event.detail.ctx.text.slice(0, 200)} (${status}).`);
  });
  place.addEventListener("htmx:error", () => failed("The server does not answer."));
  // Also after a refusal, which is not put into the page.
  place.addEventListener("htmx:after:swap", (event) => event.detail.ctx.response.status < 400 && seen());
  seen();
  open();
}

// --- Signing in with an address that has the key behind its #, which browsers do not send. ---

function login() {
  const form = document.querySelector("[data-login]");
  if (!form) return;
  const key = location.hash.slice(1);
  if (!key.startsWith("rf_")) {
    form.elements.key.focus();
    return;
  }
  form.elements.key.value = key;
  history.replaceState(null, "", location.pathname + location.search);
  form.querySelector("button").focus();
}

// --- Pictures that do not come: the storage may be away. They are asked for again, ever more seldom. ---

const FIRST_AGAIN_MS = 5_000;
const LAST_AGAIN_MS = 320_000;

function isAway(image) {
  image.parentElement.classList.add("is-away");
  const pause = Number(image.dataset.pause ?? FIRST_AGAIN_MS);
  if (pause > LAST_AGAIN_MS) return;
  image.dataset.pause = 2 * pause;
  setTimeout(() => (image.src = image.src), pause);
}

function pictures() {
  const isPicture = (event) => event.target.matches?.("main img");
  document.addEventListener("error", (event) => isPicture(event) && isAway(event.target), true);
  document.addEventListener("load", (event) => isPicture(event) && event.target.parentElement.classList.remove("is-away"), true);
  for (const image of document.querySelectorAll("main img")) {
    if (image.complete && !image.naturalWidth && image.loading !== "lazy") isAway(image);
  }
}

// --- Small things that markup asks for. ---

async function copy(button) {
  const text = button.dataset.copies;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers have no clipboard for pages of plain http.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (button) copy(button);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-sends]")) event.target.form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const question = (event.submitter?.dataset.asks || event.target.dataset.asks) ?? "";
  if (question && !window.confirm(question)) event.preventDefault();
});

// --- Keys: `/` to the filter, `g` and a letter to another page, `?` for all of them. ---

const isTyping = (target) => target.matches("input, textarea, select, [contenteditable]");

function keys() {
  let goes = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (goes) {
      goes = false;
      const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) link.click();
      return;
    }
    if (event.key === "g") goes = true;
    if (event.key === "/") {
      const filter = document.querySelector("[data-filter]");
      if (filter) {
        event.preventDefault();
        filter.focus();
      }
    }
    if (event.key === "?") document.getElementById("keys")?.showModal();
  });
}

document.documentElement.classList.add("scripted");
document.addEventListener("DOMContentLoaded", () => {
  live();
  pictures();
  login();
  keys();
});

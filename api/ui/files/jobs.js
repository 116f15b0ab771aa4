// The list of jobs: selecting, keys, and new jobs that wait while somebody is in the middle of the list.
"use strict";

(() => {
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const ticks = () => [...document.querySelectorAll("[data-tick]")];
  const typing = (target) => target.matches("input:not([type=checkbox]), textarea, select");

  // --- New jobs: they come in at the top only if nobody reads, points at or has selected anything. ---

  const isTouched = () =>
    scrollY > 40 ||
    ticks().some((tick) => tick.checked) ||
    document.querySelector("#jobs:hover, #jobs :focus, [data-row].current") !== null;

  document.addEventListener("htmx:config:request", (event) => {
    const list = document.getElementById("jobs");
    if (event.target.id !== "live" || !list) return;
    if (list.dataset.firstPage && isTouched()) {
      event.detail.ctx.request.body.set("newest", list.dataset.newest);
    }
  });

  // --- Selecting ---

  function count() {
    const place = document.getElementById("selected");
    if (!place) return;
    const selected = ticks().filter((tick) => tick.checked).length;
    const words = selected === 0 ? "" : `${selected} selected`;
    if (place.textContent !== words) place.textContent = words;
    const all = document.querySelector("[data-tick-all]");
    if (all) {
      all.closest("label").hidden = false;
      all.checked = selected > 0 && selected === ticks().length;
      all.indeterminate = selected > 0 && selected < ticks().length;
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-tick-all]")) {
      for (const tick of ticks()) tick.checked = event.target.checked;
    }
    if (event.target.matches("[data-tick-all], [data-tick]")) count();
  });
  document.addEventListener("htmx:after:swap", count);
  document.addEventListener("DOMContentLoaded", count);

  // --- The slider between two pictures ---

  document.addEventListener("input", (event) => {
    const place = event.target.dataset.slider && document.getElementById(event.target.dataset.slider);
    if (place) place.style.setProperty("--shown", `${event.target.value}%`);
  });

  // --- Keys: j and k go through the list, x selects, Enter opens, r and c act. ---

  const current = () => document.querySelector("[data-row].current");

  function go(step) {
    const all = rows();
    const place = all.indexOf(current());
    const next = all[Math.min(Math.max(place + step, 0), all.length - 1)];
    if (!next) return;
    current()?.classList.remove("current");
    next.classList.add("current");
    next.querySelector("[data-row-link]").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  function act(key) {
    const button = document.querySelector(`[data-key="${key}"]`);
    const tick = current()?.querySelector("[data-tick]");
    if (!button) return;
    if (tick && !ticks().some((other) => other.checked)) {
      tick.checked = true;
      count();
    }
    button.click();
  }

  let afterG = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const wasAfterG = afterG;
    afterG = event.key === "g";
    if (wasAfterG) return;
    if (event.key === "j") go(1);
    if (event.key === "k") go(-1);
    if (event.key === "r" || event.key === "c") act(event.key);
    if (event.key === "x") {
      const tick = current()?.querySelector("[data-tick]");
      if (tick) {
        tick.checked = !tick.checked;
        count();
      }
    }
  });
})();

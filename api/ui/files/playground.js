// The script of the playground: Ctrl+Enter, finding an option, and what is said when a call fails.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("playground");
  if (!form) return;

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit(document.getElementById("render"));
  });

  const prepare = () => {
    const label = document.querySelector("#playground .find");
    if (label) label.hidden = false;
    document.querySelectorAll("#playground .without-script, .beside .without-script").forEach((one) => one.remove());
  };
  prepare();

  // A form with errors comes with the groups closed that nobody has filled in: what was open stays open.
  let opened = [];
  document.addEventListener("htmx:before:swap", () => {
    opened = Array.from(document.querySelectorAll("#playground details[open]"), (one) => one.id);
  });
  document.addEventListener("htmx:after:swap", () => {
    prepare();
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (form.querySelector("[role=alert]")) form.querySelector("[aria-invalid]")?.focus();
  });

  // Options whose name or words have what is looked for; groups without any are not shown.
  const wasOpen = new Map();
  document.addEventListener("input", (event) => {
    if (event.target.id !== "find") return;
    const wanted = event.target.value.trim().toLowerCase();
    for (const group of document.querySelectorAll("#playground details.group")) {
      let found = false;
      for (const option of group.querySelectorAll("[data-option]")) {
        const inner = option.querySelector("[data-option]");
        const shows = !wanted || option.textContent.toLowerCase().includes(wanted) || option.dataset.option.includes(wanted);
        option.hidden = !shows && !(inner && option.textContent.toLowerCase().includes(wanted));
        found ||= shows;
      }
      group.hidden = Boolean(wanted) && !found;
      if (wanted && !wasOpen.has(group.id)) wasOpen.set(group.id, group.open);
      if (wanted) group.open = found;
      else if (wasOpen.has(group.id)) group.open = wasOpen.get(group.id);
    }
    if (!wanted) wasOpen.clear();
  });

  // On a phone the result is below the form.
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "playground" || event.defaultPrevented && event.submitter?.id !== "render") return;
    const result = document.getElementById("result-title");
    if (result.getBoundingClientRect().top > innerHeight) result.scrollIntoView();
  });

  const tell = (words) => {
    const note = document.createElement("p");
    note.className = "notice failure";
    note.textContent = words;
    document.getElementById("result")?.replaceChildren(note);
  };
  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = event.detail;
    if (ctx.response.status !== 401) tell(ctx.text.slice(0, 300) || `The server answers ${ctx.response.status}.`);
  });
  document.addEventListener("htmx:error", () => tell("The server does not answer. Try again."));
});

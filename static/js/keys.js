// Keyboard: Ctrl-K always; single letters only outside fields, and only if the person wants them
// (WCAG 2.1.4).
const WAIT = 1200;

export function startKeys({ theme, palette }) {
  const help = document.getElementById("keys");
  const choice = help?.querySelector("[data-single-keys]");
  let going = 0;

  if (choice) {
    choice.checked = localStorage.getItem("single-keys") !== "off";
    choice.addEventListener("change", () => {
      localStorage.setItem("single-keys", choice.checked ? "on" : "off");
    });
  }
  for (const button of document.querySelectorAll('[data-open="keys"]')) {
    button.addEventListener("click", () => help.showModal());
  }
  help?.querySelector("[data-close]")?.addEventListener("click", () => help.close());

  const single = {
    "/": () => document.getElementById("search")?.focus(),
    "?": () => help?.showModal(),
    t: () => theme.next(),
    g: () => { going = Date.now(); },
    j: () => step(1),
    k: () => step(-1),
    o: () => document.querySelector("tr.here a")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette.open();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
    if (document.querySelector("dialog[open]") || (choice && !choice.checked)) return;
    if (Date.now() - going < WAIT) {
      going = 0;
      const item = document.querySelector(`.side [data-key="${CSS.escape(event.key)}"]`);
      if (item) location.assign(item.href);
      return;
    }
    const act = single[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
}

function writing(target) {
  return target instanceof Element && target.closest("input, select, textarea, [contenteditable]");
}

function step(by) {
  const rows = [...document.querySelectorAll("[data-rows] tbody tr")];
  if (!rows.length) return;
  const now = rows.findIndex((row) => row.classList.contains("here"));
  const next = Math.min(Math.max(now + by, 0), rows.length - 1);
  rows[now]?.classList.remove("here");
  rows[next].classList.add("here");
  rows[next].querySelector("a")?.focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

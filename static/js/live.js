// Figures that refresh themselves: only while somebody looks, and until they ask it to hold still
// (WCAG 2.2.2).
const EVERY = 5000;

export function startLive() {
  const live = document.getElementById("live");
  if (!live) return;
  const button = live.querySelector("[data-live-toggle]");
  const word = live.querySelector("[data-live-word]");

  setInterval(() => {
    const reading = !getSelection()?.isCollapsed;
    if (live.dataset.live === "on" && !document.hidden && !reading) htmx.trigger(live, "refresh");
  }, EVERY);

  button.addEventListener("click", () => {
    const on = live.dataset.live !== "on";
    live.dataset.live = on ? "on" : "off";
    word.textContent = on ? "Live, every 5 seconds" : "Held still";
    button.querySelector("span").textContent = on ? "Hold still" : "Go on";
  });
}

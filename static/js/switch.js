// Theme: as the system, light, dark; kept on this device.
const ORDER = ["", "light", "dark"];
const NAMES = { "": "as the system", light: "light", dark: "dark" };

export function startTheme() {
  const root = document.documentElement;
  const show = () => {
    for (const place of document.querySelectorAll("[data-theme-name]")) {
      place.textContent = NAMES[root.dataset.theme ?? ""];
    }
  };
  const next = () => {
    const chosen = ORDER[(ORDER.indexOf(root.dataset.theme ?? "") + 1) % ORDER.length];
    if (chosen) {
      root.dataset.theme = chosen;
      localStorage.setItem("theme", chosen);
    } else {
      delete root.dataset.theme;
      localStorage.removeItem("theme");
    }
    show();
  };
  for (const button of document.querySelectorAll("[data-theme-next]")) {
    button.addEventListener("click", next);
  }
  show();
  return { next };
}

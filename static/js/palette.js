// Ctrl-K: pages, merchants and actions, filtered as one types; any other text is a search.
export function startPalette({ theme }) {
  const dialog = document.getElementById("palette");
  if (!dialog) return { open() {} };
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  let loaded = false;
  let here = null;

  const options = () => [...list.querySelectorAll("[role=option]:not([hidden])")];

  const mark = (option) => {
    here?.setAttribute("aria-selected", "false");
    here = option ?? null;
    here?.setAttribute("aria-selected", "true");
    here?.scrollIntoView({ block: "nearest" });
    if (here) input.setAttribute("aria-activedescendant", here.id);
    else input.removeAttribute("aria-activedescendant");
  };

  const filter = () => {
    const words = input.value.trim().toLowerCase();
    list.querySelector("#go-search")?.remove();
    for (const option of list.querySelectorAll("[role=option]")) {
      option.hidden = !option.textContent.toLowerCase().includes(words);
    }
    if (words) {
      const search = document.createElement("li");
      search.id = "go-search";
      search.setAttribute("role", "option");
      search.setAttribute("aria-selected", "false");
      search.dataset.url = `${dialog.dataset.search}?q=${encodeURIComponent(input.value.trim())}`;
      search.textContent = `Find “${input.value.trim()}”`;
      list.append(search);
    }
    mark(options()[0]);
  };

  const load = async () => {
    if (loaded) return;
    loaded = true;
    const answer = await fetch(dialog.dataset.source, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    list.insertAdjacentHTML("beforeend", await answer.text());
    const zones = document.getElementById("zones");
    for (const zone of list.querySelectorAll("template[data-zone]")) {
      zones?.append(new Option(zone.dataset.zone));
      zone.remove();
    }
    filter();
  };

  const go = (option) => {
    if (!option) return;
    dialog.close();
    if (option.dataset.url) location.assign(option.dataset.url);
    else if (option.dataset.act === "theme") theme.next();
    else if (option.dataset.act === "keys") document.getElementById("keys").showModal();
  };

  const open = () => {
    if (dialog.open) return;
    input.value = "";
    dialog.showModal();
    filter();
    load();
  };

  input.addEventListener("input", filter);
  input.addEventListener("keydown", (event) => {
    const found = options();
    const place = found.indexOf(here);
    if (event.key === "ArrowDown") mark(found[(place + 1) % found.length]);
    else if (event.key === "ArrowUp") mark(found[(place - 1 + found.length) % found.length]);
    else if (event.key === "Enter") go(here);
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => go(event.target.closest("[role=option]")));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  for (const button of document.querySelectorAll('[data-open="palette"]')) {
    button.addEventListener("click", open);
  }
  return { open, load };
}

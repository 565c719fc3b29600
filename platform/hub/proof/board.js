// Only what changed is put in anew: nothing jumps, and a pressed button keeps its focus.
const live = document.getElementById("live");
let shown = "";
async function look() {
  try {
    const answer = await fetch("/live");
    const html = await answer.text();
    if (answer.ok && html !== shown) live.innerHTML = shown = html;
  } catch {
    live.innerHTML = shown = "<p class='verdict wait'><b>The demo has stopped.</b></p>";
  }
}
setInterval(() => document.hidden || look(), 1500);
document.querySelectorAll("form").forEach((form) =>
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    await fetch(form.action, { method: "POST" }).catch(() => {});
    button.disabled = false;
    look();
  }),
);

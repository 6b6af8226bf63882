// Results at the corner of the page: they leave by themselves, unless there is something to read or undo.
const SHOWN_FOR = 6000;

export function start(region) {
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-action=dismiss]")) event.target.closest(".toast").remove();
  });
  region.addEventListener("submit", (event) => event.target.closest(".toast").setAttribute("data-done", ""));
  const watch = new MutationObserver(() => region.querySelectorAll(".toast:not([data-seen])").forEach(see));
  watch.observe(region, { childList: true });
  region.querySelectorAll(".toast").forEach(see);
  return () => watch.disconnect();
}

function see(toast) {
  toast.dataset.seen = "";
  for (const old of toast.parentElement.querySelectorAll(".toast[data-done]")) old.remove();
  overtake(toast);
  if (toast.dataset.level !== "success" || toast.querySelector("ul")) return;
  const leave = () => (toast.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : toast.remove());
  setTimeout(leave, toast.querySelector("form") ? 2 * SHOWN_FOR : SHOWN_FOR);
}

// Something was done to the same again: what could be undone before means nothing any more, what there is to read stays.
function overtake(toast) {
  const ids = new Set(toast.dataset.about?.split(" "));
  for (const old of toast.parentElement.querySelectorAll(".toast[data-seen][data-about]:has(form)")) {
    if (old === toast || !old.dataset.about.split(" ").some((id) => ids.has(id))) continue;
    if (old.querySelector("ul")) old.querySelector("form").remove();
    else old.remove();
  }
}

export function toast(text, level = "success") {
  const element = document.createElement("div");
  element.className = "toast";
  element.dataset.level = level;
  const words = document.createElement("div");
  words.append(Object.assign(document.createElement("p"), { textContent: text }));
  const close = Object.assign(document.createElement("button"), { type: "button", className: "btn icon ghost", textContent: "×" });
  close.dataset.action = "dismiss";
  close.setAttribute("aria-label", "Dismiss");
  element.append(words, close);
  document.getElementById("toasts").append(element);
}

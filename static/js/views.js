// The panel of saved views: finds one by name, walks the list by arrow keys, names a new one at once.
export function start(panel) {
  const items = [...panel.querySelectorAll("[data-label]")];

  const find = (event) => {
    if (!("find" in event.target.dataset)) return;
    const word = event.target.value.trim().toLowerCase();
    for (const item of items) item.hidden = !item.dataset.label.includes(word);
    for (const section of panel.querySelectorAll(".views-list section")) section.hidden = !section.querySelector("[data-label]:not([hidden])");
    panel.querySelector("[data-none]").hidden = items.some((item) => !item.hidden);
  };

  const press = (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || !event.target.closest(".views-list, .find")) return;
    event.preventDefault();
    const links = items.filter((item) => !item.hidden).map((item) => item.firstElementChild);
    const at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  };

  const unfold = (event) => {
    if (event.target.open && panel.matches(":popover-open")) event.target.querySelector(".input")?.focus();
  };

  panel.addEventListener("input", find);
  panel.addEventListener("keydown", press);
  panel.addEventListener("toggle", unfold, true); // of the <details> in it: toggle does not bubble
}

// The panel of saved views: finds one by name, walks the list by arrow keys, and speaks of the address as it is.
import { awaits, page } from "./fetching.js";

export function start(panel) {
  const items = () => [...panel.querySelectorAll("[data-label]")];

  const find = (event) => {
    if (!("find" in event.target.dataset)) return;
    const word = event.target.value.trim().toLowerCase();
    for (const item of items()) item.hidden = !item.dataset.label.includes(word);
    for (const section of panel.querySelectorAll(".views-list section")) section.hidden = !section.querySelector("[data-label]:not([hidden])");
    panel.querySelector("[data-none]").hidden = items().some((item) => !item.hidden);
  };

  const press = (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || !event.target.closest(".views-list, .find")) return;
    event.preventDefault();
    const links = items().filter((item) => !item.hidden).map((item) => item.firstElementChild);
    const at = links.indexOf(document.activeElement);
    if (step < 0 && at <= 0) panel.querySelector("[data-find]")?.focus();
    else links[Math.min(links.length - 1, at + step)]?.focus();
  };

  const toggled = (event) => {
    if (event.target === panel) return event.newState === "open" && opened();
    if (event.target.open) event.target.querySelector(".input")?.focus();
    fit();
  };

  const opened = () => {
    panel.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    renew();
  };

  // What was unfolded stays inside the window.
  const fit = () => {
    const { top, bottom } = panel.getBoundingClientRect();
    if (bottom > innerHeight - 8) panel.style.top = `${Math.max(8, top - (bottom - innerHeight + 8))}px`;
  };

  // A width that was dragged stands in the address alone: what the panel offers is then another.
  const renew = async () => {
    if (panel.dataset.at === location.pathname + location.search) return;
    const fetched = await page(location.href).catch(() => null);
    const fresh = fetched?.getElementById("views");
    if (!fresh || awaits(panel)) return;
    panel.dataset.at = fresh.dataset.at;
    panel.replaceChildren(...fresh.childNodes);
    const [button, named] = [document, fetched].map((one) => one.querySelector("[popovertarget=views]"));
    button.ariaLabel = named.ariaLabel;
    button.replaceChildren(...named.childNodes);
    htmx.process(panel);
  };

  panel.addEventListener("input", find);
  panel.addEventListener("keydown", press);
  panel.addEventListener("toggle", toggled, true); // of the <details> in it as well: toggle does not bubble
}

// Follows a bulk action that goes on in the background: its parts are fetched again until it has ended.
// A card that was dismissed does not come back with the next page.
import { page } from "./fetching.js";
import { show } from "./times.js";

const EVERY = 600;
const WHEN_AWAY = 5000; // the connection badge says that the server is away
const DISMISSED = "runyard_dismissed_bulks"; // read by the server: numbers with dots between
const REMEMBERED = 7200; // seconds; none goes on for longer
const MOST = 50; // numbers

export function start(element) {
  let timer = "running" in element.dataset ? setTimeout(look, EVERY) : 0;

  async function look() {
    let wait = EVERY;
    try {
      const fresh = (await page(element.dataset.url)).getElementById(element.id);
      if (!("running" in fresh.dataset)) return end(fresh);
      for (const part of element.querySelectorAll("[data-part]")) {
        part.replaceChildren(...fresh.querySelector(`[data-part=${part.dataset.part}]`).childNodes);
      }
      show(element);
      changed();
    } catch {
      wait = WHEN_AWAY;
    }
    timer = setTimeout(look, wait);
    return undefined;
  }

  function end(fresh) {
    const last = document.adoptNode(fresh);
    element.replaceWith(last);
    htmx.process(last);
    show(last);
    document.dispatchEvent(new CustomEvent("runyard:swapped"));
    changed();
  }

  element.addEventListener("click", (event) => {
    if (event.target.closest("[data-action=dismiss]")) dismiss(element.id.replace("bulk-", ""));
  });
  return () => clearTimeout(timer);
}

function dismiss(number) {
  const [, kept = ""] = document.cookie.match(`(?:^|; )${DISMISSED}=([\\d.]*)`) ?? [];
  const numbers = [...kept.split(".").filter(Boolean), number].slice(-MOST).join(".");
  document.cookie = `${DISMISSED}=${numbers}; path=/; max-age=${REMEMBERED}; SameSite=Lax`;
}

// The table shows what the viewer has asked for without waiting for the pointer to leave it.
function changed() {
  document.body.dispatchEvent(new CustomEvent("workloads-changed", { detail: {} }));
}

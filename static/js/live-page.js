// Keeps the parts of a page marked data-live true: on a hint the page is fetched again, and what differs swapped.
// A part with data-live-key is only swapped when its key changes: what is in it lives by itself.
import { announce } from "./announcer.js";
import { page, paced } from "./fetching.js";
import { watch } from "./live.js";
import { show } from "./times.js";

const TICK = 10000; // durations grow without a hint
const WRONG = [400, 404]; // of what the tab is asked for: the workload lives on above it

export function start(element) {
  const now = () => [...element.querySelectorAll(".now .phase, .now .reason")].map((part) => part.innerText.trim()).join(", ");
  const refresh = paced(async () => {
    const fetched = await page(location.href, WRONG);
    let changed = false;
    const before = now();
    for (const part of element.querySelectorAll("[data-live]")) {
      const fresh = fetched.getElementById(part.id);
      if (fresh && swap(part, fresh)) changed = true;
    }
    if (!changed) return;
    show(element);
    document.dispatchEvent(new CustomEvent("runyard:swapped"));
    if (now() !== before) announce(now());
  });
  document.body.addEventListener("workloads-changed", refresh);
  const stop = watch(element.dataset.topic, { hint: refresh, resume: refresh });
  const timer = setInterval(() => document.hidden || refresh(), TICK);
  return () => {
    stop();
    clearInterval(timer);
    refresh.stop();
    document.body.removeEventListener("workloads-changed", refresh);
  };
}

// What differs, times and tokens that tick or change by themselves aside.
const text = (element) => element.innerHTML.replace(/<time[^>]*>[^<]*/g, "").replace(/name="csrfmiddlewaretoken"[^>]*/g, "");

const kept = new WeakMap();

function swap(part, fresh) {
  const key = part.dataset.liveKey;
  if (key !== undefined && key === fresh.dataset.liveKey) return false;
  const before = kept.get(part) ?? text(part);
  const after = text(fresh);
  kept.set(part, after);
  if (key === undefined && before === after) return false;
  if (key !== undefined) part.dataset.liveKey = fresh.dataset.liveKey;
  const held = part.contains(document.activeElement) ? document.activeElement : null;
  part.replaceChildren(...fresh.childNodes);
  htmx.process(part);
  if (held) alike(part, held)?.focus({ preventScroll: true });
  return true;
}

// What stands in `part` where `held`, which is gone, stood.
function alike(part, held) {
  if (held.id) return part.querySelector(`#${CSS.escape(held.id)}`);
  return held.value ? [...part.querySelectorAll("button, input, select")].find((one) => one.value === held.value) : null;
}

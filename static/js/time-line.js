// Says the exact times of the part of a time line that is pointed at or focused; arrow keys go along a line.
import { clock, full } from "./times.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

export function start(life) {
  const told = life.querySelector("[data-part]");
  const partAt = (event) => event.target.closest?.("rect[data-name]");

  const tell = (part) => {
    if (!part) return told.replaceChildren();
    const { name, since, until, lasted } = part.dataset;
    told.textContent = `${name} ${lasted}: ${span(new Date(since), until && new Date(until))}`;
    return undefined;
  };
  const over = (event) => tell(partAt(event) ?? focused());
  const focused = () => life.querySelector("rect:focus-visible");

  const press = (event) => {
    const part = partAt(event);
    const step = STEPS[event.key];
    if (!part || !step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const parts = [...part.parentElement.querySelectorAll("rect[data-name]")];
    const next = parts[Math.min(parts.length - 1, Math.max(0, parts.indexOf(part) + step))];
    for (const one of parts) one.setAttribute("tabindex", one === next ? 0 : -1);
    next.focus();
  };

  life.addEventListener("pointerover", over);
  life.addEventListener("pointerleave", () => tell(focused()));
  life.addEventListener("focusin", (event) => tell(partAt(event)));
  life.addEventListener("focusout", () => tell(null));
  life.addEventListener("keydown", press);
}

// From when to when; of the end the day only where it is another.
function span(since, until) {
  if (!until) return `${full(since)} – now`;
  return `${full(since)} – ${since.toDateString() === until.toDateString() ? clock(until) : full(until)}`;
}

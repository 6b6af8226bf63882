// Says the exact times of the part of a time line that is pointed at or focused; arrow keys go along a line. While a
// part goes on its bars, and what is said of it, follow the clock, by the rules of workloads/timeline.py.
import { clock, duration, full } from "./times.js";

const TICK = 1000;
const NARROWEST = 8; // thousandths of the time line's width, so that a short part is still seen
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

  const timer = setInterval(() => {
    if (document.hidden || !life.querySelector('rect[data-until=""]')) return;
    grow(life, Date.now());
    if (told.textContent) tell(life.querySelector("rect:hover") ?? focused());
  }, TICK);
  return () => clearInterval(timer);
}

// From when to when; of the end the day only where it is another.
function span(since, until) {
  if (!until) return `${full(since)} – now`;
  return `${full(since)} – ${since.toDateString() === until.toDateString() ? clock(until) : full(until)}`;
}

// --- while a part goes on ---

// Draw the bars of `life` as they are at `now`.
function grow(life, now) {
  const whole = placed(partsOf(life.querySelector("#life-bar"), now));
  for (const part of whole) draw(part);
  for (const bar of life.querySelectorAll("#life-pods svg")) {
    for (const part of partsOf(bar, now)) {
      const x = placeOf(part.since, whole);
      draw({ ...part, x, width: placeOf(part.until, whole) - x });
    }
  }
}

function partsOf(bar, now) {
  return [...bar.querySelectorAll("rect[data-name]")].map((rect) => {
    const since = Date.parse(rect.dataset.since);
    const going = !rect.dataset.until;
    const until = going ? Math.max(since, now) : Date.parse(rect.dataset.until);
    return { rect, since, until, going, lasted: until - since };
  });
}

// `parts` side by side, each wide enough to be seen: with `x` and `width`, in thousandths.
function placed(parts) {
  const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
  const total = sum(parts.map(({ lasted }) => lasted)) || 1;
  const widths = parts.map(({ lasted }) => Math.max(NARROWEST, (1000 * lasted) / total));
  const shrink = 1000 / sum(widths);
  let x = 0;
  for (const [i, part] of parts.entries()) {
    Object.assign(part, { x, width: shrink * widths[i] });
    x += part.width;
  }
  return parts;
}

// Where the moment `time` is among the parts of the `whole`.
function placeOf(time, whole) {
  const part = whole.find(({ until, lasted }) => time <= until && lasted);
  return part ? part.x + (part.width * Math.max(0, time - part.since)) / part.lasted : 1000;
}

function draw({ rect, going, lasted, x, width }) {
  set(rect, "x", x.toFixed(1));
  set(rect, "width", Math.max(3, width - 2).toFixed(1));
  const words = lasted < 1000 ? "under 1 s" : duration(lasted / 1000);
  if (!going || words === rect.dataset.lasted) return;
  rect.ariaLabel = rect.ariaLabel.replace(rect.dataset.lasted, words);
  rect.querySelector("title").textContent = rect.ariaLabel.split(", from ")[0];
  rect.dataset.lasted = words;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

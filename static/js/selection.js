// Selecting rows and moving among them; the action bar says what can be done with them, and why not.
import { isTyping } from "./keys.js";

const WORDS = { stop: "Stop", run: "Run", delete: "Delete" };

export function start(bar) {
  const section = bar.closest("section");
  const grid = section.querySelector(".grid");
  const boxes = () => [...grid.querySelectorAll("tbody .pick input")];
  const chosen = () => boxes().filter((box) => box.checked);
  let last = null;

  const tell = () => {
    const picked = chosen();
    const all = grid.querySelector("[data-action=select-all]");
    if (all) {
      all.checked = picked.length > 0 && picked.length === boxes().length;
      all.indeterminate = picked.length > 0 && !all.checked;
    }
    bar.toggleAttribute("data-open", picked.length > 0);
    if (!picked.length) return;
    bar.querySelector("[data-count]").textContent = `${picked.length} selected`;
    const why = bar.querySelector("[data-why]");
    const lines = [...bar.querySelectorAll("button[name=verb]")].map((button) => offer(button, picked)).filter(Boolean);
    why.textContent = lines.join(" · ");
    why.hidden = !lines.length;
  };

  const pick = (box, range) => {
    if (range && last?.isConnected) {
      const all = boxes();
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      for (const between of all.slice(from, to + 1)) between.checked = box.checked;
    }
    last = box;
    tell();
  };

  const clear = () => {
    for (const box of chosen()) box.checked = false;
    tell();
  };

  const click = (event) => {
    const box = event.target.closest?.(".pick input");
    if (!box) return;
    if (box.dataset.action === "select-all") {
      for (const one of boxes()) one.checked = box.checked;
      tell();
    } else {
      pick(box, event.shiftKey);
    }
  };

  const cursor = () => grid.querySelector("tr[data-cursor]");
  const move = (step) => {
    const rows = [...grid.querySelectorAll("tbody tr")];
    if (!rows.length) return;
    const now = cursor();
    const next = rows[Math.min(rows.length - 1, Math.max(0, now ? rows.indexOf(now) + step : 0))];
    now?.removeAttribute("data-cursor");
    next.setAttribute("data-cursor", "");
    next.querySelector(".first a").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      move(event.key === "j" ? 1 : -1);
    } else if (event.key === "x") {
      const box = (event.target.closest?.("tbody tr") ?? cursor())?.querySelector(".pick input");
      if (box) {
        box.checked = !box.checked;
        pick(box, event.shiftKey);
      }
    } else if (event.key === "X") {
      const box = cursor()?.querySelector(".pick input");
      if (box) {
        box.checked = true;
        pick(box, true);
      }
    } else if (event.key === "Enter" && event.target === document.body) {
      cursor()?.querySelector(".first a").click();
    } else if (event.key === "Escape" && !document.querySelector("dialog[open], :popover-open")) {
      clear();
    }
  };

  // What was asked for goes its way; the rows that were refused stay selected.
  const done = (event) => {
    const ids = new Set((event.detail.ids ?? []).map(String));
    for (const box of chosen()) if (ids.has(box.value)) box.checked = false;
    tell();
  };

  grid.addEventListener("click", click);
  bar.querySelector("[data-action=clear]").addEventListener("click", clear);
  document.addEventListener("keydown", press);
  document.addEventListener("runyard:rows", tell);
  document.body.addEventListener("workloads-changed", done);
  tell();
  return () => {
    document.removeEventListener("keydown", press);
    document.removeEventListener("runyard:rows", tell);
    document.body.removeEventListener("workloads-changed", done);
  };
}

// Greys `button` when nothing of `picked` allows it; returns the sentence that says why not, if any.
function offer(button, picked) {
  const refusals = picked.map((box) => JSON.parse(box.closest("tr").dataset.facts).why[button.value]).filter(Boolean);
  button.disabled = refusals.length === picked.length;
  const [most] = commonest(refusals);
  const count = picked.length === 1 ? "" : `${refusals.length} of ${picked.length}: `;
  const words = refusals.length ? `${WORDS[button.value]}: ${count}${most}` : "";
  button.title = words;
  return words.replace(/\.$/, "");
}

function commonest(words) {
  const counts = Map.groupBy ? [...Map.groupBy(words, (word) => word)] : [[words[0], words]];
  return counts.sort((a, b) => b[1].length - a[1].length)[0] ?? [""];
}

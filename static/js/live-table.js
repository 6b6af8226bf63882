// Keeps the rows of the table true without moving them under the pointer.
//
// A row that changed is swapped where it stands and its changed cells flash once. What would move rows
// (new ones, ones that left, a changed sort key) is done at once when the pointer is elsewhere, and waits
// behind an "n changes" pill while it is over the table.
import { announce } from "./announcer.js";
import { page, paced } from "./fetching.js";
import { watch } from "./live.js";
import { show } from "./times.js";

const MOST_ROWS = 100;

export function start(grid) {
  const section = grid.closest("section");
  const pill = section.querySelector("[data-action=show-changes]");
  const changed = new Set();
  const waiting = new Set();
  let everything = false;

  const body = () => grid.querySelector("tbody");
  const rowOf = (id) => grid.querySelector(`tr[data-row="${id}"]`);
  const over = () => grid.matches(":hover") || grid.querySelector(":focus-visible") !== null;

  const work = async () => {
    const ids = [...changed];
    changed.clear();
    if (everything || !body() || ids.length > MOST_ROWS) return reload();
    if (ids.length) await swapRows(ids);
    return undefined;
  };
  const soon = paced(work);

  const swapRows = async (ids) => {
    const query = new URLSearchParams(location.search);
    for (const name of ["after", "before"]) query.delete(name);
    query.set("ids", ids.join(","));
    const { columns } = body().parentElement.dataset;
    if (columns) query.set("drawn", columns); // those of this head, whatever was chosen elsewhere meanwhile
    const fetched = await page(`${grid.dataset.rowsUrl}?${query}`);
    swapPart(fetched, "tally");
    for (const row of fetched.querySelectorAll("tr[data-row]")) apply(document.adoptNode(row));
    settle();
  };

  const apply = (row) => {
    const id = row.dataset.row;
    const now = rowOf(id);
    if (row.dataset.left) {
      if (now) {
        now.dataset.left = row.dataset.left;
        waiting.add(id);
      }
    } else if (!now) {
      waiting.add(id);
    } else if (swapRow(now, row)) {
      waiting.add(id);
    }
  };

  const settle = () => {
    if (waiting.size && !over()) return reload();
    pill.hidden = !waiting.size;
    pill.textContent = `${waiting.size} change${waiting.size === 1 ? "" : "s"}`;
    return undefined;
  };

  const reload = async () => {
    everything = false;
    const fetched = await page(location.href);
    const fresh = fetched.querySelector(".grid");
    if (!fresh) return;
    const count = waiting.size;
    waiting.clear();
    pill.hidden = true;
    for (const part of ["tally", "foot", "workload-count"]) swapPart(fetched, part);
    if (body() && alike(grid, fresh)) arrange(body(), fresh.querySelector("tbody"));
    else grid.replaceChildren(...fresh.childNodes);
    show(section);
    document.dispatchEvent(new CustomEvent("runyard:rows"));
    if (count) announce(`The table changed: ${count} workload${count === 1 ? "" : "s"}.`);
  };

  const leave = () => setTimeout(() => waiting.size && settle(), 300);
  const mine = (event) => {
    for (const id of event.detail.ids ?? []) changed.add(id);
    soon();
  };
  const all = () => {
    everything = true;
    soon();
  };
  pill.addEventListener("click", all);
  document.addEventListener("runyard:layout", all);
  grid.addEventListener("pointerleave", leave);
  document.body.addEventListener("workloads-changed", mine);
  const stop = watch(grid.dataset.topic, {
    hint: (ids) => {
      if (Array.isArray(ids)) for (const id of ids) changed.add(id);
      else everything = true;
      soon();
    },
    resume: all,
  });
  return () => {
    stop();
    soon.stop();
    document.body.removeEventListener("workloads-changed", mine);
    document.removeEventListener("runyard:layout", all);
  };
}

// Whether both show a table of the same columns.
function alike(grid, fresh) {
  const [now, next] = [grid, fresh].map((one) => one.querySelector("table"));
  return Boolean(now && next) && now.dataset.columns === next.dataset.columns;
}

// Puts what changed of `fresh` into `row`; true when a column the table is sorted by changed.
function swapRow(row, fresh) {
  if (Number(fresh.dataset.version) < Number(row.dataset.version)) return false;
  const heads = row.closest("table").tHead.rows[0].cells;
  row.dataset.version = fresh.dataset.version;
  row.dataset.facts = fresh.dataset.facts;
  delete row.dataset.left;
  let moves = false;
  [...fresh.cells].forEach((cell, i) => {
    const old = row.cells[i];
    if (old.querySelector("input") || same(old, cell)) return;
    old.replaceChildren(...cell.childNodes);
    flash(old);
    moves ||= "sorted" in heads[i].dataset;
  });
  document.dispatchEvent(new CustomEvent("runyard:rows"));
  return moves;
}

// Scripts reword moments, so those are compared by what they are.
function same(old, cell) {
  const [was, is] = [old, cell].map((one) => one.querySelector("time")?.dateTime);
  return was && is ? was === is : old.innerHTML === cell.innerHTML;
}

function flash(cell) {
  delete cell.dataset.flash;
  void cell.offsetWidth; // starts the animation anew
  cell.dataset.flash = "";
  setTimeout(() => delete cell.dataset.flash, 1300);
}

// Makes `body` hold the rows of `fresh` in their order, keeping the rows that are there, with their selection.
function arrange(body, fresh) {
  const now = new Map([...body.rows].map((row) => [row.dataset.row, row]));
  const rows = [...fresh.rows].map((row) => {
    const old = now.get(row.dataset.row);
    if (!old) return document.adoptNode(row);
    swapRow(old, row);
    return old;
  });
  if (rows.length === body.rows.length && rows.every((row, i) => row === body.rows[i])) return;
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  body.replaceChildren(...rows);
  focused?.focus({ preventScroll: true });
}

function swapPart(fetched, id) {
  const [old, fresh] = [document.getElementById(id), fetched.getElementById(id)];
  if (old && fresh && old.innerHTML !== fresh.innerHTML) {
    old.replaceChildren(...fresh.childNodes);
    htmx.process(old);
  }
}

// Keeps the rows of the table true without moving them under the pointer.
//
// A row that changed is swapped where it stands and its changed cells flash once. What would move rows
// (new ones, ones that left, a changed place in the sort) is done at once when the pointer is elsewhere, and waits
// behind an "n changes" pill while it is over the table. The socket is told what is shown, and sends the rows of
// it that change; where it only names them they are fetched.
import { announce } from "./announcer.js";
import { awaits, page, paced, parse } from "./fetching.js";
import { watch } from "./live.js";
import { RowPages } from "./row-pages.js";
import { addressOf } from "./table-address.js";
import { show } from "./times.js";

const MOST_ROWS = 100;
const LONGEST = 3000; // of an address of which the server sends rows

export function start(grid) {
  const section = grid.closest("section");
  const pill = section.querySelector("[data-action=show-changes]");
  const pages = new RowPages(grid);
  const changed = new Set();
  const waiting = new Set();
  const acted = new Set(); // rows that the viewer did something to: they need not wait for the pointer to leave
  let everything = false;
  const sent = []; // frames of rows that came while the table is fetched anew
  let reloading = false;
  let said = ""; // what the socket was told that is shown
  let forced = false; // rows may move although the pointer is over them: the viewer has asked for it

  const rowOf = (id) => grid.querySelector(`tr[data-row="${id}"]`);
  const over = () => grid.matches(":hover") || grid.querySelector(":focus-visible") !== null;

  const work = async () => {
    const ids = [...changed];
    changed.clear();
    try {
      if (everything || !pages.rows.length || ids.length > MOST_ROWS) await reload();
      else if (ids.length) await swapRows(ids);
      else await settle();
    } catch (error) {
      everything = true; // what could not be fetched now comes with all the rest
      throw error;
    }
  };
  const soon = paced(work);

  // Of the rows `ids`, those in the table are drawn anew; of the others it matters which come into it.
  const swapRows = async (ids) => {
    const [here, others] = [ids.filter(rowOf), ids.filter((id) => !rowOf(id))];
    const { top, bottom } = pages.edges;
    const drawn = grid.querySelector("table").dataset.columns; // whatever was chosen elsewhere meanwhile
    const asked = { ids: here.join(","), others: others.join(","), after: top, before: bottom, drawn, count: "" };
    take(await page(addressOf(grid.dataset.rowsUrl, "", asked)));
    await settle();
  };

  // Puts rows into the table that were drawn since.
  const take = (drawn, entering = []) => {
    if (!grid.isConnected) return; // another table stands here by now
    swapPart(drawn, "tally");
    swapping((flashes) => {
      for (const row of drawn.querySelectorAll("tr[data-row]")) if (apply(row, flashes)) waiting.add(row.dataset.row);
    });
    for (const id of entering) if (!rowOf(id)) waiting.add(String(id));
  };

  const takeSent = () => {
    for (const { rows, entering } of sent.splice(0)) take(parse(rows), entering);
    if (waiting.size || !pages.rows.length) soon();
    tell();
  };

  // Whether `row`, as it is now, moves rows.
  const apply = (row, flashes) => {
    const now = rowOf(row.dataset.row);
    if (!now) return "enters" in row.dataset;
    if (!row.dataset.left) return swapRow(now, row, flashes);
    now.dataset.left = row.dataset.left;
    return true;
  };

  const settle = () => {
    forced ||= waiting.size > 0 && [...waiting].every((id) => acted.has(id));
    if (waiting.size && (forced || !over())) return reload();
    tell();
    return undefined;
  };

  const tell = () => {
    pill.hidden = !waiting.size;
    pill.textContent = `${waiting.size} change${waiting.size === 1 ? "" : "s"}`;
  };

  const reload = async () => {
    reloading = true;
    try {
      await pages.hold(redraw);
    } finally {
      reloading = false;
      if (sent.length) takeSent();
    }
  };

  const redraw = async () => {
    everything = false;
    const counted = section.querySelector("#total[data-counted]") ? { count: "exact" } : {};
    const fetched = await tableAt(pages.addressWith(counted), addressOf(location.pathname, "", counted));
    const fresh = fetched.querySelector(".grid");
    if (!fresh || !grid.isConnected) return;
    for (const part of ["tally", "foot", "workload-count"]) swapPart(fetched, part);
    pages.soon(); // says again in the foot which rows are seen
    if (alike(grid, fresh)) await rearrange(fresh.querySelector("table"));
    else if (awaits(grid)) {
      everything = true;
      soon();
    }
    else pages.redraw(fresh.childNodes);
    forced = false;
    show(section);
  };

  const rearrange = async (table) => {
    const bodies = await pages.fresh(table.tBodies[0]);
    const moves = stirred(bodies);
    const calm = moves.length > 0 && over() && !forced;
    swapping((flashes) => {
      const keep = (row) => {
        const old = rowOf(row.dataset.row);
        if (old) swapRow(old, row, flashes);
        return old ?? row;
      };
      if (calm) for (const body of bodies) [...body.rows].forEach(keep);
      else pages.renew(bodies, keep);
    });
    grid.querySelector("table").setAttribute("aria-rowcount", table.getAttribute("aria-rowcount"));
    if (!calm && waiting.size) announce(`The table changed: ${waiting.size} workload${waiting.size === 1 ? "" : "s"}.`);
    waiting.clear();
    if (calm) for (const id of moves) waiting.add(id);
    tell();
  };

  // The rows that `bodies` bring, take away or put elsewhere; one that only makes room for another does not count.
  const stirred = (bodies) => {
    const now = new Map(pages.rows.map((row) => [row.dataset.row, row.dataset.place]));
    const next = new Map(bodies.flatMap((body) => [...body.rows].map((row) => [row.dataset.row, row.dataset.place])));
    if ([...now.keys()].join() === [...next.keys()].join()) return [];
    const [come, go] = [[next, now], [now, next]].map(([these, those]) => [...these.keys()].filter((id) => !those.has(id)));
    const moved = [...next.keys()].filter((id) => now.has(id) && (waiting.has(id) || now.get(id) !== next.get(id)));
    return [...(go.length > come.length ? go : come), ...moved];
  };

  // What the socket has to know to send rows; nothing where it sends none, and for no table or an endless address.
  const looks = () => {
    const query = addressOf("", "", { count: "" }).slice(1);
    const drawn = grid.dataset.rowsUrl && grid.querySelector("table")?.dataset.columns;
    if (!drawn || query.length > LONGEST) return {};
    const { top, bottom } = pages.edges;
    return { query, drawn, rows: pages.rows.map((row) => Number(row.dataset.row)), after: top, before: bottom };
  };
  const tellLooks = () => {
    const now = looks();
    if ("query" in now && JSON.stringify(now) !== said) stop.again();
  };

  const leave = () => setTimeout(() => waiting.size && soon(), 300);
  const all = () => {
    everything = true;
    soon();
  };
  const now = () => {
    forced = true;
    all();
  };
  const mine = (event) => {
    for (const id of event.detail.ids ?? []) acted.add(String(id));
    now();
  };
  pill.addEventListener("click", now);
  document.addEventListener("runyard:layout", now);
  grid.addEventListener("pointerleave", leave);
  grid.addEventListener("focusout", leave);
  document.body.addEventListener("workloads-changed", mine);
  const stop = watch(grid.dataset.topic, {
    hint: (ids) => {
      if (Array.isArray(ids)) for (const id of ids) changed.add(String(id));
      else everything = true;
      soon();
    },
    message: (frame) => {
      if (!("rows" in frame)) return;
      sent.push(frame);
      if (!reloading) takeSent();
    },
    resume: all,
    options: () => {
      const now = looks();
      said = JSON.stringify(now);
      return now;
    },
  });
  document.addEventListener("runyard:rows", tellLooks);
  return () => {
    stop();
    document.removeEventListener("runyard:rows", tellLooks);
    soon.stop();
    pages.stop();
    document.body.removeEventListener("workloads-changed", mine);
    document.removeEventListener("runyard:layout", now);
  };
}

// The whole page at `address`; that at `first`, of the first rows, when those it asks for are gone.
async function tableAt(address, first) {
  const fetched = await page(address);
  return fetched.querySelector(".grid table") || address === first ? fetched : page(first);
}

// Whether both show a table of the same columns.
function alike(grid, fresh) {
  const [now, next] = [grid, fresh].map((one) => one.querySelector("table"));
  return Boolean(now && next) && now.dataset.columns === next.dataset.columns;
}

// Runs `work` with a list for the cells it changes, which then flash together: one layout for all of them.
function swapping(work) {
  const cells = [];
  work(cells);
  document.dispatchEvent(new CustomEvent("runyard:rows"));
  if (!cells.length) return;
  for (const cell of cells) delete cell.dataset.flash;
  void cells[0].offsetWidth; // starts the animation anew
  for (const cell of cells) cell.dataset.flash = "";
  setTimeout(() => { for (const cell of cells) delete cell.dataset.flash; }, 1300);
}

// Puts what changed of `fresh` into `row`, and the cells into `flashes`; true when its place in the sort changed.
function swapRow(row, fresh, flashes) {
  if (Number(fresh.dataset.version) < Number(row.dataset.version)) return false;
  const moves = fresh.dataset.place !== row.dataset.place;
  for (const name of ["version", "place", "facts"]) row.dataset[name] = fresh.dataset[name];
  delete row.dataset.left;
  [...fresh.cells].forEach((cell, i) => {
    const old = row.cells[i];
    if (old.querySelector("input, [data-spark]") || same(old, cell)) return;
    old.replaceChildren(...cell.childNodes);
    flashes.push(old);
  });
  return moves;
}

// Scripts reword moments, so those are compared by what they are.
function same(old, cell) {
  const [was, is] = [old, cell].map((one) => one.querySelector("time")?.dateTime);
  return was && is ? was === is : old.innerHTML === cell.innerHTML;
}

function swapPart(fetched, id) {
  const [old, fresh] = [document.getElementById(id), fetched.getElementById(id)];
  if (old && fresh && old.innerHTML !== fresh.innerHTML && !awaits(old)) {
    old.replaceChildren(...fresh.childNodes);
    htmx.process(old);
  }
}

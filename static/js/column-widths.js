// Widths of columns: drag the edge of a head, move it with the arrow keys, or double-click it to fit what is in it.
// What was chosen is kept for the viewer; at a saved view, or where the address says the widths, in the address.
import { toast } from "./toasts.js";

const STEP = 8;
const PAUSE = 500; // milliseconds after the last key
const ROOM = 4; // pixels beside what is fitted

export function start(grid) {
  let drag = null;
  let timer = 0;

  const edgeAt = (event) => event.target.closest?.("[role=separator]");

  const down = (event) => {
    const edge = edgeAt(event);
    if (!edge || event.button) return;
    event.preventDefault(); // no text is selected
    edge.focus({ preventScroll: true });
    edge.setPointerCapture(event.pointerId);
    drag = { edge, from: event.clientX, width: widthOf(edge), moved: false };
  };

  const go = (event) => {
    if (!drag || event.clientX === drag.from && !drag.moved) return;
    drag.moved = true;
    drag.edge.dataset.dragged = "";
    set(drag.edge, drag.width + event.clientX - drag.from);
  };

  const up = (event) => {
    if (!drag) return;
    const { edge, moved, width } = drag;
    drag = null;
    delete edge.dataset.dragged;
    if (!moved) return;
    if (event.type === "pointercancel") set(edge, width);
    else keep(grid);
  };

  const press = (event) => {
    const edge = edgeAt(event);
    const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (!edge || !step) return;
    event.preventDefault();
    set(edge, widthOf(edge) + step);
    clearTimeout(timer);
    timer = setTimeout(() => keep(grid), PAUSE);
  };

  const fit = (event) => {
    const edge = edgeAt(event);
    if (!edge) return;
    const table = edge.closest("table");
    set(edge, Number(edge.ariaValueMin));
    table.dataset.fits = ""; // what is cut off inside of a cell is as wide as it would like to be
    const index = edge.closest("th").cellIndex;
    const cells = [...grid.querySelectorAll("thead tr, tr[data-row]")].map((row) => row.cells[index]);
    set(edge, Math.max(...cells.map((cell) => cell.scrollWidth)) + ROOM);
    delete table.dataset.fits;
    keep(grid);
  };

  const swallow = (event) => edgeAt(event) && event.stopPropagation(); // the head's own click sorts

  grid.addEventListener("pointerdown", down);
  grid.addEventListener("pointermove", go);
  grid.addEventListener("pointerup", up);
  grid.addEventListener("pointercancel", up);
  grid.addEventListener("keydown", press);
  grid.addEventListener("dblclick", fit);
  grid.addEventListener("click", swallow, true);
  return () => clearTimeout(timer);
}

const columnOf = (edge) => edge.closest("table").querySelectorAll("col")[edge.closest("th").cellIndex];

const widthOf = (edge) => Math.round(edge.closest("th").getBoundingClientRect().width);

// Makes the column of `edge` that wide. Columns share what room is left until a width is chosen; then each is as
// wide as it says, and the room stays at the end.
function set(edge, width) {
  const table = edge.closest("table");
  if (!("exact" in table.dataset)) {
    const columns = table.querySelectorAll("col");
    const now = [...table.tHead.rows[0].cells].map((cell) => Math.round(cell.getBoundingClientRect().width));
    now.forEach((pixels, i) => { columns[i].width = pixels; });
    for (const one of table.querySelectorAll("[role=separator]")) one.ariaValueNow = columnOf(one).width;
    table.dataset.exact = "";
  }
  say(edge, Math.min(Number(edge.ariaValueMax), Math.max(Number(edge.ariaValueMin), Math.round(width))));
}

function say(edge, width) {
  columnOf(edge).width = width;
  edge.ariaValueNow = width;
}

// Keeps all widths of the table: with those that the chooser of columns holds for columns not shown.
async function keep(grid) {
  const chooser = document.getElementById("columns");
  const widths = new Map([...chooser.querySelectorAll("[name=width]")].map((field) => field.value.split(":")));
  for (const edge of grid.querySelectorAll("[role=separator]")) widths.set(edge.closest("th").dataset.column, edge.ariaValueNow);
  const pairs = [...widths].map(([key, width]) => `${key}:${width}`);
  for (const field of chooser.querySelectorAll("[name=width]")) field.remove();
  chooser.append(...pairs.map((value) => Object.assign(document.createElement("input"), { type: "hidden", name: "width", value })));
  const here = new URL(location.href);
  if (here.searchParams.has("widths") || /^\d+$/.test(here.searchParams.get("view") ?? "")) {
    here.searchParams.set("widths", pairs.join(","));
    history.replaceState(history.state, "", here);
    return;
  }
  const data = new FormData(chooser);
  data.delete("column");
  const answer = await fetch(chooser.action, { method: "POST", body: data, headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok) toast("The width was not kept: the server does not answer. Try again in a moment.", "error");
}

// What stands around the rows that are in a table: the room of those that are not, the line on what is under way,
// and in the foot which rows are seen. Rows are counted from the first of those that have room.
const HEIGHT = 36; // of a row, while there is none to measure

export class RowFrame {
  #grid;
  #line;

  constructor(grid) {
    this.#grid = grid;
  }

  // Puts the parts into the table, which was drawn without them.
  draw() {
    const table = this.#grid.querySelector("table");
    const span = [...table.tHead.rows[0].cells].reduce((sum, cell) => sum + cell.colSpan, 0);
    [this.above, this.below] = [space(span), space(span)];
    this.#line = line(span);
    table.tHead.after(this.above);
    table.append(this.below, this.#line);
  }

  // Pixels, with the fraction that zoomed pages have; all rows are alike.
  get rowHeight() {
    return this.#grid.querySelector("tr[data-row]")?.getBoundingClientRect().height || HEIGHT;
  }

  get #head() {
    return this.#grid.querySelector("thead").offsetHeight;
  }

  // Where in the window the rows begin to be seen.
  get edge() {
    return this.#grid.getBoundingClientRect().top + this.#head;
  }

  // From which row to which is seen, with fractions.
  get view() {
    const [top, height] = [this.#grid.scrollTop, this.rowHeight];
    return [top / height, (top + this.#grid.clientHeight - this.#head) / height];
  }

  // Makes room for so many rows above those that are there, and below.
  size(above, below) {
    const height = this.rowHeight;
    this.#grid.style.setProperty("--row", `${height}px`);
    for (const [part, rows] of [[this.above, above], [this.below, below]]) {
      part.hidden = rows === 0;
      part.rows[0].cells[0].style.height = `${rows * height}px`;
    }
  }

  sayRange(words) {
    const range = this.#grid.closest("section").querySelector("[data-range]");
    if (range && range.textContent !== words) range.textContent = words;
  }

  // `loading` while rows in view are on their way, `failed` when they did not come.
  sayState({ loading, failed }) {
    this.#line.hidden = !loading && !failed;
    this.#line.rows[0].setAttribute("aria-busy", loading && !failed);
    this.#line.querySelector("span").textContent = failed ? "The server does not answer." : "Loading…";
    this.#line.querySelector("button").hidden = !failed;
  }
}

function space(span) {
  const part = Object.assign(document.createElement("tbody"), { className: "space", hidden: true });
  part.setAttribute("aria-hidden", "true");
  part.insertRow().insertCell().colSpan = span;
  return part;
}

function line(span) {
  const foot = Object.assign(document.createElement("tfoot"), { hidden: true });
  const cell = foot.insertRow().insertCell();
  cell.colSpan = span;
  const words = document.createElement("span");
  words.setAttribute("role", "status");
  const again = Object.assign(document.createElement("button"), { type: "button", className: "btn small", textContent: "Try again" });
  again.dataset.action = "load-rows";
  const inner = document.createElement("div");
  inner.append(words, again);
  cell.append(inner);
  return foot;
}

// Where one is in a long table, kept with this entry of the browser's history: who opens a row and goes back finds the
// same rows at the same place, and the focus on the row that was opened. Pages of rows say where one is, and go there.
const APART = 400; // milliseconds between two notes: browsers refuse to take more for long

export class RowPlace {
  #grid;
  #now;
  #search = location.search;
  #opened = {};
  #timer = 0;

  // `now` answers with where one is, as plain data; with nothing while that is not settled.
  constructor(grid, now) {
    this.#grid = grid;
    this.#now = now;
    grid.addEventListener("click", this.#open, true);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#grid.removeEventListener("click", this.#open, true);
  }

  // What was noted for this very address, when one was here before: with `opened`, the row whose link was followed.
  get kept() {
    const kept = history.state?.rows;
    return kept?.search === this.#search ? kept : null;
  }

  // Notes where one is when that has been the same for a moment.
  soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#note, APART);
  }

  #note = () => {
    const place = this.#now();
    if (!place || location.search !== this.#search) return; // the next table's address is there before that table
    history.replaceState({ ...history.state, rows: { ...place, ...this.#opened, search: this.#search } }, "");
  };

  #open = (event) => {
    const row = event.target.closest("a") && event.target.closest("tr[data-row]");
    if (!row) return;
    this.#opened = { opened: row.dataset.row, byKey: event.detail === 0 };
    this.#note();
  };
}

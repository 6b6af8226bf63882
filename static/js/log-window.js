// A window on any number of lines: only those in sight, and some around them, are in the page. Beyond what a browser
// lets an element be tall the scroll bar still stands for all: small moves go line by line, long ones in proportion.
import { numberOf } from "./log-row.js";

const AROUND = 20;
const MOST_NODES = 200;
const TALLEST = 8e6; // pixels; Firefox ends before 18 million
const AT_REST = 150; // milliseconds after the last scroll
const FILLED = 600; // milliseconds after the last of drawings that follow each other: longer than between two of them

export class LogWindow {
  // `heights` knows where lines stand, `count()` how many there are, `draw(index)` makes the element of one,
  // `painted(from, to)` hears which are in the page.
  constructor(viewport, { heights, count, draw, painted }) {
    Object.assign(this, { viewport, heights, count, draw, painted });
    this.sheet = Object.assign(document.createElement("ol"), { className: "log-lines drawn" });
    viewport.replaceChildren(this.sheet);
    this.nodes = new Map();
    this.top = 0; // pixels of the whole that are above what is in sight
    this.real = 0; // the same as the scroll bar has it, or will have it once it is `moved`, when rows are drawn
    this.moved = false;
    this.frame = 0;
    this.probe();
    this.resize = new ResizeObserver(() => this.resized());
    this.resize.observe(viewport);
  }

  probe() {
    const row = Object.assign(document.createElement("li"), { className: "log-row", textContent: "0".repeat(100) });
    this.sheet.append(row);
    const range = document.createRange();
    range.selectNodeContents(row);
    this.character = range.getBoundingClientRect().width / 100 || 7.2;
    this.row = row.getBoundingClientRect().height || 18;
    row.remove();
    this.tall = this.viewport.clientHeight; // asked for only when it changes: the answer costs a layout
  }

  // Where the text of a line begins that has the number `n`, in pixels from the left.
  textLeft(cells, n) {
    const row = Object.assign(document.createElement("li"), { className: "log-row" });
    row.append(numberOf(n), ...Array.from({ length: cells - 1 }, () => document.createElement("span")));
    this.sheet.append(row);
    const left = row.lastChild.offsetLeft;
    row.remove();
    return left;
  }

  resized() {
    const atEnd = this.wasAtEnd;
    this.tall = this.viewport.clientHeight;
    this.onResize?.();
    this.relayout();
    if (atEnd) this.toEnd();
    this.paint(); // this frame's turn to draw is over: without rows it would be shown empty
  }

  get height() {
    return this.heights.top(this.count()) * this.row;
  }

  get furthest() {
    return Math.max(0, this.height - this.tall);
  }

  get atEnd() {
    return this.top >= this.furthest - this.row / 2;
  }

  // The lines in sight, as [first, last].
  get inSight() {
    const end = (this.top + this.tall - 1) / this.row;
    return [this.heights.at(this.top / this.row), Math.min(this.heights.at(end), this.count() - 1)];
  }

  // Which line `node` is.
  indexOf(node) {
    return [...this.nodes].find(([, one]) => one === node)?.[0] ?? -1;
  }

  // --- where we are ---

  // After the scroll bar moved: by how much the whole did.
  scrolled() {
    // A browser moves the bar of a window that became taller, and may say so before it says that the window did.
    if (this.viewport.clientHeight !== this.tall) this.resized();
    const { scrollTop } = this.viewport;
    const by = scrollTop - this.real;
    if (!by || this.moved) return 0;
    const before = this.top;
    this.real = scrollTop;
    if (this.height <= TALLEST) this.top = scrollTop;
    else if (Math.abs(by) < 2 * this.tall) this.top = Math.max(0, Math.min(this.furthest, this.top + by));
    else this.top = (scrollTop / Math.max(1, TALLEST - this.tall)) * this.furthest;
    this.soon();
    clearTimeout(this.rest);
    const stuck = (scrollTop <= 0 && this.top > 0) || (scrollTop >= TALLEST - this.tall - 1 && this.top < this.furthest - 1);
    if (stuck) this.moveTo(this.top);
    else if (this.height > TALLEST) this.rest = setTimeout(() => this.settle(), AT_REST);
    return this.top - before;
  }

  // The scroll bar goes where what is in sight is in the whole, unless it is already on its way elsewhere.
  settle() {
    if (Math.abs(this.viewport.scrollTop - this.real) >= 1) return;
    this.moveTo(this.top);
    this.paint(); // at once: a scroll before the next frame would be taken for this one
  }

  // Show the whole from `top` pixels on; the scroll bar is put where that is when rows are drawn.
  moveTo(top) {
    this.top = Math.max(0, Math.min(this.furthest, top));
    const share = this.height <= TALLEST ? 1 : (TALLEST - this.tall) / this.furthest;
    this.real = this.top * share;
    this.moved = true;
    this.soon();
  }

  toEnd() {
    this.moveTo(this.furthest);
  }

  to(index) {
    this.moveTo(this.heights.top(index) * this.row - this.tall / 2);
  }

  // What is in sight, to be put back there after heights or numbers changed: `moved` lines came before it.
  hold() {
    const [index] = this.inSight;
    const below = this.top - this.heights.top(index) * this.row;
    return (moved = 0) => this.moveTo(this.heights.top(Math.max(0, index + moved)) * this.row + below);
  }

  // --- what is drawn ---

  // Everything is drawn again.
  relayout() {
    this.forget(0, Infinity);
  }

  // Lines from..to (not included) are drawn again.
  forget(from, to) {
    for (const [index, node] of this.nodes) {
      if (index < from || index >= to) continue;
      node.remove();
      this.nodes.delete(index);
    }
    this.soon();
  }

  soon() {
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  // What is in sight now; what is around it at rest: lines come fast.
  hurry() {
    clearTimeout(this.filling);
    this.filling = setTimeout(() => this.soon(), FILLED);
    this.paint(0);
  }

  paint(around = AROUND) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.wasAtEnd = this.atEnd;
    const [first, last] = this.inSight;
    const from = Math.max(0, first - around);
    const to = Math.min(this.count(), last + 1 + around, from + MOST_NODES);
    for (const [index, node] of this.nodes) {
      if (index >= from && index < to) continue;
      node.remove();
      this.nodes.delete(index);
    }
    // From the last up: in the page they stand in the order in which they are read and copied.
    for (let index = to - 1, after = null; index >= from; index -= 1) after = this.put(index, after);
    this.place(from);
    if (this.moved) this.viewport.scrollTop = this.real;
    this.moved = false;
    this.painted(from, to);
  }

  put(index, after) {
    const there = this.nodes.get(index);
    if (there) return there;
    const node = this.draw(index);
    const rows = this.heights.top(index + 1) - this.heights.top(index);
    if (rows !== 1) node.style.height = `${rows * this.row}px`;
    this.sheet.insertBefore(node, after);
    this.nodes.set(index, node);
    return node;
  }

  // The sheet begins where line `from`, the first in the page, stands in the whole, and ends with the whole.
  place(from) {
    const above = this.heights.top(from) * this.row - this.top + this.real;
    this.sheet.style.marginTop = `${above}px`;
    this.sheet.style.height = `${Math.min(TALLEST, this.height) - above}px`;
  }

  stop() {
    this.resize.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rest);
    clearTimeout(this.filling);
  }
}

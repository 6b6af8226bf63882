// A window on many lines: only those in sight, and some around them, are in the page.
const AROUND = 30;
const MOST_NODES = 200;

export class LogWindow {
  // `draw(index)` makes the element of a line, `rows(index)` says how many rows of text it takes.
  constructor(viewport, { count, rows, draw }) {
    this.viewport = viewport;
    this.count = count;
    this.rows = rows;
    this.draw = draw;
    this.sheet = Object.assign(document.createElement("ol"), { className: "log-lines" });
    viewport.replaceChildren(this.sheet);
    this.nodes = new Map();
    this.tops = [0]; // in rows: line i stands at tops[i]
    this.frame = 0;
    const probe = Object.assign(document.createElement("li"), { className: "log-row", textContent: "0".repeat(100) });
    this.sheet.append(probe);
    const range = document.createRange();
    range.selectNodeContents(probe);
    this.character = range.getBoundingClientRect().width / 100 || 7.2;
    this.row = probe.getBoundingClientRect().height || 18;
    probe.remove();
    this.resize = new ResizeObserver(() => {
      this.relayout();
      this.paint(); // this frame's turn to draw is over: without rows it would be shown empty
    });
    this.resize.observe(viewport);
  }

  get height() {
    return this.tops[this.count()] * this.row;
  }

  get atEnd() {
    return this.viewport.scrollTop + this.viewport.clientHeight >= this.viewport.scrollHeight - this.row / 2;
  }

  // Lines were added at the end.
  grow() {
    for (let i = this.tops.length - 1; i < this.count(); i += 1) this.tops.push(this.tops[i] + this.rows(i));
    this.soon();
  }

  // Everything may have changed: widths, wrapping, what is shown of a line, which lines there are.
  relayout() {
    this.tops.length = 1;
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
    this.grow();
  }

  // `count` lines left at the start; what is in sight stays where it is.
  drop(count) {
    const gone = this.tops[count] * this.row;
    this.relayout();
    this.viewport.scrollTop -= gone;
  }

  toEnd() {
    this.sizeSheet();
    this.viewport.scrollTop = this.viewport.scrollHeight;
    this.soon();
  }

  to(index) {
    this.sizeSheet();
    this.viewport.scrollTop = this.tops[index] * this.row - this.viewport.clientHeight / 2;
    this.soon();
  }

  soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  sizeSheet() {
    this.sheet.style.height = `${this.height}px`;
  }

  paint() {
    this.sizeSheet();
    const from = Math.max(0, this.at(this.viewport.scrollTop / this.row) - AROUND);
    const below = this.at((this.viewport.scrollTop + this.viewport.clientHeight) / this.row) + AROUND;
    const to = Math.min(this.count(), below, from + MOST_NODES);
    for (const [index, node] of this.nodes) {
      if (index < from || index >= to) {
        node.remove();
        this.nodes.delete(index);
      }
    }
    for (let i = from; i < to; i += 1) this.put(i);
  }

  put(index) {
    if (this.nodes.has(index)) return;
    const node = this.draw(index);
    node.style.top = `${this.tops[index] * this.row}px`;
    const after = this.nodes.get(index + 1);
    this.sheet.insertBefore(node, after ?? null);
    this.nodes.set(index, node);
  }

  // The line that covers row `y`.
  at(y) {
    let [low, high] = [0, this.count()];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.tops[middle + 1] <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  stop() {
    this.resize.disconnect();
    cancelAnimationFrame(this.frame);
  }
}

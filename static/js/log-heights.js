// Where each line stands, in rows of text: a line takes one, but for those measured, which wrap.
import { BLOCK } from "./log-blocks.js";

export class LogHeights {
  constructor() {
    this.clear();
  }

  clear() {
    this.measured = new Map(); // number of a block: the rows before each of its lines, and at the end of all
    this.order = [];
  }

  // `rows(n)` says how many rows line n takes.
  measure(block, rows) {
    const before = new Uint32Array(BLOCK + 1);
    for (let i = 0; i < BLOCK; i += 1) before[i + 1] = before[i] + rows(block * BLOCK + i);
    this.measured.set(block, before);
    if (this.order.length !== this.measured.size) this.order = [...this.measured.keys()].sort((one, other) => one - other);
  }

  top(n) {
    const own = Math.floor(n / BLOCK);
    let rows = n;
    for (const block of this.order) {
      if (block > own) break;
      const before = this.measured.get(block);
      rows += block < own ? before[BLOCK] - BLOCK : before[n % BLOCK] - (n % BLOCK);
    }
    return rows;
  }

  // The line that covers row `row`.
  at(row) {
    let more = 0;
    for (const block of this.order) {
      const before = this.measured.get(block);
      const start = block * BLOCK + more;
      if (row < start) break;
      if (row < start + before[BLOCK]) return block * BLOCK + last(before, row - start);
      more += before[BLOCK] - BLOCK;
    }
    return Math.floor(row - more);
  }
}

// The last place of the rising `numbers` that is not above `limit`.
function last(numbers, limit) {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (numbers[middle] <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}

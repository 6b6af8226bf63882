// The lines of one log that the page holds, by number from 0, as they came: pages of [time, text], or blocks of bytes
// that are taken apart only when one looks at them. What is farthest from where one looks goes first.
import { plain } from "./ansi.js";

export const BLOCK = 500; // lines that are fetched, and measured, together
const MOST = 16 * 2 ** 20; // bytes held
const LINE = 40; // what a line takes beside its text
const UTF8 = new TextDecoder();

// The lines of a block as [time, text]; what is no UTF-8 becomes replacement characters.
export function linesOf(bytes) {
  return textOf(bytes).map(split);
}

function textOf(bytes) {
  const lines = UTF8.decode(bytes).split("\n");
  lines.pop();
  return lines;
}

function split(line) {
  const end = line.indexOf(" ");
  return end < 0 ? [line, ""] : [line.slice(0, end), line.slice(end + 1)];
}

// Sources of lines: `at(i)` is the i-th as [time, text], `size` what they take.
class Page {
  constructor(lines) {
    this.lines = lines;
    this.size = lines.reduce((sum, [, text]) => sum + text.length + LINE, 0);
  }

  at(i) {
    return this.lines[i];
  }
}

class Bytes {
  constructor(bytes) {
    this.bytes = bytes;
    this.size = bytes.length;
  }

  at(i) {
    if (this.bytes) [this.lines, this.bytes] = [textOf(this.bytes), null];
    return split(this.lines[i] ?? "");
  }
}

const NOWHERE = { size: 0, at: () => null };

export class LogBlocks {
  constructor(total = 0) {
    this.total = total; // lines there are, held or not
    this.parts = []; // {from, to, first, source}: lines from..to (not included) of a source whose first is `first`
    this.held = 0;
    this.tight = false;
  }

  // The line as [time, text]; null for one that is kept nowhere, undefined for one that is not held here.
  get(n) {
    const part = this.parts[this.place(n)];
    return part && n < part.to ? part.source.at(n - part.first) : undefined;
  }

  text(n) {
    return plain(this.get(n)?.[1] ?? "");
  }

  // Lines as [time, text] from number `from` on.
  put(from, lines) {
    this.add(from, lines.length, new Page(lines));
  }

  // `count` lines from number `from` on, as bytes.
  putBytes(from, count, bytes) {
    this.add(from, count, new Bytes(bytes));
  }

  // Those of from..to that are not held are kept nowhere.
  lack(from, to) {
    this.add(from, to - from, NOWHERE);
  }

  add(first, count, source) {
    for (const [from, to] of this.gaps(first, first + count)) {
      this.parts.splice(this.place(from) + 1, 0, { from, to, first, source });
      this.held += source.size;
    }
    this.total = Math.max(this.total, first + count);
  }

  // The place of the last part that begins at line `n` or before; -1 where there is none.
  place(n) {
    let [low, high] = [0, this.parts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.parts[middle].from <= n) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // What of the lines from..to (not included) is not held, as [from, to).
  gaps(from, to) {
    const found = [];
    let at = from;
    for (let i = Math.max(0, this.place(from)); i < this.parts.length && this.parts[i].from < to; i += 1) {
      if (this.parts[i].from > at) found.push([at, this.parts[i].from]);
      at = Math.max(at, this.parts[i].to);
    }
    if (at < to) found.push([at, to]);
    return found;
  }

  // Numbers of the blocks that lack lines of from..to (not included).
  holes(from, to) {
    const blocks = new Set();
    for (const [start, end] of this.gaps(Math.max(0, from), Math.min(to, this.total))) {
      for (let block = Math.floor(start / BLOCK); block * BLOCK < end; block += 1) blocks.add(block);
    }
    return [...blocks];
  }

  // Whether something of block `number` is held.
  holds(number) {
    const part = this.parts[this.place((number + 1) * BLOCK - 1)];
    return Boolean(part) && part.to > number * BLOCK;
  }

  // Let go of what is farthest from the lines from..to (not included), but of nothing of those, until at most MOST
  // bytes are left; `tight` says that not even what is next to them could stay.
  trim(from, to) {
    this.tight = false;
    while (this.held > MOST) {
      const [above, below] = [from - this.parts[0].to, this.parts.at(-1).from - to];
      if (above < 0 && below < 0) return;
      this.tight ||= Math.max(above, below) < BLOCK;
      const far = above > below ? this.parts.shift() : this.parts.pop();
      this.held -= far.source.size;
    }
  }

  // The log began anew: what was counted means nothing any more.
  clear() {
    this.parts = [];
    this.held = this.total = 0;
  }
}

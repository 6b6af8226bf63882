// The lines of one log that the page holds, by number from 0, in blocks: what is far from where one looks goes first.
import { plain } from "./ansi.js";

export const BLOCK = 500;
const MOST = 20000; // lines held

export class LogBlocks {
  constructor(total = 0) {
    this.total = total; // lines there are, held or not
    this.blocks = new Map(); // number of the block: its lines as [time, text], null for one the server has no more
    this.held = 0;
  }

  // The line as [time, text]; null for one that is kept nowhere, undefined for one that is not held here.
  get(n) {
    return this.blocks.get(Math.floor(n / BLOCK))?.[n % BLOCK];
  }

  text(n) {
    return plain(this.get(n)?.[1] ?? "");
  }

  // Lines from number `from` on; a null stands for one that is kept nowhere, undefined for one not told.
  put(from, lines) {
    for (let i = 0; i < lines.length; i += 1) {
      if (lines[i] === undefined) continue;
      const block = this.block(Math.floor((from + i) / BLOCK));
      const place = (from + i) % BLOCK;
      if (block[place] === undefined) this.held += 1;
      block[place] = lines[i];
      this.total = Math.max(this.total, from + i + 1);
    }
  }

  block(number) {
    if (!this.blocks.has(number)) this.blocks.set(number, new Array(BLOCK));
    return this.blocks.get(number);
  }

  // Numbers of the blocks that lack lines of from..to (not included).
  holes(from, to) {
    const found = [];
    const end = Math.min(to, this.total);
    for (let n = Math.max(0, from); n < end; n += 1) {
      if (this.get(n) !== undefined) continue;
      found.push(Math.floor(n / BLOCK));
      n = (Math.floor(n / BLOCK) + 1) * BLOCK - 1;
    }
    return found;
  }

  // Let go of the blocks farthest from line `n` until what is left is at most MOST lines.
  trim(n) {
    while (this.held > MOST) {
      const here = Math.floor(n / BLOCK);
      const far = [...this.blocks.keys()].reduce((one, other) => (Math.abs(other - here) > Math.abs(one - here) ? other : one));
      this.held -= this.blocks.get(far).reduce((sum, line) => sum + (line !== undefined), 0);
      this.blocks.delete(far);
    }
  }

  // The log began anew: what was counted means nothing any more.
  clear() {
    this.blocks.clear();
    this.held = this.total = 0;
  }
}

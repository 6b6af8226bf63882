// Looks for words or an expression in the whole log: the server reads, a part at a time, and says how far it is.
export const MOST = 20000; // matches that are counted
const AGAIN = 1000; // milliseconds between looks at what was written since

export class LogSearch {
  // `tell()` is called whenever something of hits, searched, total, done, problem has changed.
  constructor(address, log, tell) {
    Object.assign(this, { address, log, tell });
    this.reset();
  }

  reset() {
    clearTimeout(this.timer);
    this.ends?.abort();
    this.timer = 0;
    this.hits = []; // in the order of the log: here the numbers of the lines that match
    this.searched = this.total = 0;
    this.words = this.problem = "";
    this.regex = this.done = this.many = false;
  }

  start(words, regex) {
    this.reset();
    Object.assign(this, { words, regex });
    if (words) this.run();
    else this.tell();
  }

  // There may be new lines: look at them, in a while.
  more() {
    if (!this.words || !this.done || this.problem || this.many || this.timer || !this.lacks()) return;
    this.timer = setTimeout(() => this.run(), AGAIN);
  }

  lacks() {
    return this.log.count > this.searched;
  }

  async run() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.ends = new AbortController();
    const { signal } = this.ends;
    try {
      for (this.done = false; !this.done; this.tell()) await this.part(signal);
    } catch {
      if (signal.aborted) return;
      this.problem = "The server does not answer; search again in a moment.";
      this.done = true;
      this.tell();
    }
  }

  async part(signal) {
    const found = await this.ask({ start: this.searched }, signal);
    for (const number of found.numbers) this.hits.push(number);
    const stuck = found.searched_to <= this.searched && !found.done;
    const total = Math.max(found.total, this.log.count);
    Object.assign(this, { searched: Math.max(this.searched, found.searched_to), total, problem: found.problem });
    this.many = this.hits.length >= MOST;
    this.done = found.done || this.many || stuck || Boolean(found.problem);
  }

  async ask(where, signal) {
    const query = new URLSearchParams({ q: this.words, ...where, ...(this.regex ? { regex: 1 } : {}) });
    const found = await (await fetch(`${this.address}&${query}`, { signal })).json();
    if (signal.aborted) throw signal.reason;
    return found;
  }

  // The name of a hit is that of its line, by its rank lines are in order.
  nameOf(hit) {
    return hit;
  }

  rankOf(hit) {
    return hit;
  }

  // Whether the line of that name matches.
  has(name) {
    let [low, high] = [0, this.hits.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.hits[middle] < name) low = middle + 1;
      else high = middle;
    }
    return this.hits[low] === name;
  }

  stop() {
    this.reset();
  }
}

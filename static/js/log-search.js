// Looks for words or an expression in the whole log: the server reads, a part at a time, and says how far it is.
const MOST = 20000; // matches that are counted
const AGAIN = 1000; // milliseconds between looks at what was written since

export class LogSearch {
  // `tell()` is called whenever something of numbers, searched, total, done, problem has changed.
  constructor(address, tell) {
    this.address = address;
    this.tell = tell;
    this.reset();
  }

  reset() {
    clearTimeout(this.timer);
    this.ends?.abort();
    this.numbers = []; // of the lines that match, rising
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

  // There are `total` lines now: look at those that are new, in a while.
  more(total) {
    if (!this.words || !this.done || this.problem || this.many || total <= this.searched || this.timer) return;
    this.timer = setTimeout(() => this.run(), AGAIN);
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
    const query = new URLSearchParams({ q: this.words, start: this.searched, ...(this.regex ? { regex: 1 } : {}) });
    const found = await (await fetch(`${this.address}&${query}`, { signal })).json();
    if (signal.aborted) throw signal.reason;
    for (const number of found.numbers) this.numbers.push(number);
    const stuck = found.searched_to <= this.searched && !found.done;
    Object.assign(this, { searched: Math.max(this.searched, found.searched_to), total: found.total, problem: found.problem });
    this.many = this.numbers.length >= MOST;
    this.done = found.done || this.many || stuck || Boolean(found.problem);
  }

  has(n) {
    const place = this.before(n + 1);
    return place >= 0 && this.numbers[place] === n;
  }

  // The place of the last match before line `n`; -1 where there is none.
  before(n) {
    let [low, high] = [0, this.numbers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.numbers[middle] < n) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  stop() {
    this.reset();
  }
}

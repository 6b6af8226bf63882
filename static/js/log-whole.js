// The whole log of one run of one container: what the page came with, what is fetched by number as it comes into
// sight, and what is written meanwhile, over the socket.
import { LogBlocks, BLOCK } from "./log-blocks.js";

const AT_ONCE = 2;
const WAIT = 40; // milliseconds in which one may scroll on before anything is asked for
const AGAIN = 3000;

export class WholeLog {
  // `changed(from, to)`: those lines are other ones now; `complain(words)`: why lines do not come, "" when they do;
  // `following()`: whether the end is what will be drawn next.
  constructor(section, list, { changed, complain, following }) {
    Object.assign(this, { changed, complain, following });
    this.address = section.dataset.lines;
    this.previous = section.dataset.previous === "1";
    this.topics = section.dataset.topic ? [section.dataset.topic] : [];
    const first = Number(list.dataset.first);
    this.held = new LogBlocks(Number(section.dataset.total) || 0);
    this.held.put(first, [...list.children].map((item) => [item.dataset.t, item.dataset.raw ? JSON.parse(item.dataset.raw) : item.textContent]));
    this.lacks = new Map(); // what is missing before a line, in words, by its number
    this.note(JSON.parse(section.dataset.notes || "{}"));
    this.began = section.dataset.began || (first === 0 ? (this.held.get(0)?.[0] ?? "") : "");
    this.asked = new Map(); // number of a block: what ends its fetching
    this.wanted = [];
    this.next = this.held.total; // the line that the socket tells next
    this.passed = 0; // lines that were written faster than they could be sent: fetched when they come into sight
    this.sight = [first, first]; // lines that are in the page, from..to (not included)
    this.way = 0; // where one scrolls: 1 to later lines, -1 to earlier ones
  }

  note(notes) {
    for (const [n, words] of Object.entries(notes ?? {})) this.lacks.set(Number(n), words);
  }

  get count() {
    return this.held.total;
  }

  // The highest number that a line has, at most.
  get highest() {
    return this.count;
  }

  // The line at `index`, which is its number; null where there is none to show yet.
  line(index) {
    const found = this.held.get(index);
    return found ? { n: index, time: found[0], raw: found[1], link: `#L${index + 1}`, lack: this.lacks.get(index) } : null;
  }

  // What stands in the place of a line that cannot be shown.
  instead(index) {
    if (this.held.get(index) === undefined) return "…";
    if (index && this.held.get(index - 1) === null && index % BLOCK) return "";
    let end = index;
    while (this.held.get(end) === null) end += 1;
    return `${(end - index).toLocaleString("en")} line${end - index === 1 ? "" : "s"} skipped: kept nowhere`;
  }

  text(index) {
    return [this.lacks.get(index), this.held.text(index)].filter(Boolean).join("  ");
  }

  indexOf(n) {
    return n >= 0 && n < this.count ? n : -1;
  }

  // Lines are named, ordered and found by their numbers.
  nameAt(index) {
    return index;
  }

  rankAt(index) {
    return index;
  }

  reach(n) {
    return n;
  }

  // Whether something of block `number` is held.
  holds(number) {
    return this.held.holds(number);
  }

  // `count` lines from `first` on as [time, text], from here or the server; fewer where some are kept nowhere.
  async between(first, count) {
    const here = Array.from({ length: count }, (_, i) => this.held.get(first + i));
    return here.includes(undefined) ? (await this.page(first, count)).lines : here.filter(Boolean);
  }

  async page(first, count, signal) {
    const answer = await fetch(`${this.address}&first=${first}&count=${count}`, { signal });
    const page = await answer.json();
    if (page.error) throw new Error(page.error);
    return page;
  }

  // --- what comes by itself ---

  options() {
    return { from: this.next, previous: this.previous };
  }

  // Takes a frame of the socket; whether it was lines.
  receive(frame) {
    const before = this.count;
    if (frame.bytes) this.heard(frame.from, frame.count, frame.bytes);
    else if (frame.skipped) this.heard(this.next + frame.skipped, 0);
    else if (frame.reset) this.restart();
    else return false;
    this.began ||= this.held.get(0)?.[0] ?? "";
    this.changed(Math.min(before, frame.from ?? this.count), Math.max(before, this.count));
    return true;
  }

  heard(from, count, bytes) {
    this.passed += Math.max(0, from - this.next);
    this.next = Math.max(this.next, from + count);
    if (count) this.held.putBytes(from, count, bytes);
    this.held.total = Math.max(this.count, this.next);
    this.held.trim(...(this.following() ? [this.count - 1, this.count] : this.sight));
  }

  restart() {
    this.cancel();
    this.held.clear();
    this.next = 0;
    this.began = "";
  }

  // When the log began; asks for its first line where that is not known.
  async start() {
    if (!this.began && this.count) this.began = (await this.page(0, 1)).lines[0]?.[0] ?? "";
  }

  // --- what is fetched ---

  // Lines from..to are in sight: see to it that they are here, and then what comes next where one scrolls to.
  need(from, to) {
    const by = from - this.sight[0];
    if (by) this.way = Math.abs(by) > BLOCK ? 0 : Math.sign(by);
    this.sight = [from, to];
    this.held.trim(from, to);
    const ahead = this.held.tight ? 0 : this.way * BLOCK;
    this.wanted = [...new Set([...this.held.holes(from, to), ...this.held.holes(from + Math.min(0, ahead), to + Math.max(0, ahead))])];
    for (const [block, ends] of this.asked) if (!this.wanted.includes(block)) ends.abort();
    if (this.wanted.length) this.timer ||= setTimeout(() => this.ask(), WAIT);
  }

  ask() {
    this.timer = 0;
    for (const block of this.wanted) {
      if (this.asked.size >= AT_ONCE) return;
      if (!this.asked.has(block)) this.fetch(block);
    }
  }

  async fetch(block) {
    const ends = new AbortController();
    this.asked.set(block, ends);
    let again = 0;
    try {
      let first = block * BLOCK;
      while (this.held.get(first) !== undefined) first += 1;
      this.take(first, (block + 1) * BLOCK, await this.page(first, (block + 1) * BLOCK - first, ends.signal));
      this.complain("");
    } catch (error) {
      if (!ends.signal.aborted) {
        this.complain(error instanceof TypeError || error instanceof SyntaxError ? "These lines could not be fetched; trying again." : error.message);
        again = AGAIN;
      }
    }
    if (this.asked.get(block) === ends) this.asked.delete(block);
    if (!this.stopped && this.wanted.length) this.timer ||= setTimeout(() => this.ask(), again || WAIT);
  }

  // Of the lines first..end asked for, those before the ones that came are kept nowhere; more may follow those. Lines
  // that are new, while a socket tells of them, come from it alone: they may have to wait.
  take(first, end, page) {
    if (!this.topics.length) this.held.total = Math.max(this.count, page.total);
    this.note(page.notes);
    const known = Math.min(end, this.count);
    const lacks = page.lines.length ? Math.min(known, page.first) : known;
    if (lacks > first) this.held.lack(first, lacks);
    this.held.put(page.first, page.lines.slice(0, Math.max(0, this.count - page.first)));
    const block = (end - BLOCK) / BLOCK;
    this.wanted = this.wanted.filter((one) => one !== block || this.held.holes(first, end).length);
    this.changed(first, end);
  }

  cancel() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.wanted = [];
    for (const ends of this.asked.values()) ends.abort();
  }

  stop() {
    this.stopped = true;
    this.cancel();
  }
}

// The log of one container: what the page came with, then live. Follows the end until one scrolls up.
import { parse } from "./ansi.js";
import { onState, watch } from "./live.js";
import { LogLines } from "./log-lines.js";
import { LogWindow } from "./log-window.js";

const LONG = 2000; // characters of a line that are shown before it is asked for
const TIMES = ["local", "utc", "off"];
const BAD = /\b(error|exception|traceback|fatal|panic)\b/i;

export function start(section) {
  const view = new LogView(section);
  return () => view.stop();
}

class LogView {
  constructor(section) {
    this.section = section;
    this.viewport = this.part("window");
    this.lines = read(this.viewport.querySelector("ol"));
    this.following = true;
    this.paused = null; // frames that came while paused
    this.wrap = false;
    this.times = 0;
    this.opened = new Set(); // numbers of long lines that are shown whole
    this.found = [];
    this.place = -1;
    this.words = "";
    this.window = new LogWindow(this.viewport, {
      count: () => this.lines.all.length,
      rows: (index) => this.rowsOf(index),
      draw: (index) => this.draw(index),
    });
    section.dataset.times = TIMES[0];
    this.bind();
    this.window.grow();
    if (!this.toHash()) this.window.toEnd();
    this.stops = section.dataset.topic ? [this.listen(), onState((state) => this.tellState(state))] : [];
    if (!section.dataset.topic) this.say(this.lines.all.length ? "ended" : "");
  }

  part(name) {
    return this.section.querySelector(`[data-log="${name}"]`);
  }

  bind() {
    this.lastTop = 0;
    this.viewport.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.viewport.addEventListener("click", (event) => this.click(event));
    this.part("jump").addEventListener("click", () => this.follow());
    this.part("find").addEventListener("input", (event) => this.search(event.target.value));
    this.part("find").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") event.target.blur();
    });
    this.part("next").addEventListener("click", () => this.step(1));
    this.part("previous").addEventListener("click", () => this.step(-1));
    this.part("pause").addEventListener("click", () => this.pause());
    this.part("wrap").addEventListener("click", () => this.toggleWrap());
    this.part("times").addEventListener("click", () => this.nextTimes());
    this.onHash = () => this.toHash();
    addEventListener("hashchange", this.onHash);
  }

  // --- what comes ---

  listen() {
    return watch(this.section.dataset.topic, {
      message: (frame) => this.receive(frame),
      options: () => ({ from: this.lines.next, previous: this.section.dataset.previous === "1" }),
    });
  }

  receive(frame) {
    if (this.paused && !frame.end) {
      this.paused.push(frame);
      return this.say(`paused, ${this.waitingLines().toLocaleString("en")} lines wait`);
    }
    const before = this.lines.all.length;
    let dropped = 0;
    if (frame.lines) dropped = this.lines.add(frame.from, frame.lines);
    else if (frame.skipped) this.lines.skip(frame.skipped);
    else if (frame.reset) dropped = this.restart();
    else if (frame.end) this.lines.note(frame.why || "The log has ended.");
    else if (frame.denied || frame.error || frame.note) return this.complain(frame.denied ?? frame.error ?? frame.note);
    else return undefined;
    if (frame.lines) this.complain("");
    if (frame.end) {
      this.ended = true;
      this.part("jump").textContent = "Jump to the end";
    }
    if (dropped) this.window.drop(dropped);
    else this.window.grow();
    if (this.following) this.window.toEnd();
    if (this.words) this.searchAgain(dropped ? 0 : before);
    return this.tellState();
  }

  // Returns how many lines went.
  restart() {
    const held = this.lines.all.length;
    this.lines.restart();
    return held;
  }

  waitingLines() {
    return this.paused.reduce((sum, frame) => sum + (frame.lines?.length ?? 0), 0);
  }

  complain(words) {
    let error = this.part("error");
    if (!error && words) {
      error = Object.assign(document.createElement("p"), { className: "log-empty" });
      error.dataset.log = "error";
      this.viewport.before(error);
    }
    if (error && !words) error.remove();
    else if (error) error.textContent = words;
    this.tellState();
  }

  // --- following ---

  scrolled() {
    const top = this.viewport.scrollTop;
    if (this.window.atEnd) this.following = true;
    else if (top < this.lastTop - 1) this.following = false;
    this.lastTop = top;
    this.part("jump").hidden = this.following;
    this.window.soon();
    this.tellState();
  }

  follow() {
    this.following = true;
    this.part("jump").hidden = true;
    if (this.paused) this.pause();
    this.window.toEnd();
  }

  pause() {
    const frames = this.paused;
    this.paused = frames ? null : [];
    this.part("pause").setAttribute("aria-pressed", String(!frames));
    for (const frame of frames ?? []) this.receive(frame);
    this.tellState();
  }

  tellState(state) {
    this.socket = state ?? this.socket;
    if (this.paused) return this.say(`paused, ${this.waitingLines().toLocaleString("en")} lines wait`);
    if (this.ended) return this.say("ended");
    if (this.socket && this.socket.name !== "live") return this.say("reconnecting");
    if (this.part("error")) return this.say("waiting");
    return this.say(this.following ? "following" : "");
  }

  say(words) {
    const pill = this.part("state");
    pill.hidden = !words;
    pill.dataset.state = words.split(",")[0];
    if (pill.textContent !== words) pill.textContent = words;
  }

  // --- drawing ---

  get columns() {
    const gutter = this.section.dataset.times === "off" ? 84 : 176;
    return Math.max(20, Math.floor((this.viewport.clientWidth - gutter) / this.window.character));
  }

  rowsOf(index) {
    if (!this.wrap) return 1;
    const length = Math.min(this.lines.text(index).length, this.opened.has(this.lines.all[index].n) ? Infinity : LONG + 20);
    return Math.max(1, Math.ceil(length / this.columns));
  }

  draw(index) {
    const line = this.lines.all[index];
    const row = document.createElement("li");
    row.className = "log-row";
    if (line.note) {
      row.classList.add("log-note");
      row.textContent = line.note;
      return row;
    }
    row.id = `L${line.n + 1}`;
    row.toggleAttribute("data-target", location.hash === `#${row.id}`);
    row.classList.toggle("bad", BAD.test(this.lines.text(index).slice(0, LONG)));
    row.toggleAttribute("data-current", this.found[this.place] === index);
    const number = Object.assign(document.createElement("a"), { href: `#${row.id}`, textContent: (line.n + 1).toLocaleString("en") });
    const time = Object.assign(document.createElement("time"), { textContent: this.timeOf(line.time), title: line.time });
    const text = document.createElement("span");
    this.write(text, line, index);
    row.append(number, time, text);
    return row;
  }

  write(element, line, index) {
    const whole = this.opened.has(line.n);
    const hits = ranges(this.lines.text(index), this.words);
    let [left, at] = [whole ? Infinity : LONG, 0];
    for (const piece of parse(line.raw)) {
      const text = piece.text.slice(0, left);
      for (const [part, hit] of cut(text, at, hits)) element.append(span(part, piece, hit));
      left -= text.length;
      at += piece.text.length;
      if (left <= 0) break;
    }
    if (left <= 0 && at > 0 && this.lines.text(index).length > LONG) {
      const more = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: `show all ${this.lines.text(index).length.toLocaleString("en")} characters` });
      more.dataset.open = line.n;
      element.append("… ", more);
    }
  }

  timeOf(time) {
    const mode = TIMES[this.times];
    if (mode === "off" || !time) return "";
    if (mode === "utc") return time.slice(11, 19);
    const date = new Date(time.replace(/(\.\d{3})\d*/, "$1"));
    return Number.isNaN(date.valueOf()) ? "" : date.toLocaleTimeString("en-GB");
  }

  click(event) {
    const open = event.target.closest("[data-open]");
    if (!open) return;
    this.opened.add(Number(open.dataset.open));
    this.window.relayout();
  }

  toggleWrap() {
    this.wrap = !this.wrap;
    this.section.toggleAttribute("data-wrap", this.wrap);
    this.part("wrap").setAttribute("aria-pressed", String(this.wrap));
    this.window.relayout();
    if (this.following) this.window.toEnd();
  }

  nextTimes() {
    this.times = (this.times + 1) % TIMES.length;
    this.section.dataset.times = TIMES[this.times];
    this.window.relayout();
  }

  toHash() {
    const match = /^#L(\d{1,12})$/.exec(location.hash);
    const index = match ? this.lines.indexOf(Number(match[1]) - 1) : -1;
    if (match && index < 0 && Number(match[1]) <= this.lines.first) {
      this.part("found").textContent = `line ${Number(match[1]).toLocaleString("en")} is an earlier one`;
    }
    if (index < 0) return false;
    this.following = false;
    this.window.relayout();
    this.window.to(index);
    this.part("jump").hidden = false;
    return true;
  }

  // --- searching ---

  search(words) {
    this.words = words;
    this.found = this.lines.find(words);
    this.place = this.found.length ? this.found.length - 1 : -1;
    this.show();
  }

  searchAgain(from) {
    const known = from ? this.found : [];
    this.found = known.concat(this.lines.find(this.words, from));
    if (!from) this.place = Math.min(this.place, this.found.length - 1);
    this.count();
  }

  step(by) {
    if (!this.found.length) return;
    this.place = (this.place + by + this.found.length) % this.found.length;
    this.show();
  }

  show() {
    this.count();
    this.window.relayout();
    if (this.place < 0) return;
    this.following = false;
    this.part("jump").hidden = false;
    this.window.to(this.found[this.place]);
  }

  count() {
    const { length } = this.found;
    this.part("found").textContent = this.words ? (length ? `${this.place + 1} of ${length.toLocaleString("en")}` : this.lines.first ? "none in the lines shown" : "none") : "";
  }

  stop() {
    for (const stop of this.stops) stop();
    removeEventListener("hashchange", this.onHash);
    this.window.stop();
  }
}

// The lines that the server drew, before they make room for the window.
function read(list) {
  const first = Number(list.dataset.first);
  const lines = new LogLines(first);
  lines.add(first, [...list.children].map((item) => [item.dataset.t, item.dataset.raw ? JSON.parse(item.dataset.raw) : item.textContent]));
  return lines;
}

// Where `words` stand in `text`, as [from, to).
function ranges(text, words) {
  const found = [];
  const [hay, needle] = [text.toLowerCase(), words.toLowerCase()];
  for (let at = needle ? hay.indexOf(needle) : -1; at >= 0 && found.length < 500; at = hay.indexOf(needle, at + needle.length)) {
    found.push([at, at + needle.length]);
  }
  return found;
}

// `text`, which stands at `start` of its line, as [part, whether it is within a range].
function cut(text, start, hits) {
  const parts = [];
  let at = 0;
  for (const [from, to] of hits) {
    const [a, b] = [Math.max(at, from - start), Math.min(text.length, to - start)];
    if (b <= a) continue;
    if (a > at) parts.push([text.slice(at, a), false]);
    parts.push([text.slice(a, b), true]);
    at = b;
  }
  if (at < text.length) parts.push([text.slice(at), false]);
  return parts;
}

function span(text, piece, hit) {
  const element = document.createElement(hit ? "mark" : "span");
  element.textContent = text;
  if (piece.classes) element.className = piece.classes;
  if (piece.colour) element.style.color = piece.colour;
  if (piece.ground) element.style.background = piece.ground;
  return element;
}

// A log and its tools: follows the end until one scrolls up, pauses, wraps, searches, and leads to a line.
import { widthOf } from "./ansi.js";
import { BLOCK } from "./log-blocks.js";
import { LogHeights } from "./log-heights.js";
import { LogFinder } from "./log-finder.js";
import { LogLag } from "./log-lag.js";
import { LogMarks } from "./log-marks.js";
import { MergedLog } from "./log-merged.js";
import { drawLine, drawNote, LONG } from "./log-row.js";
import { timeOf } from "./log-times.js";
import { WholeLog } from "./log-whole.js";
import { LogWindow } from "./log-window.js";
import { onState, watch } from "./live.js";

const MARGIN = 12; // pixels right of a line
const REST = 30; // milliseconds between two drawings of what comes by itself, at least; while more comes,
const SHARE = 20; // so many times what the last one took, but no longer than
const LONGEST = 1000; // milliseconds; and no shorter than
const RUSH = 200; // milliseconds when there came
const MANY = 1000; // lines since, more than anybody reads
const CALM = 15; // milliseconds in which nothing came: no more is waited for
const OFTEN = 100; // milliseconds after it may, within which a drawing is one of many
const MOST_PAUSED = 8 * 2 ** 20; // bytes that wait while paused; the oldest of more are fetched when they are looked at

export function start(section) {
  const view = new LogView(section);
  return () => view.stop();
}

class LogView {
  constructor(section) {
    this.section = section;
    this.viewport = this.part("window");
    this.merged = Boolean(section.dataset.pods);
    this.following = true;
    this.paused = null; // {frames: [frame, topic] that came while paused, lines, bytes}
    this.dirty = [Infinity, -1]; // lines from..to are others than those drawn
    this.drawn = { at: -Infinity, rest: 0 }; // when what came was drawn last, and for how long that is enough
    this.lag = new LogLag(() => this.tellState());
    this.heardAt = 0; // when the newest lines came that were not drawn yet
    this.wrap = false;
    this.opened = new Set(); // lines that are shown whole
    this.ended = new Set(); // topics
    this.heights = new LogHeights();
    const list = this.viewport.querySelector("ol");
    const Log = this.merged ? MergedLog : WholeLog;
    this.log = new Log(section, list, {
      changed: (from, to) => this.changed(from, to),
      moved: (by) => this.moved(by),
      swapped: () => this.swapped(),
      complain: (words) => this.complain(words),
      following: () => this.following,
    });
    this.window = new LogWindow(this.viewport, {
      heights: this.heights,
      count: () => this.log.count,
      draw: (index) => this.draw(index),
      painted: (from, to) => this.log.need(from, to),
    });
    this.window.onResize = () => this.wrap && this.measure();
    this.finder = new LogFinder(section, this.log, {
      show: (index) => this.show(index),
      marked: () => this.window.relayout(),
      sight: () => this.window.inSight,
      complain: (words) => this.complain(words),
    });
    this.marks = new LogMarks(this.log, { show: (index) => this.show(index), marked: () => this.window.relayout() });
    section.dataset.times ||= "local";
    this.bind();
    if (!this.marks.toHash() && !this.toPlace()) this.window.toEnd();
    this.stops = this.log.topics.map((topic) => this.listen(topic));
    if (this.stops.length) this.stops.push(onState((state) => this.tellState(state)));
    else this.tellState();
    if (!this.log.topics.length) this.part("jump").textContent = "Jump to the end";
    this.tellEarlier();
  }

  part(name) {
    return this.section.querySelector(`[data-log="${name}"]`);
  }

  bind() {
    this.viewport.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.viewport.addEventListener("click", (event) => this.click(event));
    this.viewport.addEventListener("keydown", (event) => this.key(event));
    this.part("jump").addEventListener("click", () => this.follow());
    this.part("follow").addEventListener("click", () => (this.following ? this.leave() : this.follow()));
    this.part("pause").addEventListener("click", () => this.pause());
    this.part("wrap").addEventListener("click", () => this.toggleWrap());
    this.part("times").addEventListener("change", (event) => this.setTimes(event.target.value));
    for (const name of ["earlier", "later"]) this.part(name)?.querySelector("button").addEventListener("click", () => this.load(name));
    for (const type of ["pointerdown", "click"]) this.part("among")?.addEventListener(type, () => this.leadAmong());
  }

  // --- what comes ---

  listen(topic) {
    return watch(topic, {
      message: (frame) => this.receive(frame, topic),
      options: () => this.log.options(topic),
    });
  }

  receive(frame, topic) {
    if (this.paused && !frame.end) return this.keep(frame, topic);
    if (frame.bytes) this.heardAt = Date.now();
    if (this.log.receive(frame, topic)) return this.part("error").hidden ? undefined : this.complain("");
    if (frame.end) this.end(topic, frame.why || "The log has ended.");
    else if (frame.denied || frame.error || frame.note) this.complain(frame.denied ?? frame.error ?? frame.note);
    return this.tellState();
  }

  keep(frame, topic) {
    const { paused } = this;
    paused.frames.push([frame, topic]);
    paused.lines += frame.count ?? frame.skipped ?? 0;
    paused.bytes += frame.bytes?.length ?? 0;
    while (paused.bytes > MOST_PAUSED) {
      const oldest = paused.frames.findIndex(([one]) => one.bytes);
      paused.bytes -= paused.frames.splice(oldest, 1)[0][0].bytes.length;
    }
    this.tellState();
  }

  // Whether more may come.
  get live() {
    return this.ended.size < this.log.topics.length;
  }

  end(topic, why) {
    this.ended.add(topic);
    if (this.live) return;
    this.part("jump").textContent = "Jump to the end";
    if (!this.log.count) return this.complain(this.merged ? "No pod has written anything." : why);
    this.over = [why, this.section.dataset.kept];
    this.tellFoot();
  }

  tellFoot() {
    const { passed } = this.log;
    const lines = passed === 1 ? "1 line was" : `${passed.toLocaleString("en")} lines were`;
    const skipped = passed ? `${lines} skipped on the way; scroll there to read them.` : "";
    const foot = this.part("foot");
    foot.textContent = [skipped, ...(this.over ?? [])].filter(Boolean).join(" ");
    foot.hidden = !foot.textContent;
  }

  // Lines from..to (not included) are others than before: drawn in the next frame that may draw.
  changed(from, to) {
    if (!this.window) return;
    this.dirty = [Math.min(this.dirty[0], from), Math.max(this.dirty[1], to)];
    this.cameAt = performance.now();
    if (!this.resting) this.rest();
  }

  // Lines that rush by are drawn a few times a second: each drawing takes from the time in which they are received.
  rest() {
    const { at, rest } = this.drawn;
    const next = Math.min(this.cameAt + CALM, at + Math.max(rest, this.many ? RUSH : REST));
    const wait = Math.max(at + REST, next) - performance.now();
    this.resting = wait > 0 ? setTimeout(() => this.rest(), wait) : requestAnimationFrame(() => this.redraw());
  }

  get many() {
    return this.dirty[1] - this.dirty[0] > MANY;
  }

  redraw() {
    const [from, to] = this.dirty;
    const { many } = this;
    this.dirty = [Infinity, -1];
    this.resting = 0;
    if (this.stopped) return;
    const began = performance.now();
    const keep = this.wrap && !this.following && this.window.hold();
    this.window.forget(from, to);
    if (this.wrap) this.measure(from, to);
    if (this.following) this.window.toEnd();
    else if (keep) keep();
    if (this.following && (many || began < this.drawn.at + this.drawn.rest + OFTEN)) this.window.hurry();
    else this.window.paint();
    this.finder.more();
    if (this.log.passed) this.tellFoot();
    if (this.heardAt) this.lag.heard(this.heardAt, this.log.line(this.log.count - 1)?.time);
    this.heardAt = 0;
    this.tellState();
    const at = performance.now();
    this.drawn = { at, rest: Math.min(LONGEST, SHARE * (at - began)) };
  }

  // Every line stands `by` further down.
  moved(by) {
    const keep = this.window.hold();
    this.window.relayout();
    if (this.wrap) this.measure();
    if (this.following) this.window.toEnd();
    else keep(by);
    this.finder.more();
  }

  // All rows are other ones now.
  swapped() {
    this.heights.clear();
    if (this.wrap) this.measure();
    this.window.relayout();
    this.tellEarlier();
  }

  // Which: "earlier" or "later" lines of a merged log.
  async load(which) {
    const button = this.part(which).querySelector("button");
    button.disabled = true;
    this.leave();
    try {
      await this.log[which]();
      this.complain("");
    } catch (error) {
      this.complain(error.message);
    }
    button.disabled = false;
    this.tellEarlier();
  }

  tellEarlier() {
    const strip = this.part("earlier");
    if (!strip) return;
    const since = this.log.whole;
    strip.hidden = !since;
    const words = `In full since ${timeOf(since, this.section.dataset.times === "utc" ? "utc" : "local")}.`;
    strip.querySelector("span").textContent = this.log.full ? `${words} For what is before, choose one pod.` : words;
    strip.querySelector("button").hidden = this.log.full;
    this.part("later").hidden = !this.log.hasLater;
  }

  complain(words) {
    const error = this.part("error");
    error.hidden = !words;
    if (!words || !error.textContent.startsWith(words)) error.textContent = words; // what says more, stays
    this.tellState();
  }

  // --- following ---

  scrolled() {
    const by = this.window.scrolled();
    if (this.window.atEnd && !this.log.away) this.following = true;
    else if (by < -1) this.following = false;
    this.tellState();
  }

  leave() {
    this.following = false;
    this.tellState();
  }

  follow() {
    if (this.log.away && !this.log.toEnd()) return;
    this.following = true;
    if (this.paused) this.pause();
    this.window.toEnd();
    this.tellState();
  }

  pause() {
    const { frames } = this.paused ?? {};
    this.paused = frames ? null : { frames: [], lines: 0, bytes: 0 };
    for (const [frame, topic] of frames ?? []) this.receive(frame, topic);
    this.heardAt = 0; // these were held back on purpose
    this.tellState();
  }

  tellState(state) {
    this.socket = state ?? this.socket;
    const pause = this.part("pause");
    pause.toggleAttribute("data-on", Boolean(this.paused));
    if (pause.lastChild.textContent !== (this.paused ? "Resume" : "Pause")) pause.lastChild.textContent = this.paused ? "Resume" : "Pause";
    press(this.part("follow"), this.following && !this.paused);
    this.part("jump").hidden = this.following && !this.paused;
    if (this.paused) {
      const { lines } = this.paused;
      return this.say(`paused, ${lines === 1 ? "1 line waits" : `${lines.toLocaleString("en")} lines wait`}`);
    }
    if (!this.live) {
      for (const name of ["follow", "pause"]) this.part(name).hidden = true;
      return this.say(this.log.topics.length || (this.log.count && !this.merged) ? "ended" : "");
    }
    if (this.socket && this.socket.name !== "live") return this.say("reconnecting");
    if (!this.part("error").hidden) return this.say("waiting");
    return this.say(this.following ? `following${this.lag.words}` : "");
  }

  say(words) {
    const pill = this.part("state");
    pill.hidden = !words;
    pill.dataset.state = words.split(",")[0];
    if (pill.textContent !== words) pill.textContent = words;
  }

  // --- drawing ---

  draw(index) {
    const line = this.log.line(index);
    if (!line) return drawNote(this.log.instead(index), this.merged ? undefined : index);
    const mode = this.section.dataset.times;
    const row = drawLine(line, {
      words: this.finder.plainWords,
      found: this.finder.matches(index),
      current: this.finder.isCurrent(index),
      target: this.marks.has(line, index),
      open: this.opened.has(this.nameOf(line)),
      time: (iso) => timeOf(iso, mode, this.log.began),
    });
    if (!this.merged) row.id = `line-${index + 1}`; // not what the hash says: the browser would go there on its own
    return row;
  }

  nameOf(line) {
    return `${line.who?.place ?? ""}/${line.n}`;
  }

  get columns() {
    const width = this.viewport.clientWidth - this.window.textLeft(this.merged ? 4 : 3, this.log.highest) - MARGIN;
    return Math.max(20, Math.floor(width / this.window.character));
  }

  // How many rows of text each line from..to takes while long ones are wrapped.
  measure(from = 0, to = this.log.count) {
    const { columns } = this;
    const rows = (index) => {
      const line = index < this.log.count && this.log.line(index);
      if (!line) return 1;
      const length = widthOf(this.log.text(index));
      return Math.max(1, Math.ceil((this.opened.has(this.nameOf(line)) ? length : Math.min(length, LONG + 20)) / columns));
    };
    if (!from && to >= this.log.count) this.heights.clear();
    for (let block = Math.floor(from / BLOCK); block * BLOCK < to; block += 1) {
      if (this.log.holds(block)) this.heights.measure(block, rows);
    }
  }

  toggleWrap() {
    this.reflow(() => {
      this.wrap = !this.wrap;
      this.section.toggleAttribute("data-wrap", this.wrap);
      press(this.part("wrap"), this.wrap);
    });
  }

  async setTimes(mode) {
    if (mode === "since") await this.log.start().catch((error) => this.complain(error.message));
    this.reflow(() => {
      this.section.dataset.times = mode;
    });
    this.tellEarlier();
  }

  // Lay all out anew after `change`; what is in sight stays there.
  reflow(change) {
    const keep = this.window.hold();
    change();
    this.heights.clear();
    if (this.wrap) this.measure();
    this.window.relayout();
    if (this.following) this.window.toEnd();
    else keep();
  }

  // --- going somewhere ---

  show(index) {
    this.following = false;
    this.window.relayout();
    this.window.to(index);
    this.tellState();
  }

  // Where the address asked for (?line=, ?at=): said by the server.
  toPlace() {
    const place = this.section.dataset.place;
    if (!place || !this.log.count) return false;
    this.marks.place = Number(place);
    this.show(Math.min(Number(place), this.log.count - 1));
    return true;
  }

  // The link to the logs of all pods leads to the line that is marked, or the first that is in sight.
  leadAmong() {
    const link = this.part("among");
    const n = [this.finder.hit, this.marks.first, this.marks.place, this.window.inSight[0]].find((line) => line >= 0);
    link.href = `${link.dataset.page}:${n + 1}`;
  }

  click(event) {
    const row = event.target.closest(".log-row");
    if (event.target.closest("[data-open]")) {
      this.opened.add(this.nameOf(this.log.line(this.window.indexOf(row))));
      return this.reflow(() => {});
    }
    if (event.target.closest("a[data-n]") && !this.merged) return this.marks.click(event);
    return undefined;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("button")) return;
    const act = { p: () => this.pause(), w: () => this.toggleWrap(), n: () => this.finder.step(1), N: () => this.finder.step(-1) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  stop() {
    this.stopped = true;
    for (const stop of this.stops) stop();
    this.lag.stop();
    this.finder.stop();
    this.marks.stop();
    this.log.stop();
    this.window.stop();
  }
}

function press(button, pressed) {
  button.setAttribute("aria-pressed", String(pressed));
}

// The logs of several pods as one, in the order of their times: a sheet of their ends, which grows by what is written
// meanwhile, and where one went to a line farther up, a sheet of what is around it.
import { plain } from "./ansi.js";
import { linesOf } from "./log-blocks.js";

const MOST = 20000; // lines held; the farthest go first
const DROPPED_AT_ONCE = 1000;
const EARLIER = 500; // lines of each pod, at most

export class MergedLog {
  // `changed(from, to)`: those rows are other ones now; `moved(by)`: every row stands `by` further down;
  // `swapped()`: all rows are other ones.
  constructor(section, list, { changed, moved, swapped }) {
    Object.assign(this, { changed, moved, swapped });
    this.address = section.dataset.merged;
    this.newest = section.dataset.here;
    this.pods = JSON.parse(section.dataset.pods); // {id, topic, page, label, name, place, first, total, more}
    this.topics = this.pods.map((pod) => pod.topic).filter(Boolean);
    const rows = [...list.children].map((item) => {
      const pod = this.pods[Number(item.dataset.p)];
      return made(pod, Number(item.dataset.n), item.dataset.t, item.dataset.raw ? JSON.parse(item.dataset.raw) : item.lastChild.textContent);
    });
    // Of each pod the first line that a sheet has, the one after its last, and whether there are more.
    this.sheet = { rows, ends: this.pods.map(({ first, total, more }) => ({ first, total, more })) };
    this.end = section.dataset.place ? null : this.sheet;
    this.passed = 0; // said in a row of their own
    this.lacks = new Map(); // what is missing before a line, in words, by its name
    for (const pod of this.pods) this.note(pod, pod.notes);
  }

  get rows() {
    return this.sheet.rows;
  }

  get count() {
    return this.rows.length;
  }

  get began() {
    return this.rows.find((row) => row.pod)?.time ?? "";
  }

  // Whether what is shown is not the end, which grows.
  get away() {
    return this.sheet !== this.end;
  }

  note(pod, notes) {
    for (const [n, words] of Object.entries(notes ?? {})) this.lacks.set(nameOf({ pod, n }), words);
  }

  // The highest number that a line has, at most.
  get highest() {
    return Math.max(...this.pods.map((pod) => this.totalOf(pod)));
  }

  podOf(id) {
    return this.pods.find((pod) => pod.id === id);
  }

  totalOf(pod) {
    return (this.end ?? this.sheet).ends[pod.place].total;
  }

  line(index) {
    const row = this.rows[index];
    return row.pod ? { ...row, lack: this.lacks.get(nameOf(row)), link: `${row.pod.page}&line=${row.n + 1}#L${row.n + 1}`, who: row.pod } : null;
  }

  instead(index) {
    return this.rows[index].note;
  }

  text(index) {
    const row = this.rows[index];
    return row.note ?? [this.lacks.get(nameOf(row)), plain(row.raw)].filter(Boolean).join("  ");
  }

  indexOf() {
    return -1; // a number says nothing without its pod: links lead to the pod's own log
  }

  nameAt(index) {
    const row = this.rows[index];
    return row?.pod ? nameOf(row) : "";
  }

  rankAt(index) {
    return this.rows[index]?.key ?? "";
  }

  holds() {
    return true;
  }

  async start() {}

  need() {}

  // --- what comes by itself: it belongs to the end, whatever is shown ---

  options(topic) {
    const pod = this.pods.find((one) => one.topic === topic);
    return { from: this.totalOf(pod), previous: false };
  }

  receive(frame, topic) {
    const pod = this.pods.find((one) => one.topic === topic);
    const own = this.end.ends[pod.place];
    if (frame.bytes) this.add(pod, own, frame.from, linesOf(frame.bytes));
    else if (frame.skipped) this.remark(pod, own, frame.skipped);
    else if (frame.reset) Object.assign(own, { first: 0, total: 0 });
    else return false;
    return true;
  }

  add(pod, own, from, lines) {
    if (from > own.total) this.remark(pod, own, from - own.total);
    let lowest = this.end.rows.length;
    for (let i = Math.max(0, own.total - from); i < lines.length; i += 1) {
      lowest = Math.min(lowest, this.insert(made(pod, from + i, ...lines[i])));
    }
    own.total = Math.max(own.total, from + lines.length);
    this.grown(lowest);
    const over = this.end.rows.length - MOST;
    if (over > 0) this.dropped(dropFirst(this.end, over + DROPPED_AT_ONCE));
  }

  // Most lines come last, or nearly: it is looked for from there. Returns where it stands.
  insert(row) {
    const { rows } = this.end;
    let at = rows.length;
    while (at > 0 && rows[at - 1].key > row.key) at -= 1;
    rows.splice(at, 0, row);
    return at;
  }

  remark(pod, own, count) {
    const { rows } = this.end;
    const note = `${pod.label}: ${count.toLocaleString("en")} line${count === 1 ? "" : "s"} skipped; the pod's own log has them`;
    rows.push({ note, key: rows.at(-1)?.key ?? "" });
    own.total += count;
    this.grown(rows.length - 1);
  }

  grown(from) {
    if (!this.away) this.changed(from, this.count);
  }

  dropped(count) {
    if (!this.away) this.moved(-count);
  }

  // --- another sheet ---

  // Where the line of `hit` stands, on the sheet that is shown from now on; -1 for one that is not kept any more.
  async reach(hit) {
    for (const sheet of [this.sheet, this.end ?? this.sheet]) {
      const index = indexIn(sheet, hit);
      if (index < 0) continue;
      if (sheet !== this.sheet) this.toEnd();
      return index;
    }
    const where = `hit=${hit.pod.id}:${hit.n + 1}`;
    const page = await this.ask(where);
    const sheet = { rows: this.rowsOf(page), ends: this.pods.map(() => ({ first: 0, total: 0, more: false })) };
    for (const told of page.pods) Object.assign(sheet.ends[this.podOf(told.pod).place], { first: told.first, total: told.total, more: told.more });
    const index = indexIn(sheet, hit);
    if (index >= 0) this.show(sheet, `${this.newest}&${where}`);
    return index;
  }

  // Back to the end; whether it is here, else it is on its way.
  toEnd() {
    if (!this.away) return true;
    if (this.end) this.show(this.end, this.newest);
    else location.assign(this.newest);
    return Boolean(this.end);
  }

  show(sheet, address) {
    this.sheet = sheet;
    history.replaceState(history.state, "", address);
    this.swapped();
  }

  async ask(where) {
    const page = await (await fetch(`${this.address}&${where}`)).json();
    if (page.problem) throw new Error(page.problem);
    for (const told of page.pods) this.note(this.podOf(told.pod), told.notes);
    return page;
  }

  // The lines of a page, and why those of some pods are not among them.
  rowsOf(page) {
    const key = keyOf(page.lines[0]?.[2] ?? "");
    const notes = page.pods.filter((told) => told.error).map((told) => ({ note: `${this.podOf(told.pod).label}: ${told.error}`, key }));
    return [...notes, ...page.lines.map(([id, n, time, raw]) => made(this.podOf(id), n, time, raw))];
  }

  // --- what is before and after ---

  // From when on no line of any pod is left out; "" when that is all of it.
  get whole() {
    const seen = new Map();
    for (const row of this.rows) if (row.pod && this.sheet.ends[row.pod.place].first > 0 && !seen.has(row.pod)) seen.set(row.pod, row);
    return [...seen.values()].reduce((latest, row) => (row.key > latest.key ? row : latest), { key: "", time: "" }).time;
  }

  // Whether the end, which must not lose its newest lines, has no room for earlier ones.
  get full() {
    return !this.away && this.count + EARLIER > MOST;
  }

  get hasLater() {
    return this.away && this.sheet.ends.some((own) => own.more);
  }

  async earlier() {
    const { sheet } = this;
    const page = await this.ask(`before=${this.places(sheet, "first")}`);
    const more = this.rowsOf(page);
    for (const told of page.pods) sheet.ends[this.podOf(told.pod).place].first = told.first;
    sheet.rows = inOrder(more.concat(sheet.rows));
    if (sheet !== this.end) dropLast(sheet, sheet.rows.length - MOST);
    if (sheet === this.sheet) this.moved(more.length);
  }

  async later() {
    const { sheet } = this;
    const page = await this.ask(`after=${this.places(sheet, "total")}`);
    const before = sheet.rows.length;
    for (const { pod, total, more } of page.pods) Object.assign(sheet.ends[this.podOf(pod).place], { total, more });
    sheet.rows = inOrder(sheet.rows.concat(this.rowsOf(page)));
    if (sheet !== this.sheet) return;
    this.changed(before, this.count);
    const over = sheet.rows.length - MOST;
    if (over > 0) this.dropped(dropFirst(sheet, over));
  }

  places(sheet, name) {
    const wanted = this.pods.filter((pod) => name === "total" || sheet.ends[pod.place].first > 0);
    return wanted.map((pod) => `${pod.id}:${sheet.ends[pod.place][name]}`).join(",");
  }

  stop() {}
}

function dropFirst(sheet, count) {
  for (const row of sheet.rows.splice(0, count)) if (row.pod) sheet.ends[row.pod.place].first = row.n + 1;
  return count;
}

function dropLast(sheet, count) {
  if (count <= 0) return;
  for (const row of sheet.rows.splice(-count).reverse()) if (row.pod) Object.assign(sheet.ends[row.pod.place], { total: row.n, more: true });
}

function indexIn(sheet, hit) {
  return sheet.rows.findIndex((row) => row.pod === hit.pod && row.n === hit.n);
}

function inOrder(rows) {
  return rows.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
}

function made(pod, n, time, raw) {
  return { pod, n, time, raw, key: keyOf(time) };
}

export function nameOf({ pod, n }) {
  return `${pod.place}/${n}`;
}

// Servers leave out trailing zeros of a fraction: keys compare as the moments do.
export function keyOf(time) {
  const [whole, fraction = ""] = time.replace("Z", "").split(".");
  return `${whole}.${fraction.padEnd(9, "0")}`;
}

// The logs of several pods as one, in the order of their times: the last lines of each, what is written meanwhile,
// and earlier ones when asked for.
import { plain } from "./ansi.js";

const MOST = 20000; // lines held; the oldest go first
const DROPPED_AT_ONCE = 1000;
const EARLIER = 500; // lines of each pod

export class MergedLog {
  // `changed(from, to)`: those rows are other ones now; `moved(by)`: every row stands `by` further down.
  constructor(section, list, { changed, moved }) {
    Object.assign(this, { changed, moved });
    this.pods = JSON.parse(section.dataset.pods); // {topic, lines, page, label, name, place, first, total}
    this.topics = this.pods.map((pod) => pod.topic).filter(Boolean);
    this.rows = [...list.children].map((item) => {
      const pod = this.pods[Number(item.dataset.p)];
      return made(pod, Number(item.dataset.n), item.dataset.t, item.dataset.raw ? JSON.parse(item.dataset.raw) : item.lastChild.textContent);
    });
    this.began = this.rows[0]?.time ?? "";
    this.passed = 0; // said in a row of their own
  }

  get count() {
    return this.rows.length;
  }

  line(index) {
    const row = this.rows[index];
    return row.pod ? { ...row, link: `${row.pod.page}&line=${row.n + 1}#L${row.n + 1}`, who: row.pod } : null;
  }

  instead(index) {
    return this.rows[index].note;
  }

  text(index) {
    return this.rows[index].note ?? plain(this.rows[index].raw);
  }

  indexOf() {
    return -1; // a number says nothing without its pod: links lead to the pod's own log
  }

  holds() {
    return true;
  }

  async start() {}

  need() {}

  // --- what comes by itself ---

  options(topic) {
    const pod = this.pods.find((one) => one.topic === topic);
    return { from: pod.total, previous: false };
  }

  receive(frame, topic) {
    const pod = this.pods.find((one) => one.topic === topic);
    if (frame.lines) this.add(pod, frame.from, frame.lines);
    else if (frame.skipped) this.remark(pod, frame.skipped);
    else if (frame.reset) Object.assign(pod, { first: 0, total: 0 });
    else return false;
    return true;
  }

  add(pod, from, lines) {
    if (from > pod.total) this.remark(pod, from - pod.total);
    let lowest = this.count;
    for (let i = Math.max(0, pod.total - from); i < lines.length; i += 1) {
      lowest = Math.min(lowest, this.insert(made(pod, from + i, ...lines[i])));
    }
    pod.total = Math.max(pod.total, from + lines.length);
    this.began ||= this.rows[0]?.time ?? "";
    this.changed(lowest, this.count);
    if (this.count > MOST) this.drop(this.count - MOST + DROPPED_AT_ONCE);
  }

  // Most lines come last, or nearly: it is looked for from there. Returns where it stands.
  insert(row) {
    let at = this.count;
    while (at > 0 && this.rows[at - 1].key > row.key) at -= 1;
    this.rows.splice(at, 0, row);
    return at;
  }

  remark(pod, count) {
    const note = `${pod.label}: ${count.toLocaleString("en")} line${count === 1 ? "" : "s"} skipped; the pod's own log has them`;
    this.rows.push({ note, key: this.rows.at(-1)?.key ?? "" });
    pod.total += count;
    this.changed(this.count - 1, this.count);
  }

  drop(count) {
    for (const row of this.rows.splice(0, count)) if (row.pod) row.pod.first = row.n + 1;
    this.moved(-count);
  }

  // --- earlier ones ---

  // From when on no line of any pod is left out; "" when that is all of it.
  get whole() {
    const seen = new Map();
    for (const row of this.rows) if (row.pod?.first > 0 && !seen.has(row.pod)) seen.set(row.pod, row);
    return [...seen.values()].reduce((latest, row) => (row.key > latest.key ? row : latest), { key: "", time: "" }).time;
  }

  get full() {
    return this.count + EARLIER > MOST;
  }

  async earlier() {
    const fetched = await Promise.all(this.pods.filter((pod) => pod.first > 0).map((pod) => this.before(pod)));
    const more = fetched.flat();
    this.rows = more.concat(this.rows).sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
    this.began = this.rows[0]?.time ?? "";
    this.moved(more.length);
  }

  async before(pod) {
    const first = Math.max(0, pod.first - EARLIER);
    const page = await (await fetch(`${pod.lines}&first=${first}&count=${pod.first - first}`)).json();
    if (page.error) throw new Error(`${pod.label}: ${page.error}`);
    const rows = page.lines.slice(0, pod.first - page.first).map(([time, raw], i) => made(pod, page.first + i, time, raw));
    pod.first = first;
    return rows;
  }

  // Indexes of the rows that hold `words`; without a capital letter in them, in either case.
  find(words) {
    const either = words === words.toLowerCase();
    const found = [];
    for (let i = 0; words && i < this.count; i += 1) {
      if ((either ? this.text(i).toLowerCase() : this.text(i)).includes(words)) found.push(i);
    }
    return found;
  }

  stop() {}
}

// Servers leave out trailing zeros of a fraction: `key` compares as the moments do.
function made(pod, n, time, raw) {
  const [whole, fraction = ""] = time.replace("Z", "").split(".");
  return { pod, n, time, raw, key: `${whole}.${fraction.padEnd(9, "0")}` };
}

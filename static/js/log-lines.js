// The lines of one log that the page holds: numbered from 0, at most MOST of them, the oldest go first.
// Notes of ours ("120 lines skipped") stand among them without a number.
import { plain } from "./ansi.js";

export const MOST = 100000;
const DROPPED_AT_ONCE = 5000;

export class LogLines {
  constructor(first) {
    this.all = []; // {n, time, raw} or {note}
    this.first = first; // lines before this one are not held
    this.next = first; // the number of the line that comes next
  }

  // Lines from number `from` on, as [[time, text]]; those known are passed over, a gap is noted.
  // Returns how many of the oldest were dropped to make room.
  add(from, lines) {
    if (from > this.next) this.skip(from - this.next);
    lines.slice(this.next - from).forEach(([time, raw]) => {
      this.all.push({ n: this.next, time, raw });
      this.next += 1;
    });
    if (this.all.length <= MOST) return 0;
    const dropped = Math.min(this.all.length - 1, this.all.length - MOST + DROPPED_AT_ONCE);
    this.all.splice(0, dropped);
    return dropped;
  }

  // The log began anew: what was counted means nothing any more.
  restart() {
    this.all = [];
    this.first = this.next = 0;
    this.note("The log began anew");
  }

  skip(count) {
    this.note(`${count.toLocaleString("en")} line${count === 1 ? "" : "s"} skipped; the download has them`);
    this.next += count;
  }

  note(words) {
    this.all.push({ note: words });
  }

  text(index) {
    const line = this.all[index];
    line.plain ??= line.note ?? plain(line.raw);
    return line.plain;
  }

  // Indexes of the lines from `start` on that hold `words`, whatever the case.
  find(words, start = 0) {
    const wanted = words.toLowerCase();
    const found = [];
    for (let i = start; wanted && i < this.all.length; i += 1) {
      if (this.text(i).toLowerCase().includes(wanted)) found.push(i);
    }
    return found;
  }

  // Where line number `n` stands; -1 when it is not held.
  indexOf(n) {
    let [low, high] = [0, this.all.length - 1];
    while (low <= high) {
      let middle = (low + high) >> 1;
      while (middle > low && this.all[middle].note) middle -= 1;
      const number = this.all[middle].note ? -1 : this.all[middle].n;
      if (number === n) return middle;
      if (number < n) low = Math.max(middle, (low + high) >> 1) + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

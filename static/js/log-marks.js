// Lines that the address names: #L12 or #L12-L40. A click on a number sets it, with Shift a range, which is copied.
import { plain } from "./ansi.js";
import { toast } from "./toasts.js";

const MOST_COPIED = 20000;

export class LogMarks {
  constructor(log, { show, marked }) {
    Object.assign(this, { log, show, marked });
    this.first = this.last = this.place = -1;
    this.onHash = () => this.toHash();
    addEventListener("hashchange", this.onHash);
  }

  has(line, index) {
    return index === this.place || (!line.who && line.n >= this.first && line.n <= this.last);
  }

  // Go where the address says; whether it names a line. One that is not there yet: the last there is.
  toHash() {
    const found = /^#L(\d{1,12})(?:-L?(\d{1,12}))?$/.exec(location.hash);
    if (!found || !this.log.count) return false;
    const ends = [Number(found[1]) - 1, Number(found[2] ?? found[1]) - 1].sort((one, other) => one - other);
    [this.first, this.last] = ends;
    if (this.log.indexOf(0) < 0) return false;
    this.show(Math.max(0, Math.min(this.first, this.log.count - 1)));
    return true;
  }

  click(event) {
    event.preventDefault();
    const n = Number(event.target.closest("a").dataset.n);
    const from = event.shiftKey && this.first >= 0 ? this.first : n;
    [this.first, this.last] = [Math.min(from, n), Math.max(from, n)];
    history.replaceState(history.state, "", this.first === this.last ? `#L${n + 1}` : `#L${this.first + 1}-L${this.last + 1}`);
    this.place = -1;
    this.marked();
    if (event.shiftKey) this.copy();
  }

  async copy() {
    const count = this.last - this.first + 1;
    if (count > MOST_COPIED) return toast(`${count.toLocaleString("en")} lines are too many to copy; download the log instead.`, "error");
    try {
      const lines = await this.log.between(this.first, count);
      await navigator.clipboard.writeText(lines.map(([, raw]) => `${plain(raw)}\n`).join(""));
      return toast(`${count === 1 ? "1 line" : `${count.toLocaleString("en")} lines`} copied.`);
    } catch {
      return toast("These lines could not be copied; select the text instead.", "error");
    }
  }

  stop() {
    removeEventListener("hashchange", this.onHash);
  }
}

// The field that searches a log: of one container the whole of it, on the server; of merged ones what is loaded.
import { LogSearch } from "./log-search.js";

const TYPING = 250;

export class LogFinder {
  // `show(index)` goes to a match, `marked()` draws anew what is marked, `sight()` says which lines are in sight.
  constructor(section, log, { show, marked, sight }) {
    Object.assign(this, { section, log, show, marked, sight });
    this.whole = section.dataset.search ? new LogSearch(section.dataset.search, () => this.told()) : null;
    this.words = "";
    this.regex = false;
    this.reset();
    this.bind();
  }

  part(name) {
    return this.section.querySelector(`[data-log="${name}"]`);
  }

  bind() {
    const find = this.part("find");
    find.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.start(), this.whole ? TYPING : 0);
    });
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") find.blur();
    });
    this.part("next").addEventListener("click", () => this.step(1));
    this.part("previous").addEventListener("click", () => this.step(-1));
    this.part("regex")?.addEventListener("click", (event) => {
      this.regex = !this.regex;
      event.currentTarget.setAttribute("aria-pressed", String(this.regex));
      this.start();
    });
  }

  reset() {
    this.place = -1;
    this.placed = false; // a match was gone to
    this.loaded = [];
  }

  start() {
    clearTimeout(this.typing);
    this.words = this.part("find").value;
    this.reset();
    if (this.whole) this.whole.start(this.words, this.regex);
    else this.told();
  }

  get numbers() {
    return this.whole ? this.whole.numbers : this.loaded;
  }

  // The words to mark within a line; of an expression whole lines are marked.
  get plainWords() {
    return this.regex ? "" : this.words;
  }

  matches(index) {
    return this.regex && Boolean(this.whole?.has(index));
  }

  get current() {
    return this.place < 0 ? -1 : this.numbers[this.place];
  }

  // Lines came.
  more() {
    if (!this.words) return;
    if (this.whole) return this.whole.more(this.log.count);
    this.loaded = this.log.find(this.words);
    this.place = Math.min(this.place, this.loaded.length - 1);
    return this.count();
  }

  told() {
    if (!this.whole) this.loaded = this.log.find(this.words);
    const done = !this.whole || this.whole.done;
    if (done && !this.placed && this.numbers.length) return this.go(this.nearest());
    this.count();
    return this.marked();
  }

  // The last match at or above the end of what is in sight, else the first one.
  nearest() {
    const end = this.sight()[1];
    let place = this.numbers.length - 1;
    while (place > 0 && this.numbers[place] > end) place -= 1;
    return place;
  }

  step(by) {
    if (this.words !== this.part("find").value) return this.start();
    const { length } = this.numbers;
    if (!length) return undefined;
    return this.go(this.placed ? (this.place + by + length) % length : this.nearest());
  }

  go(place) {
    this.place = place;
    this.placed = true;
    this.count();
    this.show(this.numbers[place]);
  }

  count() {
    const found = this.part("found");
    const words = this.words ? this.tell() : "";
    if (found.textContent !== words) found.textContent = words;
    const problem = this.part("problem");
    problem.textContent = this.whole?.problem ?? "";
    problem.hidden = !problem.textContent;
    this.part("find").setAttribute("aria-invalid", String(!problem.hidden));
  }

  tell() {
    const { length } = this.numbers;
    const all = `${length.toLocaleString("en")}${this.whole?.many ? "+" : ""}`;
    const count = length ? (this.placed ? `${(this.place + 1).toLocaleString("en")} of ${all}` : all) : "none";
    if (!this.whole) return `${count} in the lines loaded`;
    if (this.whole.problem && !length) return "";
    if (this.whole.done && !this.whole.problem) return count;
    return `${length ? `${count}, ` : ""}searched ${this.whole.searched.toLocaleString("en")} of ${Math.max(this.whole.total, this.log.count).toLocaleString("en")} lines`;
  }

  stop() {
    clearTimeout(this.typing);
    this.whole?.stop();
  }
}

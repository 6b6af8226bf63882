// The field that searches a log, the whole of it, on the server; a match that is not loaded is opened where it is.
import { MergedSearch } from "./log-merged-search.js";
import { LogSearch } from "./log-search.js";

const TYPING = 250;

export class LogFinder {
  // `show(index)` goes to a match, `marked()` draws anew what is marked, `sight()` says which lines are in sight,
  // `complain(words)` why one cannot be gone to.
  constructor(section, log, { show, marked, sight, complain }) {
    Object.assign(this, { section, log, show, marked, sight, complain });
    const Search = section.dataset.pods ? MergedSearch : LogSearch;
    this.search = section.dataset.search ? new Search(section.dataset.search, log, () => this.told()) : null;
    this.words = "";
    this.regex = false;
    this.hit = undefined; // that was gone to
    this.bind();
  }

  part(name) {
    return this.section.querySelector(`[data-log="${name}"]`);
  }

  bind() {
    const find = this.part("find");
    find.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.start(), TYPING);
    });
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") find.blur();
    });
    this.part("next").addEventListener("click", () => this.step(1));
    this.part("previous").addEventListener("click", () => this.step(-1));
    this.part("regex").addEventListener("click", (event) => {
      this.regex = !this.regex;
      event.currentTarget.setAttribute("aria-pressed", String(this.regex));
      this.start();
    });
  }

  start() {
    clearTimeout(this.typing);
    this.words = this.part("find").value;
    this.hit = undefined;
    this.search?.start(this.words, this.regex);
  }

  get hits() {
    return this.search?.hits ?? [];
  }

  // The words to mark within a line; of an expression whole lines are marked.
  get plainWords() {
    return this.regex ? "" : this.words;
  }

  matches(index) {
    return this.regex && Boolean(this.search?.has(this.log.nameAt(index)));
  }

  isCurrent(index) {
    return this.hit !== undefined && this.search.nameOf(this.hit) === this.log.nameAt(index);
  }

  // Lines came.
  more() {
    this.search?.more();
  }

  told() {
    if (this.search.done && this.hit === undefined && this.hits.length) return this.go(this.nearest());
    this.count();
    return this.marked();
  }

  // The last match at or above the end of what is in sight, else the first one.
  nearest() {
    const end = this.log.rankAt(this.sight()[1]);
    let place = this.hits.length - 1;
    while (place > 0 && this.search.rankOf(this.hits[place]) > end) place -= 1;
    return place;
  }

  step(by) {
    if (this.words !== this.part("find").value) return this.start();
    const { length } = this.hits;
    if (!length) return undefined;
    return this.go(this.hit === undefined ? this.nearest() : (this.hits.indexOf(this.hit) + by + length) % length);
  }

  async go(place) {
    const hit = this.hits[place];
    this.hit = hit;
    this.count();
    try {
      const index = await this.log.reach(hit);
      if (this.hit !== hit) return;
      if (index >= 0) this.show(index);
      else this.complain("This line is not kept any more.");
    } catch {
      if (this.hit === hit) this.complain("This match could not be opened: the server does not answer. Try again in a moment.");
    }
  }

  count() {
    const found = this.part("found");
    const words = this.words ? this.tell() : "";
    if (found.textContent !== words) found.textContent = words;
    const problem = this.part("problem");
    problem.textContent = this.search?.problem ?? "";
    problem.hidden = !problem.textContent;
    this.part("find").setAttribute("aria-invalid", String(!problem.hidden));
  }

  tell() {
    const { length } = this.hits;
    const { many, problem, done, searched, total } = this.search;
    const all = `${length.toLocaleString("en")}${many ? "+" : ""}`;
    const place = this.hits.indexOf(this.hit);
    const count = length ? (place >= 0 ? `${(place + 1).toLocaleString("en")} of ${all}` : all) : "none";
    if (problem && !length) return "";
    if (done && !problem) return count;
    return `${length ? `${count}, ` : ""}searched ${searched.toLocaleString("en")} of ${total.toLocaleString("en")} lines`;
  }

  stop() {
    clearTimeout(this.typing);
    this.search?.stop();
  }
}

// How far a log that is followed is behind what is written: a browser or a way to it may be slower than the log.
import { moment } from "./log-times.js";
import { duration } from "./times.js";

const SAID = 3; // seconds: less is not worth a word
const QUIET = 2000; // milliseconds in which nothing came: all of it is here
const WINDOW = 300_000; // milliseconds after which a clock that was set counts as it is now

export class LogLag {
  // `changed()`: other words now.
  constructor(changed) {
    Object.assign(this, { changed, least: Infinity, before: Infinity, since: 0, behind: 0 });
  }

  // A line of time `iso` came at `at` (milliseconds). Clocks differ: what counts is how much later it came than others.
  heard(at, iso) {
    const late = (at - moment(iso ?? "")) / 1000;
    if (Number.isNaN(late)) return;
    if (at - this.since > WINDOW) [this.before, this.least, this.since] = [this.least, Infinity, at];
    this.least = Math.min(this.least, late);
    this.behind = late - Math.min(this.before, this.least);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.quiet(), QUIET);
  }

  quiet() {
    this.behind = 0;
    this.changed();
  }

  get words() {
    return this.behind < SAID ? "" : `, ${duration(Math.round(this.behind))} behind`;
  }

  stop() {
    clearTimeout(this.timer);
  }
}

// The pages of a table's rows. The browser holds two of them at most, however far one scrolls.
//
// Each page that was visited is remembered by the cursor that leads to it and by its number of rows. Those that are
// not in the table leave a space of their height, so that any of them can be jumped to with the scroll bar. What is
// under the eye stays where it is while pages come and go. Who draws rows hears of it by `runyard:rows`.
import { page as documentAt } from "./fetching.js";
import { isTyping } from "./keys.js";
import { RowFrame } from "./row-frame.js";
import { RowPlace } from "./row-place.js";
import { addressOf, cursor, cursorOf } from "./table-address.js";
import { show } from "./times.js";

const MOST_PAGES = 2;
const PAGE = 50; // rows of a page, as the server cuts them
const AHEAD = 15; // rows left beyond the view when the next page is asked for
const HOME = "home"; // the one step that takes its own way: rows the view lacks meanwhile do not end it
const APART = 80; // milliseconds between two requests, while the scroll bar is dragged

export class RowPages {
  #grid;
  #frame;
  #known = []; // {at, count, body}: `at` is the cursor's part of the address, "" for the first page of all
  #first = 0; // the first of #known that is in the table: those have a `body`
  #loading = null; // {name, stop, done, failed}
  #last = -APART;
  #held = false;
  #next = 0;
  #place;
  #sought = null; // where one was, until its rows are there
  #resized = new ResizeObserver(() => this.soon());

  constructor(grid) {
    this.#grid = grid;
    this.#frame = new RowFrame(grid);
    this.#place = new RowPlace(grid, this.#here);
    this.#resized.observe(grid);
    grid.addEventListener("scroll", this.soon, { passive: true });
    grid.addEventListener("click", this.#click);
    document.addEventListener("keydown", this.#press);
    this.#begin();
  }

  stop() {
    this.#abort();
    cancelAnimationFrame(this.#next);
    this.#resized.disconnect();
    this.#place.stop();
    this.#grid.removeEventListener("scroll", this.soon);
    this.#grid.removeEventListener("click", this.#click);
    document.removeEventListener("keydown", this.#press);
  }

  // Looks, before the next frame, whether the view lacks rows.
  soon = () => {
    this.#next ||= requestAnimationFrame(() => {
      this.#next = 0;
      if (this.#known.length) this.#settle();
    });
  };

  get rows() {
    return this.#shown.flatMap((page) => [...page.body.rows]);
  }

  // The cursors of the first row in the table and of the last; empty where no rows are beyond.
  get edges() {
    const shown = this.#shown;
    return { top: shown[0]?.body.dataset.before, bottom: shown.at(-1)?.body.dataset.after };
  }

  // The address of the whole page, with the first rows that are in the table, and with `more`.
  addressWith(more) {
    return addressOf(location.pathname, this.#known[this.#first]?.at, more);
  }

  // Runs `work`, in which pages are drawn anew, while none comes or goes by itself.
  async hold(work) {
    this.#held = true;
    await this.#loading?.done;
    try {
      return await work();
    } finally {
      this.#held = false;
      this.soon();
    }
  }

  // The bodies of the pages in the table as they are now; `head`, the first, was fetched from `address`.
  async fresh(head) {
    const more = this.#shown.length > 1 && head.dataset.after;
    return more ? [head, await this.#fetch(cursor("after", more))] : [head];
  }

  // Makes the table hold the rows of `bodies`, from `fresh`; `keep` answers with the row to use for one of theirs.
  renew(bodies, keep) {
    this.#abort();
    const focused = this.#grid.contains(document.activeElement) ? document.activeElement : null;
    const change = () => {
      const rows = bodies.map((body) => [...body.rows].map(keep));
      const shown = this.#shown;
      for (const [i, page] of shown.entries()) bodies[i] ? fill(page, bodies[i], rows[i]) : this.#drop(page);
      if (bodies.length > 1) shown[1].at = cursor("after", bodies[0].dataset.after);
      else this.#known.splice(this.#first + 1, shown.length - 1);
      if (!this.edges.bottom) this.#known.length = this.#first + this.#shown.length;
      if (!this.edges.top) this.#beginHere();
    };
    if (this.#grid.scrollTop === 0 && this.#known[0].at === "") change();
    else this.#still(change);
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
    this.#told();
  }

  // Shows `nodes` in place of the whole table, whose rows they show with other columns, say; or that there are none.
  redraw(nodes) {
    const top = this.#grid.scrollTop;
    const { at = "" } = this.#known[this.#first] ?? {};
    for (const page of this.#shown) page.body = null;
    this.#grid.replaceChildren(...nodes);
    const body = bodyIn(this.#grid);
    if (!body) this.#known = [];
    else if (this.#known.length) this.#known[this.#first] = record(at, body);
    else this.#known = [record("", body)];
    if (!body) return;
    if (!body.dataset.before) this.#beginHere();
    this.#frame.draw();
    this.#size();
    this.#grid.scrollTop = top;
    this.#told();
  }

  // To the very first row.
  home() {
    if (this.#known[0]?.at === "") this.#grid.scrollTop = 0;
    else if (this.#known.length) this.#load(this.#homewards());
  }

  #begin() {
    const body = bodyIn(this.#grid);
    if (!body) return;
    this.#known = [record(body.dataset.before ? cursorOf(location.search) : "", body)];
    this.#frame.draw();
    this.#return(this.#place.kept);
    this.#told(false);
  }

  // To where one was; the rows that are missing there come as for any who scrolls.
  #return(kept) {
    const [loaded] = this.#known;
    const index = kept?.known.findIndex((page) => page.at === loaded.at) ?? -1;
    if (index < 0) return;
    this.#known = kept.known.map((page) => ({ ...page, body: null }));
    this.#known[index] = loaded;
    this.#first = index;
    if (!loaded.body.dataset.after) this.#known.length = index + 1;
    this.#size();
    this.#grid.scrollTop = kept.from * this.#frame.rowHeight;
    this.#sought = kept;
    this.#settle();
  }

  // All rows in view are there: those one came back to stand where they stood, whatever came or went above them.
  #arrive() {
    const { row, below, opened, byKey } = this.#sought;
    this.#sought = null;
    const rowOf = (id) => this.rows.find((one) => one.dataset.row === id);
    const moved = (rowOf(row)?.getBoundingClientRect().top ?? NaN) - this.#frame.edge - below;
    if (Math.abs(moved) >= 0.5) this.#grid.scrollTop += moved;
    const link = document.activeElement === document.body && rowOf(opened)?.querySelector(".first a");
    if (link) link.focus({ preventScroll: true, focusVisible: byKey });
  }

  // Where one is, for RowPlace: the pages, how many rows are above the view, and how its first one stands.
  #here = () => {
    const first = this.#firstInView;
    if (!first || this.#sought) return null;
    const known = this.#known.map(({ at, count }) => ({ at, count }));
    const below = first.getBoundingClientRect().top - this.#frame.edge;
    return { known, from: this.#frame.view[0], row: first.dataset.row, below };
  };

  get #firstInView() {
    const { edge } = this.#frame;
    return this.rows.find((row) => row.getBoundingClientRect().bottom > edge);
  }

  get #shown() {
    return this.#known.filter((page) => page.body);
  }

  #settle() {
    this.#size();
    const step = this.#held ? null : this.#lacking();
    if (step && ![step.name, HOME].includes(this.#loading?.name)) {
      this.#abort();
      this.#load(step);
    }
    if (!step && !this.#held && this.#sought) this.#arrive();
    this.#place.soon();
    this.#say();
  }

  // How many of the known rows stand before those in the table, and before the end of those in the table.
  get #extent() {
    const start = countOf(this.#known.slice(0, this.#first));
    return [start, start + countOf(this.#shown)];
  }

  #size() {
    const [start, end] = this.#extent;
    this.#frame.size(start, countOf(this.#known) - end);
  }

  // The step that brings rows the view lacks, or soon will; none when it has them.
  #lacking() {
    const [from, to] = this.#frame.view;
    const [start, end] = this.#extent;
    if (to <= start || from >= end) return this.#jump((from + to) / 2);
    const { top, bottom } = this.edges;
    // So far ahead that the page that has to go for the new one is never asked for at once.
    const ahead = this.#shown.length < MOST_PAGES ? AHEAD : Math.min(AHEAD, (PAGE - (to - from)) / 2 - 1);
    if (bottom && to > end - ahead) return this.#down(bottom);
    if (top && from < start + ahead) return this.#up(top);
    return null;
  }

  #down(after) {
    const at = cursor("after", after);
    const put = (body) => {
      const next = this.#first + this.#shown.length;
      if (body.rows.length) {
        this.#known[next] = record(at, body);
        this.#frame.below.before(body);
        if (this.#shown.length > MOST_PAGES) this.#drop(this.#known[this.#first++]);
      } else {
        this.#known[next - 1].body.dataset.after = "";
      }
      if (!this.edges.bottom) this.#known.length = this.#first + this.#shown.length;
    };
    return { name: `down ${at}`, at, put };
  }

  #up(before) {
    const at = cursor("before", before);
    const put = (body) => {
      const here = Math.max(0, this.#first - 1);
      if (body.rows.length) {
        this.#known.splice(here, this.#first - here, record(at, body));
        this.#first = here;
        this.#frame.above.after(body);
        if (this.#shown.length > MOST_PAGES) this.#drop(this.#shown.at(-1));
      } else {
        this.#known[this.#first].body.dataset.before = "";
      }
      if (!this.edges.top) this.#beginHere();
    };
    return { name: `up ${at}`, at, put };
  }

  #jump(row) {
    let index = 0;
    for (let rows = row; index < this.#known.length && rows >= this.#known[index].count; index += 1) rows -= this.#known[index].count;
    const there = this.#known[index];
    if (!there) return null;
    const put = (body) => {
      if (!body.rows.length) return this.#load(this.#homewards());
      this.#only(body);
      this.#first = index;
      this.#known[index] = record(there.at, body);
      return undefined;
    };
    return { name: `jump ${there.at}`, at: there.at, put };
  }

  #homewards() {
    const put = (body) => {
      this.#only(body);
      this.#first = 0;
      this.#known = [record("", body)];
      this.#size();
      this.#grid.scrollTop = 0;
    };
    return { name: HOME, at: "", put };
  }

  // Rows that were thought to be above are not there: the first page in the table is the first of all.
  #beginHere() {
    this.#known.splice(0, this.#first);
    this.#first = 0;
    this.#known[0].at = "";
  }

  #only(body) {
    for (const page of this.#shown) this.#drop(page);
    this.#frame.above.after(body);
  }

  #drop(page) {
    if (page.body.contains(document.activeElement)) this.#grid.focus({ preventScroll: true });
    page.body.remove();
    page.body = null;
  }

  async #fetch(at, signal) {
    const { pageUrl } = this.#grid.dataset;
    const { columns } = this.#grid.querySelector("table").dataset;
    const fetched = await documentAt(addressOf(pageUrl, at, { drawn: columns, count: "" }), signal);
    return document.adoptNode(bodyIn(fetched));
  }

  #load(step) {
    this.#abort();
    const stop = new AbortController();
    const loading = { name: step.name, stop };
    this.#loading = loading;
    loading.done = this.#bring(step, stop.signal).catch(() => {
      loading.failed = !stop.signal.aborted;
      this.#say();
    });
  }

  async #bring(step, signal) {
    await new Promise((go) => { setTimeout(go, this.#last + APART - performance.now()); });
    signal.throwIfAborted();
    this.#last = performance.now();
    const body = await this.#fetch(step.at, signal);
    signal.throwIfAborted();
    this.#loading = null;
    show(body);
    this.#still(() => step.put(body));
    this.#told();
  }

  #abort() {
    this.#loading?.stop.abort();
    this.#loading = null;
  }

  // Changes rows by `change` and keeps the first row in view where it was.
  #still(change) {
    const row = this.#firstInView;
    const was = row?.getBoundingClientRect().top;
    change();
    this.#size();
    if (!row?.isConnected) return;
    const moved = row.getBoundingClientRect().top - was;
    if (Math.abs(moved) >= 0.5) this.#grid.scrollTop += moved;
  }

  #told(aloud = true) {
    let index = this.#known[0].at === "" ? this.#extent[0] + 2 : NaN; // the head is row 1
    for (const row of this.rows) {
      if (index) row.setAttribute("aria-rowindex", index++);
      else row.removeAttribute("aria-rowindex");
    }
    this.soon();
    if (aloud) document.dispatchEvent(new CustomEvent("runyard:rows"));
  }

  // Which rows are seen, and whether more are on their way.
  #say() {
    const [from, to] = this.#frame.view;
    const [start, end] = this.#extent;
    const all = countOf(this.#known);
    const part = this.#known[0].at === "" && to - from < all;
    this.#frame.sayRange(part ? `rows ${Math.round(from) + 1}–${Math.min(all, Math.round(to))}` : "");
    const bare = from < start || to > end;
    this.#frame.sayState({ loading: this.#loading !== null && bare, failed: Boolean(this.#loading?.failed) });
  }

  #click = (event) => {
    if (!event.target.closest("[data-action=load-rows]")) return;
    this.#abort();
    this.soon();
  };

  #press = (event) => {
    if (event.key !== "Home" || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (isTyping(event.target) || document.querySelector("dialog[open], :popover-open")) return;
    event.preventDefault();
    this.home();
  };
}

const record = (at, body) => ({ at: body.dataset.before ? at : "", count: body.rows.length, body });

const countOf = (pages) => pages.reduce((sum, page) => sum + page.count, 0);

const bodyIn = (root) => root.querySelector("tbody[data-after]");

function fill(page, body, rows) {
  Object.assign(page.body.dataset, { before: body.dataset.before, after: body.dataset.after });
  page.count = rows.length;
  const now = page.body.rows;
  if (rows.length !== now.length || rows.some((row, i) => row !== now[i])) page.body.replaceChildren(...rows);
}

// What is selected in a table, apart from the rows that are drawn just now: what was scrolled away stays selected.
//
// Rows are known by id, with facts {name, href, why: {verb: words}}. `takeAll` selects everything that matches, of
// which the server told {count, why: {verb: {words: count}}}; single rows can be left out of that again.
export class Selected {
  #chosen = new Map();
  #known = new Map();
  #order = [];
  #all = null;
  #last = null;

  // The rows that are drawn, in their order, as [id, facts]. Rows that overlap earlier ones continue their order.
  see(rows) {
    const ids = rows.map(([id]) => id);
    const drawn = new Set(ids);
    const places = this.#order.flatMap((id, i) => (drawn.has(id) ? [i] : []));
    const [before, after] = places.length ? [this.#order.slice(0, places[0]), this.#order.slice(places.at(-1) + 1)] : [[], []];
    this.#order = [...before.filter((id) => !drawn.has(id)), ...ids, ...after.filter((id) => !drawn.has(id))];
    for (const [id, facts] of rows) {
      this.#known.set(id, facts);
      if (this.#chosen.has(id)) this.#chosen.set(id, facts);
    }
  }

  has(id) {
    return this.#chosen.has(id) !== Boolean(this.#all); // of all that match, `#chosen` are those left out
  }

  get all() {
    return this.#all !== null;
  }

  get count() {
    return this.#all ? this.#all.count - this.#chosen.size : this.#chosen.size;
  }

  // Ids of what is selected; of what is left out when all that match are.
  get ids() {
    return [...this.#chosen.keys()];
  }

  // The facts of the one row that is selected, else null.
  get one() {
    return !this.#all && this.#chosen.size === 1 ? [...this.#chosen.values()][0] : null;
  }

  set(id, on, range = false) {
    const [from, to] = [this.#last, id].map((one) => this.#order.indexOf(one)).sort((a, b) => a - b);
    for (const one of range && from >= 0 ? this.#order.slice(from, to + 1) : [id]) this.#put(one, on);
    this.#last = id;
  }

  setAll(ids, on) {
    for (const id of ids) this.#put(id, on);
  }

  takeAll(all) {
    this.#chosen.clear();
    this.#all = all;
  }

  clear() {
    this.takeAll(null);
    this.#last = null;
  }

  // Why `verb` cannot be used on how many of them: [words, count], the commonest first.
  refusals(verb) {
    const counts = new Map(Object.entries(this.#all?.why[verb] ?? {}));
    for (const { why } of this.#chosen.values()) {
      if (why[verb]) counts.set(why[verb], (counts.get(why[verb]) ?? 0) + (this.#all ? -1 : 1));
    }
    return [...counts].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  }

  #put(id, on) {
    if (on !== this.all) this.#chosen.set(id, this.#known.get(id) ?? { why: {} });
    else this.#chosen.delete(id);
  }
}

// The same of all pods' logs as one: pods take turns, and what was found stands in the order of its times.
import { keyOf, nameOf } from "./log-merged.js";
import { LogSearch, MOST } from "./log-search.js";

export class MergedSearch extends LogSearch {
  reset() {
    super.reset();
    this.names = new Set();
    this.pods = this.log.pods.map((pod) => ({ pod, to: 0, total: this.log.totalOf(pod), count: 0, last: "", turn: 0, done: false }));
  }

  lacks() {
    const grown = this.pods.filter((one) => this.log.totalOf(one.pod) > one.to);
    for (const one of grown) one.done = false;
    return grown.length > 0;
  }

  // Those to look into, the longest not asked first: each may have as many hits as the others, and what those leave.
  get open() {
    const rest = this.pods.filter((one) => !one.done);
    const taken = this.pods.reduce((sum, one) => sum + (one.done ? one.count : 0), 0);
    return rest.filter((one) => one.count < Math.max(1, (MOST - taken) / rest.length)).sort((one, other) => one.turn - other.turn);
  }

  async part(signal) {
    const before = this.searched;
    const found = await this.ask({ from: this.open.map((one) => `${one.pod.id}:${one.to}`).join(",") }, signal);
    for (const told of found.pods) this.take(told);
    this.hits.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : one.pod.place - other.pod.place || one.n - other.n));
    this.searched = this.pods.reduce((sum, one) => sum + one.to, 0);
    this.total = this.pods.reduce((sum, one) => sum + Math.max(one.to, one.total), 0);
    this.problem = found.problem || this.problems(found.pods);
    const stuck = this.searched <= before && !found.pods.some((told) => told.done);
    this.done = !this.open.length || stuck || Boolean(found.problem);
    if (this.done) this.cut();
  }

  take(told) {
    const one = this.pods.find(({ pod }) => pod.id === told.pod);
    told.numbers.forEach((n, i) => {
      const hit = { pod: one.pod, n, key: keyOf(told.times[i]) };
      this.hits.push(hit);
      this.names.add(nameOf(hit));
      one.last = hit.key;
    });
    Object.assign(one, { to: Math.max(one.to, told.searched_to), total: told.total, done: told.done, turn: one.turn + 1 });
    one.count += told.numbers.length;
  }

  // Of those not read to their end nothing is known beyond their last hit: there it ends for all.
  cut() {
    const rest = this.pods.filter((one) => !one.done && one.count);
    this.many = rest.length > 0;
    const last = rest.reduce((low, one) => (one.last < low ? one.last : low), "~");
    if (this.many) this.hits = this.hits.filter((hit) => hit.key <= last);
  }

  // What is wrong with the expression, or with some pods' logs.
  problems(told) {
    const failed = told.filter((one) => one.problem);
    const words = [...new Set(failed.map((one) => one.problem))];
    if (words.length === 1 && failed.length === told.length) return words[0];
    return failed.map((one) => `${this.log.podOf(one.pod).label}: ${one.problem}`).join(" ") || this.problem;
  }

  nameOf(hit) {
    return nameOf(hit);
  }

  rankOf(hit) {
    return hit.key;
  }

  has(name) {
    return this.names.has(name);
  }
}

// One line of a log as an element. What a program wrote only ever becomes text.
import { parse, plain, turnsNamed } from "./ansi.js";

export const LONG = 2000; // characters of a line that are shown before it is asked for
const COUNT = new Intl.NumberFormat("en"); // made once: a row is drawn hundreds of times a second
// What a line that tells of an error looks like; the server looks for the first one by the same rule (docs/logs.md).
const BAD = /\b(error|exception|traceback|fatal|panic|segmentation fault|out of memory|oom-?killed?)\b|\b[a-z]+(error|exception)\b/i;

// `line` is {n, time, raw, link, who, lack}, the latter what is missing before it; `look` says how: {words, found, open, time(iso), target, current}.
export function drawLine(line, look) {
  const row = element("li", "log-row");
  const text = plain(line.raw);
  row.toggleAttribute("data-target", look.target);
  row.classList.toggle("bad", BAD.test(text.slice(0, LONG)));
  row.toggleAttribute("data-current", look.current);
  const number = Object.assign(numberOf(line.n), { href: line.link });
  number.dataset.n = line.n;
  const time = Object.assign(element("time", "", look.time(line.time)), { title: line.time });
  const words = element("span", "");
  if (line.lack) words.append(element("span", "log-lack", line.lack));
  write(words, line.raw, text, look);
  if (line.who) row.append(number, time, gutter(line.who), words);
  else row.append(number, time, words);
  return row;
}

// A row that is no line: of one that is on its way, or kept nowhere, or a remark.
export function drawNote(words, n) {
  const row = element("li", "log-row log-note");
  if (n !== undefined) row.append(numberOf(n), element("time", ""));
  row.append(element("span", "", words));
  return row;
}

// Its class says how wide it is.
export function numberOf(n) {
  const digits = COUNT.format(n + 1);
  return element("a", `d${digits.length}`, digits);
}

function gutter(who) {
  const name = element("b", `log-who r${who.place % 8}`, who.label);
  name.title = who.name;
  return name;
}

function write(into, raw, text, look) {
  const hits = look.found ? [[0, text.length]] : ranges(text, look.words);
  let [left, at] = [look.open ? Infinity : LONG, 0];
  for (const piece of parse(raw)) {
    const shown = piece.text.slice(0, left);
    for (const [part, hit] of cut(shown, at, hits)) into.append(span(part, piece, hit));
    left -= shown.length;
    at += piece.text.length;
    if (left <= 0) break;
  }
  if (look.open || text.length <= LONG) return;
  const more = Object.assign(element("button", "link", `show all ${text.length.toLocaleString("en")} characters`), { type: "button" });
  more.dataset.open = "";
  into.append("… ", more);
}

// Where `words` stand in `text`, as [from, to); without a capital letter in them, in either case.
function ranges(text, needle) {
  const found = [];
  const hay = needle === needle.toLowerCase() ? text.toLowerCase() : text;
  for (let at = needle ? hay.indexOf(needle) : -1; at >= 0 && found.length < 500; at = hay.indexOf(needle, at + needle.length)) {
    found.push([at, at + needle.length]);
  }
  return found;
}

// `text`, which stands at `start` of its line, as [part, whether it is within a range].
function cut(text, start, hits) {
  const parts = [];
  let at = 0;
  for (const [from, to] of hits) {
    const [a, b] = [Math.max(at, from - start), Math.min(text.length, to - start)];
    if (b <= a) continue;
    if (a > at) parts.push([text.slice(at, a), false]);
    parts.push([text.slice(a, b), true]);
    at = b;
  }
  if (at < text.length) parts.push([text.slice(at), false]);
  return parts;
}

// As text alone where that is all there is to it.
function span(text, piece, hit) {
  const parts = turnsNamed(text);
  if (parts.length === 1 && !hit && !piece.classes && !piece.colour && !piece.ground) return text;
  const made = element(hit ? "mark" : "span", piece.classes);
  made.append(...parts.map((part, i) => (i % 2 ? element("span", "log-turn", part) : part)));
  if (piece.colour) made.style.color = piece.colour;
  if (piece.ground) made.style.background = piece.ground;
  return made;
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

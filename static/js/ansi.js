// What a log line looks like: its colours as classes, and every other escape or control character made harmless.
// The result is text for textContent; nothing of a line ever becomes markup.
const SEQUENCE = new RegExp(
  [
    "\\x1b\\[([0-9;:]*)m", // SGR: colours and weights, the only ones that are obeyed
    "\\x1b\\[[0-?]*[ -/]*[@-~]", // other CSI: cursor moves, clearing
    "\\x1b\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?", // OSC: titles, links, the clipboard
    "\\x1b[PX^_][^]*?(?:\\x1b\\\\|$)", // DCS, SOS, PM, APC
    "\\x1b[ -/]*[0-~]?",
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f]",
  ].join("|"),
  "g",
);
// What turns the direction of the text after it, so that a line reads as it does not run.
const TURNS = /([\u202a-\u202e\u2066-\u2069])/;
const HARMLESS = /^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$/;

// The last state of a line that draws over itself (progress bars), with its colours still in.
function lastState(raw) {
  if (!raw.includes("\r")) return raw;
  const states = raw.split("\r").filter((state) => state.replace(SEQUENCE, ""));
  return states.at(-1) ?? "";
}

// The line without any colour: what is searched, copied and measured.
export function plain(raw) {
  return HARMLESS.test(raw) ? raw : lastState(raw).replace(SEQUENCE, "");
}

// `text` in parts; those at the odd places are the names of such characters, to be shown in their stead.
export function turnsNamed(text) {
  return text.split(TURNS).map((part, i) => (i % 2 ? `<U+${part.charCodeAt(0).toString(16).toUpperCase()}>` : part));
}

// How many characters are seen of `text`.
export const widthOf = (text) => (TURNS.test(text) ? turnsNamed(text).join("").length : text.length);

// The line as [{text, classes, colour, ground}]; colour and ground are set for what has no class, as CSS colours.
export function parse(raw) {
  if (HARMLESS.test(raw)) return [{ text: raw, classes: "" }];
  const line = lastState(raw);
  const pieces = [];
  let style = {};
  let at = 0;
  const push = (text) => {
    if (text) pieces.push({ text, classes: classes(style), colour: style.colour, ground: style.ground });
  };
  for (const match of line.matchAll(SEQUENCE)) {
    push(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[1] !== undefined) style = obey(style, match[1]);
  }
  push(line.slice(at));
  return pieces;
}

function classes(style) {
  const names = [];
  for (const name of ["bold", "faint", "italic", "underline", "inverse"]) if (style[name]) names.push(`a-${name}`);
  if (style.fg !== undefined) names.push(`a-fg${style.fg}`);
  if (style.bg !== undefined) names.push(`a-bg${style.bg}`);
  return names.join(" ");
}

const ON = { 1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse" };
const OFF = { 22: ["bold", "faint"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 39: ["fg", "colour"], 49: ["bg", "ground"] };

function obey(before, parameters) {
  let style = { ...before };
  const codes = parameters.split(/[;:]/).map(Number);
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i];
    if (code === 0) style = {};
    else if (ON[code]) style[ON[code]] = true;
    else if (OFF[code]) for (const name of OFF[code]) delete style[name];
    else if (code === 38 || code === 48) i += extended(style, code, codes.slice(i + 1));
    else if (code >= 30 && code <= 37) setColour(style, "fg", code - 30);
    else if (code >= 40 && code <= 47) setColour(style, "bg", code - 40);
    else if (code >= 90 && code <= 97) setColour(style, "fg", code - 82);
    else if (code >= 100 && code <= 107) setColour(style, "bg", code - 92);
  }
  return style;
}

function setColour(style, side, number) {
  delete style[side === "fg" ? "colour" : "ground"];
  style[side] = number;
}

// 38;5;n and 38;2;r;g;b (48 for the ground): how many parameters they took.
function extended(style, code, rest) {
  const [side, free] = code === 38 ? ["fg", "colour"] : ["bg", "ground"];
  if (rest[0] === 5) {
    if (rest[1] < 16) setColour(style, side, rest[1]);
    else Object.assign(style, { [side]: undefined, [free]: fromPalette(rest[1]) });
    return 2;
  }
  if (rest[0] === 2) {
    Object.assign(style, { [side]: undefined, [free]: rgb(rest.slice(1, 4)) });
    return 4;
  }
  return 0;
}

const rgb = (parts) => `rgb(${[0, 1, 2].map((i) => Math.min(255, Math.max(0, parts[i] || 0))).join(" ")})`;

function fromPalette(n) {
  if (!(n >= 16 && n <= 255)) return undefined;
  if (n >= 232) return rgb(Array(3).fill(8 + (n - 232) * 10));
  const level = (step) => (step ? 55 + step * 40 : 0);
  return rgb([level(Math.floor((n - 16) / 36)), level(Math.floor((n - 16) / 6) % 6), level((n - 16) % 6)]);
}

// One chart: its lines, the legend that switches them and tells their figures, and the table behind it. The server
// gives a Plotly figure in UTC with tokens for colours; here it gets the viewer's clock and colours.
import { coloured } from "./plotly.js";

const LOOK = {
  paper_bgcolor: "transparent",
  plot_bgcolor: "transparent",
  font: { family: "Inter, system-ui, sans-serif", size: 11, color: "--ink-3" },
  autosize: true,
  showlegend: false,
  hovermode: false,
};
const AXIS = { gridcolor: "--line", zeroline: false, linecolor: "--line-strong", ticks: "" };
// The day only where a tick is a day: the range says it, and so does the time at the pointer.
const TICKS = [
  { dtickrange: [null, 59000], value: "%H:%M:%S" },
  { dtickrange: [60000, 10800000], value: "%H:%M" },
  { dtickrange: [10800001, 86399999], value: "%-d %b %H:%M" },
  { dtickrange: [86400000, null], value: "%-d %b" },
];
const FRESH = 120; // seconds in which a figure is the latest
const CONFIG = { displayModeBar: false, doubleClick: false, responsive: true, showTips: false };

export class Chart {
  constructor(card) {
    this.card = card;
    this.hidden = new Set(); // names of lines that are switched off
    this.line = Object.assign(document.createElement("i"), { className: "plot-at", hidden: true });
  }

  part(name) {
    return this.card.querySelector(`[data-part="${name}"]`);
  }

  get plot() {
    return this.part("plot");
  }

  // Show `told`, a chart as the server tells it, of the times that `frame` has; without Plotly nothing is drawn yet.
  show(told, frame, Plotly) {
    [this.told, this.frame, this.Plotly] = [told, frame, Plotly];
    this.card.querySelector("h2").textContent = told.title;
    this.card.querySelector("header").title = told.source;
    this.fill();
    if (!told.figure) return this.say(told.empty);
    return this.draw();
  }

  say(words) {
    this.Plotly?.purge(this.plot);
    this.told = null;
    const said = Object.assign(document.createElement("p"), { className: "plot-words", textContent: words });
    this.plot.replaceChildren(said);
    this.plot.removeAttribute("tabindex");
    this.part("legend").replaceChildren();
    this.part("time").textContent = "";
    this.card.querySelector("details").hidden = true;
  }

  draw() {
    if (!this.told?.figure) return;
    const { data, layout } = this.told.figure;
    const shift = this.shift();
    const coarse = matchMedia("(pointer: coarse)").matches; // there a finger scrolls the page
    this.plot.querySelector(".plot-words")?.remove();
    const lines = data.map((line) => ({
      ...line, x0: line.x0 + shift, visible: !this.hidden.has(line.name), hoverinfo: "skip",
    }));
    const [begins, ends] = layout.xaxis.range;
    const shape = {
      ...LOOK, ...layout, dragmode: coarse ? false : "zoom",
      xaxis: { ...AXIS, tickformatstops: TICKS, ...layout.xaxis, range: [begins + shift, ends + shift], fixedrange: coarse },
      yaxis: { ...AXIS, ...layout.yaxis },
    };
    this.Plotly.react(this.plot, coloured(lines), coloured(shape), CONFIG);
    this.plot.append(this.line);
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "img");
    this.plot.setAttribute("aria-label", `${this.told.title}: ${this.told.lines.map(([name, latest]) => `${name} ${latest}`).join(", ")}`);
    this.legend();
    this.at(null);
  }

  // Plotly shows every moment as UTC: what is drawn is moved to the viewer's clock.
  shift() {
    return -new Date(this.frame.until).getTimezoneOffset() * 60000;
  }

  // The moment, in milliseconds since 1970, that Plotly calls `text`.
  moment(text) {
    return (typeof text === "number" ? text : Date.parse(`${text.replace(" ", "T").slice(0, 23)}Z`)) - this.shift();
  }

  // The time of the frame that is drawn at `x` of the window, in seconds since 1970; null beside the chart.
  place(x) {
    if (!this.told) return null;
    const { margin, xaxis } = this.told.figure.layout;
    const box = this.plot.getBoundingClientRect();
    const part = (x - box.left - margin.l) / (box.width - margin.l - margin.r);
    if (part < 0 || part > 1) return null;
    const { start, step, count } = this.frame;
    const at = xaxis.range[0] + part * (xaxis.range[1] - xaxis.range[0]);
    return start + step * Math.min(count - 1, Math.max(0, Math.round((at / 1000 - start) / step)));
  }

  // Show the figures of the moment that `place` gave, of this chart or another, and a line there; of null the latest
  // ones, which are none where time went on.
  at(moment) {
    if (!this.told) return;
    const { start, step, count, live } = this.frame;
    const index = moment === null ? null : Math.round((moment - start) / step);
    this.line.hidden = !(index !== null && index >= 0 && index < count);
    const since = live ? Math.max(0, count - 3 - Math.ceil(FRESH / step)) : 0;
    for (const value of this.part("legend").querySelectorAll("b")) {
      const line = this.told.figure.data[value.dataset.line];
      value.textContent = this.figure(index === null ? latest(line.y.slice(since)) : line.y[index]);
    }
    if (this.line.hidden) return;
    const { margin, xaxis } = this.told.figure.layout;
    const part = (moment * 1000 - xaxis.range[0]) / (xaxis.range[1] - xaxis.range[0]);
    this.line.style.left = `${margin.l + part * (this.plot.clientWidth - margin.l - margin.r)}px`;
  }

  figure(value) {
    return value === null || value === undefined ? "–" : `${value.toLocaleString()}${this.told.figure.layout.yaxis.ticksuffix}`;
  }

  legend() {
    const { data } = this.told.figure;
    const drawn = coloured(data.map(({ line }) => line));
    const order = this.told.lines.map(([name]) => data.findIndex((line) => line.name === name));
    const notes = [...this.told.levels, ...(this.told.left_out ? [`${this.told.left_out} lower ones are not drawn`] : [])];
    this.part("legend").replaceChildren(
      ...order.map((index) => this.entry(index, data[index].name, drawn[index])),
      ...notes.map((words) => Object.assign(document.createElement("small"), { textContent: words })),
    );
  }

  entry(index, name, { color, dash }) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = `Show or hide ${name}`;
    button.setAttribute("aria-pressed", !this.hidden.has(name));
    const sign = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const stroke = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [key, value] of Object.entries({ d: "M0 4h14", stroke: color, "stroke-width": 2, "stroke-dasharray": dash === "dot" ? "2 2" : "none" })) stroke.setAttribute(key, value);
    sign.setAttribute("aria-hidden", "true");
    sign.append(stroke);
    const words = Object.assign(document.createElement("span"), { textContent: name });
    const value = document.createElement("b");
    value.dataset.line = index;
    button.append(sign, words, value);
    button.addEventListener("click", () => {
      const off = !this.hidden.delete(name);
      if (off) this.hidden.add(name);
      button.setAttribute("aria-pressed", !off);
      this.Plotly.restyle(this.plot, { visible: !off }, [index]);
    });
    return button;
  }

  fill() {
    this.card.querySelector("details").hidden = !this.told.figure;
    this.part("source").textContent = this.told.source;
    this.part("lines").replaceChildren(...this.told.lines.map(([name, ...figures]) => {
      const row = document.createElement("tr");
      const head = Object.assign(document.createElement("th"), { scope: "row", textContent: name });
      row.append(head, ...figures.map((text) => Object.assign(document.createElement("td"), { className: "end", textContent: text })));
      return row;
    }));
  }
}

const latest = (values) => values.findLast((value) => value !== null);

// What the server tells of the charts at `url`; a page in its place is the one to sign in. Throws in words for people,
// with `lasts` where asking again mends nothing.
export async function figures(url, signal) {
  const answer = await fetch(url, { signal }).catch((error) => {
    throw error.name === "AbortError" ? error : new Error("The server does not answer; it is asked again.");
  });
  const told = await answer.json().catch(() => ({}));
  if (told.charts) return told;
  const isPage = answer.redirected || answer.headers.get("content-type")?.startsWith("text/html");
  if (answer.ok && isPage) throw new Error("You are signed out. Reload the page to sign in again.");
  if (answer.ok) throw new Error("The server's answer broke off; it is asked again.");
  const words = told.problem ?? `The figures cannot be read: the server answered ${answer.status}.`;
  throw Object.assign(new Error(words), { lasts: answer.status === 400 || answer.status === 404 });
}

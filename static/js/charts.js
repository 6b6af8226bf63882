// The charts of a workload on one range of time, which is the page's address: presets, a drag across any of them, and
// the pointer or arrow keys show all of them in step. Fetched again as time goes on while the range ends now.
import { announce } from "./announcer.js";
import { Chart, figures } from "./chart.js";
import { load, onTheme } from "./plotly.js";
import { full } from "./times.js";

const OFTEN = 15000;
const AGAIN = 5000;
const LIVE = matchMedia("(pointer: coarse)").matches ? "Live." : "Live. Drag across a chart to zoom; a click opens the log at that time.";
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity };

export function start(section) {
  const charts = new Map(); // by key
  const part = (name) => section.querySelector(`[data-part="${name}"]`);
  const reset = section.querySelector('[data-action="reset"]');
  const ended = part("note").textContent;
  let frame = null; // the times of what is shown
  let cursor = null; // the moment that all charts show, in seconds: each knows which of its own times that is
  let asked = null; // what can be called off
  let timer = 0;
  let drawing = 0;
  let pressed = null; // until a pointer that is down on a chart is let go: a drag does not outlive a chart that is drawn anew

  for (const card of section.querySelectorAll("[data-chart]")) add(card.dataset.chart, card);

  function add(key, card) {
    const chart = new Chart(card);
    charts.set(key, chart);
    return chart;
  }

  // -- reading

  function read(name, signal) {
    const params = new URLSearchParams(location.search);
    params.set("part", name);
    return figures(`${section.dataset.figures}?${params}`, signal);
  }

  async function renew() {
    asked?.abort();
    clearTimeout(timer);
    const own = asked = new AbortController();
    let wait = OFTEN;
    try {
      const [told, Plotly] = await Promise.all([read("first", own.signal), load(section.dataset.plotly)]);
      if (own.signal.aborted) return;
      frame = told;
      for (const one of told.charts) if (charts.has(one.key)) await show(one, Plotly, own.signal);
      note(told);
      gpus(told.gpus);
      await others(told.charts, Plotly, own.signal);
      wait = frame.live ? Math.max(OFTEN, frame.step * 1000) : 0;
    } catch (error) {
      if (error.name === "AbortError" || own.signal.aborted) return;
      complain(error.message);
      wait = error.lasts ? 0 : AGAIN;
    }
    if (wait && !own.signal.aborted) timer = setTimeout(later, wait);
  }

  // The others, of which only those have a card that have figures.
  async function others(first, Plotly, signal) {
    const told = await read("more", signal);
    for (const one of [...first.filter(({ key }) => !charts.has(key)), ...told.charts]) {
      if (one.figure && !charts.has(one.key)) {
        if (one.key.startsWith("gpu_")) part("none")?.remove(); // it asks for none, and has one all the same
        part("more").append(card(one.key));
      }
      if (charts.has(one.key)) await show(one, Plotly, signal, told);
    }
  }

  // One at a time, so that the page answers in between.
  async function show(one, Plotly, signal, times = frame) {
    await pressed;
    if (signal.aborted) return;
    const chart = charts.get(one.key);
    chart.plot.toggleAttribute("data-away", false);
    chart.show(one, times, Plotly);
    if (one.figure) listen(chart);
    chart.at(cursor);
    await new Promise((done) => setTimeout(done));
  }

  function later() {
    if (document.hidden || section.contains(document.activeElement) && cursor !== null) timer = setTimeout(later, AGAIN);
    else renew();
  }

  function card(key) {
    const made = section.querySelector("#chart-card").content.firstElementChild.cloneNode(true);
    made.dataset.chart = key;
    made.querySelector("h2").id = `chart-${key}`;
    made.setAttribute("aria-labelledby", `chart-${key}`);
    add(key, made);
    return made;
  }

  // -- words

  function note(told) {
    const trouble = told.trouble.join(" ");
    part("note").textContent = trouble || ended || (told.live ? LIVE : `${full(new Date(told.since))} – ${full(new Date(told.until))}`);
    part("note").toggleAttribute("data-trouble", Boolean(trouble));
  }

  function complain(words) {
    part("note").textContent = words;
    part("note").toggleAttribute("data-trouble", true);
    for (const chart of charts.values()) {
      if (chart.told) chart.plot.toggleAttribute("data-away", true);
      else chart.say(words);
    }
  }

  function gpus(all) {
    const select = section.querySelector('select[name="gpu"]');
    const chosen = select.value;
    const known = new Map([...select.options].slice(1).map((option) => [option.value, option]));
    for (const [uuid, words] of all) {
      if (known.has(uuid)) known.get(uuid).textContent = words;
      else select.add(new Option(words, uuid, false, uuid === chosen));
    }
  }

  // -- the pointer, the keyboard, a drag

  function listen(chart) {
    const { plot } = chart;
    if (plot.dataset.listened) return;
    plot.dataset.listened = "";
    let down = null;
    plot.addEventListener("pointermove", (event) => point(chart.place(event.clientX)));
    plot.addEventListener("pointerleave", () => point(null));
    plot.addEventListener("pointerdown", (event) => {
      down = { x: event.clientX, type: event.pointerType };
      if (event.button) return; // a menu opens, and may take what ends it
      const own = new AbortController();
      pressed = new Promise((done) => { // a task later: Plotly hears of it by the mouseup that follows
        const end = () => { own.abort(); setTimeout(done); };
        for (const name of ["pointerup", "pointercancel", "blur"]) addEventListener(name, end, own);
      });
    }, true);
    plot.addEventListener("click", (event) => {
      const still = down && Math.abs(event.clientX - down.x) < 4;
      if (still && down.type !== "touch" && event.detail < 2) openLog(chart.place(event.clientX), event);
    });
    plot.addEventListener("keydown", (event) => press(event));
    plot.addEventListener("blur", () => point(null));
    plot.on("plotly_relayout", (moved) => {
      const [since, until] = [moved["xaxis.range[0]"], moved["xaxis.range[1]"]];
      if (since !== undefined && until !== undefined) zoom(chart.moment(since), chart.moment(until));
    });
  }

  function point(moment) {
    cursor = moment;
    drawing ||= requestAnimationFrame(() => {
      drawing = 0;
      for (const chart of charts.values()) {
        chart.at(cursor);
        chart.part("time").textContent = cursor === null || !chart.told ? "" : full(new Date(cursor * 1000));
      }
    });
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && cursor !== null) return openLog(cursor, event);
    const steps = STEPS[event.key];
    if (!steps) return;
    event.preventDefault();
    const last = frame.start + (frame.count - 1) * frame.step;
    point(Math.min(last, Math.max(frame.start, (cursor ?? last) + steps * frame.step)));
    announce(full(new Date(cursor * 1000)));
  }

  function openLog(moment, event) {
    if (moment === null) return;
    const params = new URLSearchParams();
    const here = new URLSearchParams(location.search);
    const pods = section.querySelector('select[name="pod"]').options.length - 1;
    if (here.get("pod") || pods > 1) params.set("pod", here.get("pod") || "all");
    params.set("at", new Date(moment * 1000).toISOString().replace(".000", ""));
    for (const name of ["from", "to"]) if (here.has(name)) params.set(name, here.get(name));
    const url = `${section.dataset.log}?${params}`;
    if (event.ctrlKey || event.metaKey) open(url, "_blank", "noopener");
    else location.assign(url);
  }

  // Seconds, and no fewer than there is anything between.
  function zoom(since, until) {
    const length = Math.max(until - since, 60000);
    const middle = (since + until) / 2;
    const iso = (at) => new Date(Math.round(at / 1000) * 1000).toISOString().replace(".000", "");
    go({ from: iso(middle - length / 2), to: iso(middle + length / 2) });
  }

  // -- the address

  function go(changes) {
    const params = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    history.pushState(null, "", `${location.pathname}${params.size ? `?${params}` : ""}`);
    moved();
  }

  // The tabs keep the range, and of the presets that one is marked which it is: at once, for the rest live-page.js
  // fetches the page, which waits its turn behind the figures.
  function keep() {
    const here = new URLSearchParams(location.search);
    reset.hidden = !here.has("to");
    if (here.has("from") || here.has("to")) {
      for (const link of section.querySelectorAll("a[data-range]")) {
        const its = new URL(link.href).searchParams;
        if (["from", "to"].every((name) => its.get(name) === here.get(name))) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
    for (const link of document.querySelectorAll("a[data-keeps]")) {
      const kept = link.dataset.keeps.split(" ").map((name) => [name, value(here, name)]).filter(([, text]) => text);
      link.setAttribute("href", `${link.pathname}${kept.length ? `?${new URLSearchParams(kept)}` : ""}`);
    }
  }

  function moved() {
    keep();
    document.body.dispatchEvent(new Event("workloads-changed"));
    renew();
  }

  function click(event) {
    const link = event.target.closest("a[data-range]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const params = new URLSearchParams(new URL(link.href).search);
    go({ from: params.get("from"), to: params.get("to") });
  }

  const choose = (event) => go({ [event.target.name]: event.target.value });
  const recolour = () => { for (const chart of charts.values()) chart.draw(); };

  section.addEventListener("click", click);
  section.querySelector("[data-chooser]").addEventListener("change", choose);
  reset.addEventListener("click", () => go({ from: null, to: null }));
  addEventListener("popstate", moved);
  const unwatch = onTheme(recolour);
  keep();
  renew();
  return () => {
    asked?.abort();
    clearTimeout(timer);
    unwatch();
    removeEventListener("popstate", moved);
  };
}

// What a tab keeps of the address `here` under `name`; the log begins at the moment that the range begins.
function value(here, name) {
  if (name === "at") return here.get("from")?.includes("T") ? here.get("from") : "";
  const text = here.get(name);
  return text === "start" ? "" : text;
}

// Plotly, loaded when a chart is shown, once a page; and the colours of tokens, which it cannot read by itself.
// The page allows no inline styles: where Plotly finds these, it adds none. Those of line charts are in metrics.css;
// the other ones are of maps, and their id is that of the text they have in this version.
const UNSTYLED = { "plotly.js-style-global": "no-inline-styles", "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53": "" };
let loading = null;

export function load(url) {
  loading ??= new Promise((done, failed) => {
    for (const [id, className] of Object.entries(UNSTYLED)) {
      document.body.append(Object.assign(document.createElement("template"), { id, className }));
    }
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => done(window.Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      failed(new Error("The script that draws charts could not be loaded."));
    };
    document.head.append(script);
  });
  return loading;
}

// The colour that a token such as "--s1" has now.
export function colour(token) {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

// `figure` with colours in place of tokens; the arrays of its figures are left as they are.
export function coloured(figure, known = new Map()) {
  if (typeof figure === "string" && figure.startsWith("--")) {
    if (!known.has(figure)) known.set(figure, colour(figure));
    return known.get(figure);
  }
  if (Array.isArray(figure)) return typeof figure[0] === "object" && figure[0] ? figure.map((one) => coloured(one, known)) : figure;
  if (!figure || typeof figure !== "object") return figure;
  return Object.fromEntries(Object.entries(figure).map(([name, value]) => [name, coloured(value, known)]));
}

// Calls `tell` when the colours change: by the page's own switch, or the system's.
export function onTheme(tell) {
  const watcher = new MutationObserver(tell);
  watcher.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", tell);
  return () => {
    watcher.disconnect();
    system.removeEventListener("change", tell);
  };
}

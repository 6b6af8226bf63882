// How fresh the page is: live, reconnecting, or stale since when, from the socket and the clusters' heartbeat; and
// whether what people ask has to wait.
import { onState, watch } from "./live.js";
import { clock } from "./times.js";

const ASK_AGAIN = 10000;

export function start(element) {
  const badge = element.querySelector(".live");
  let hub = { name: "reconnecting", why: "" };
  let clusters = [];
  let lastLive = new Date();

  const show = () => {
    const stale = clusters.find((cluster) => cluster.state !== "live");
    if (hub.name === "live" && !stale && hub.why) return paint("waits", "Live, actions wait", hub.why);
    if (hub.name === "live" && !stale) return paint("live", "Live", "Changes appear by themselves.");
    if (hub.name === "out") return paint("stale", "Signed out", hub.why);
    if (hub.name === "live" || hub.name === "stale") return paintStale(stale);
    return paint("reconnecting", "Reconnecting", `${hub.why} As of ${clock(lastLive)}.`);
  };
  const paintStale = (cluster) => {
    const since = cluster ? cluster.since && new Date(cluster.since) : lastLive;
    const why = [cluster && `${cluster.name}: ${cluster.why}`, hub.why].filter(Boolean).join("\n");
    paint("stale", since ? `Stale since ${clock(since)}` : `Waiting for ${cluster.name}`, why);
  };
  const paint = (state, text, why) => {
    badge.title = why;
    if (badge.dataset.state === state && badge.textContent === text) return; // not announced anew
    badge.dataset.state = state;
    badge.textContent = text;
  };
  const asOf = (date) => {
    for (const time of document.querySelectorAll("time[data-as-of]")) time.dateTime = date.toISOString();
  };
  const heard = (list) => {
    clusters = Array.isArray(list) ? list : clusters;
    if (hub.name === "live" && clusters.every((cluster) => cluster.state === "live")) {
      lastLive = new Date();
      asOf(lastLive);
    }
    show();
  };
  const ask = async () => {
    try {
      const answer = await fetch(element.dataset.url, { headers: { Accept: "application/json" } });
      if (answer.ok && !answer.redirected) heard((await answer.json()).clusters);
    } catch {
      // The socket's own state already says so.
    }
  };
  const stops = [
    onState((state) => {
      hub = state;
      show();
    }),
    watch("clusters", { hint: heard, resume: ask }),
  ];
  // Heartbeats come while anybody syncs; silence is asked about, so that a dead worker is seen.
  const timer = setInterval(ask, ASK_AGAIN);
  return () => {
    clearInterval(timer);
    for (const stop of stops) stop();
  };
}

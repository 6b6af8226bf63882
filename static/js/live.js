// The one socket of the page. Reconnects by itself. What happened before a subscription was confirmed (while the
// page loaded, or during a gap) was not heard, so each confirmation asks the topic's watchers to fetch afresh.
//
//   const stop = watch("workloads", { hint, message, resume })
//   hint(payload)    something about the topic changed
//   message(frame)   any other frame of the topic (denials); lines of a log are its `bytes`
//   resume()         something may have been missed: fetch what is shown again
//   options()        further fields of the subscription, asked at each (re)connection
// stop.again() subscribes once more, when the options have changed.
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;
const SILENT_AFTER = 40000;

const utf8 = new TextDecoder();
const watchers = new Map();
const listeners = new Set();
let socket = null;
let wait = FIRST_WAIT;
let silence = 0;
let state = { name: "reconnecting", why: "" };

export function watch(topic, watcher) {
  if (!watchers.has(topic)) watchers.set(topic, new Set());
  const all = watchers.get(topic);
  all.add(watcher);
  if (!socket) connect();
  else if (all.size === 1) send({ subscribe: topic, ...watcher.options?.() });
  const stop = () => {
    all.delete(watcher);
    if (!all.size) {
      watchers.delete(topic);
      send({ unsubscribe: topic });
    }
  };
  stop.again = () => send({ subscribe: topic, ...watcher.options?.() });
  return stop;
}

// Calls `tell` with {name: "live" | "reconnecting" | "stale" | "out", why} now and at each change. Live with a
// reason: what people ask waits.
export function onState(tell) {
  listeners.add(tell);
  tell(state);
  return () => listeners.delete(tell);
}

function become(name, why = "") {
  if (name === state.name && why === state.why) return;
  state = { name, why };
  for (const tell of listeners) tell(state);
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    wait = FIRST_WAIT;
    for (const [topic, all] of watchers) send({ subscribe: topic, ...[...all][0].options?.() });
    listen();
  });
  socket.addEventListener("message", (event) => {
    listen();
    receive(typeof event.data === "string" ? JSON.parse(event.data) : withBytes(new Uint8Array(event.data)));
  });
  socket.addEventListener("close", (event) => {
    clearTimeout(silence);
    if (event.code === 4401) return become("out", "You are signed out. Reload the page to sign in again.");
    become("reconnecting", "The connection to Runyard is lost; trying again.");
    setTimeout(connect, wait * (0.5 + Math.random()));
    wait = Math.min(LONGEST_WAIT, wait * 2);
  });
}

// A frame of bytes begins with JSON that says what they are, and a line end.
function withBytes(data) {
  const end = data.indexOf(10);
  return { ...JSON.parse(utf8.decode(data.subarray(0, end))), bytes: data.subarray(end + 1) };
}

// A half-open socket says nothing: without a ping for this long it is given up.
function listen() {
  clearTimeout(silence);
  silence = setTimeout(() => {
    become("reconnecting", "Runyard has not been heard for a while; trying again.");
    socket.close();
  }, SILENT_AFTER);
}

function receive(frame) {
  if ("ping" in frame) return send({ pong: frame.ping });
  if ("state" in frame) {
    const back = state.name === "stale" && frame.state === "live";
    become(frame.state === "live" ? "live" : frame.state === "stale" ? "stale" : "reconnecting", frame.why);
    if (back) for (const all of watchers.values()) for (const watcher of all) watcher.resume?.();
    return undefined;
  }
  for (const watcher of watchers.get(frame.topic) ?? []) {
    if (frame.subscribed) watcher.resume?.();
    else if ("hint" in frame) watcher.hint?.(frame.hint);
    else watcher.message?.(frame);
  }
  return undefined;
}

// A laptop that wakes up does not wait for the back-off.
addEventListener("online", () => {
  if (socket?.readyState === WebSocket.CLOSED) wait = FIRST_WAIT;
});

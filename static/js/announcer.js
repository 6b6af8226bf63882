// Says live changes to screen readers, politely: at most once in ten seconds, the last words win.
const APART = 10000;
let last = -APART;
let waiting = null;
let timer = 0;

export function announce(words) {
  waiting = words;
  if (!timer) timer = setTimeout(say, Math.max(0, last + APART - performance.now()));
}

function say() {
  timer = 0;
  last = performance.now();
  document.getElementById("announcer").textContent = waiting;
}

// Starts the behaviours that the page names in data-behaviour, each from its own module, and stops those
// whose element has gone. A behaviour exports start(element), which may return a function that stops it.
import "./times.js";

const running = new Map();

async function begin(element) {
  running.set(element, null);
  for (const name of element.dataset.behaviour.split(" ")) {
    const behaviour = await import(`./${name}.js`);
    if (element.isConnected) {
      const stop = behaviour.start(element);
      const before = running.get(element);
      running.set(element, () => { before?.(); stop?.(); });
    }
  }
}

export function scan() {
  for (const [element, stop] of running) {
    if (!element.isConnected) {
      running.delete(element);
      stop?.();
    }
  }
  for (const element of document.querySelectorAll("[data-behaviour]")) {
    if (!running.has(element)) begin(element);
  }
}

document.addEventListener("htmx:afterSettle", scan);
document.addEventListener("runyard:swapped", scan);
document.addEventListener("htmx:beforeSwap", (event) => {
  // Signed out meanwhile: what came back is the sign-in page, to be shown as a page.
  if (event.detail.xhr.responseURL.includes("/sign-in/")) {
    event.preventDefault();
    location.reload();
  }
});
document.addEventListener("htmx:responseError", (event) => complain(`The server answered ${event.detail.xhr.status}.`));
document.addEventListener("htmx:sendError", () => complain("The server does not answer."));

async function complain(what) {
  const { toast } = await import("./toasts.js");
  toast(`${what} Nothing was changed; try again in a moment.`, "error");
}

scan();

// The event history: what is new comes in at the top while one looks there, else behind a "3 new" button, so that
// nothing moves under the reader. Older pages are fetched as their end is scrolled to, up to MOST rows.
import { page, paced } from "./fetching.js";
import { watch } from "./live.js";
import { show } from "./times.js";

const MOST = 500; // rows in the page; beyond that "Older" is a link to the next page
const AHEAD = "400px"; // how far before its end the next page is fetched

export function start(element) {
  const button = element.querySelector(".new-rows button");
  const part = () => element.querySelector("#history");
  const list = () => part().querySelector(".history");
  let waiting = null; // the newest page, as fetched, while its rows wait for the button

  const refresh = paced(async () => {
    const fresh = (await page(address(location.href, { after: null }))).getElementById("history");
    if (!fresh.querySelector(".history")) return;
    if (!list()) return replace(fresh);
    const fresher = unseen(list(), fresh);
    if (!fresher.length || looking()) take(fresh);
    else wait(fresh, fresher.length);
  });

  // At the top, and with nothing in the list that has the focus or is selected.
  const looking = () => list().getBoundingClientRect().top >= 0 && !list().contains(document.activeElement) && !chosen(list());

  function wait(fresh, count) {
    waiting = fresh;
    button.textContent = count === 50 ? "50 or more new" : `${count} new`;
    button.hidden = false;
  }

  function take(fresh) {
    waiting = null;
    button.hidden = true;
    const rows = [...fresh.querySelectorAll(".history > li")];
    const here = new Map([...list().children].map((row) => [row.dataset.key, row]));
    if (!rows.some((row) => here.has(row.dataset.key))) return replace(fresh); // more is new than one page holds
    let place = list().firstElementChild;
    for (const row of rows) {
      const old = here.get(row.dataset.key);
      if (old && old === place) place = place.nextElementSibling;
      const keep = old && same(old, row);
      if (keep && old.nextElementSibling === place) continue;
      if (old && !keep) old.remove();
      list().insertBefore(keep ? old : row, place);
    }
    show(element);
    return undefined;
  }

  function replace(fresh) {
    waiting = null;
    button.hidden = true;
    part().replaceWith(fresh);
    show(element);
    look();
  }

  const further = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && more(), { rootMargin: AHEAD });
  const look = () => {
    further.disconnect();
    const end = part().querySelector(".older");
    if (end && !(list()?.children.length >= MOST)) further.observe(end);
  };

  async function more() {
    further.disconnect();
    const end = part().querySelector(".older");
    const fetched = await page(address(end.querySelector("a").href)).catch(() => null);
    if (!fetched || !end.isConnected) return; // the link still leads there
    if (!list()) return replace(fetched.getElementById("history")); // a search that has found nothing so far
    const here = new Set([...list().children].map((row) => row.dataset.key));
    list().append(...[...fetched.querySelectorAll(".history > li")].filter((row) => !here.has(row.dataset.key)));
    const next = fetched.querySelector(".older");
    if (next) end.replaceWith(next);
    else end.remove();
    show(element);
    look();
    return undefined;
  }

  button.addEventListener("click", () => {
    if (waiting) take(waiting);
    element.scrollIntoView({ block: "start" });
  });
  const stop = watch(element.dataset.topic, { hint: refresh, resume: refresh });
  look();
  return () => {
    stop();
    refresh.stop();
    further.disconnect();
  };
}

// The list alone, at an address of the page, with `changes` of its parameters.
function address(href, changes = {}) {
  const url = new URL(href);
  url.hash = "";
  for (const [name, value] of Object.entries({ ...changes, part: "list" })) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href;
}

function unseen(list, fresh) {
  const here = new Map([...list.children].map((row) => [row.dataset.key, row.dataset.at]));
  return [...fresh.querySelectorAll(".history > li")].filter((row) => here.get(row.dataset.key) !== row.dataset.at);
}

// But for times, which scripts write in the viewer's own.
const plain = (row) => row.innerHTML.replace(/<time[^>]*>[^<]*/g, "");
const same = (old, row) => old.dataset.at === row.dataset.at && plain(old) === plain(row);

function chosen(list) {
  const selection = getSelection();
  return !selection.isCollapsed && list.contains(selection.anchorNode);
}

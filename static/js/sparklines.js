// Draws what each row used in the last hour into its cell: one fragment for all rows that are shown, fetched again
// each minute, and when other rows come.
import { page, paced } from "./fetching.js";

const OFTEN = 60000;
const MOST = 200; // that the server draws at once

export function start(table) {
  const drawn = new Map(); // what the server drew, by name; null where it drew nothing yet

  const cells = () => [...table.querySelectorAll("[data-spark]")];

  function fill() {
    for (const cell of cells()) {
      const one = drawn.get(cell.dataset.spark);
      if (one && cell.drawn !== one) {
        cell.drawn = one;
        cell.replaceChildren(...one.cloneNode(true).childNodes);
      }
    }
  }

  const renew = paced(async () => {
    const names = cells().map((cell) => cell.dataset.spark);
    const ids = [...new Set(names.map((name) => name.split("-")[1]))].slice(0, MOST);
    if (!ids.length) return;
    for (const name of names) drawn.set(name, drawn.get(name) ?? null); // asked for: not again with each row that comes
    const fetched = await page(`${table.dataset.sparks}?of=${ids}`);
    for (const one of fetched.querySelectorAll("[data-drawn]")) drawn.set(one.dataset.drawn, document.importNode(one, true));
    fill();
  }, 1000);

  const rows = () => {
    fill();
    if (cells().some((cell) => !drawn.has(cell.dataset.spark))) renew();
  };
  document.addEventListener("runyard:rows", rows);
  const timer = setInterval(() => document.hidden || renew(), OFTEN);
  renew();
  return () => {
    document.removeEventListener("runyard:rows", rows);
    clearInterval(timer);
    renew.stop();
  };
}

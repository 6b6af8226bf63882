// Moments as the viewer reads them: <time data-time="clock"> in local time, "age" and "left" ticking, "moment" to the minute.
// Formats are made once: making one costs more than a hundred uses.
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const MOMENT = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hour12: false });

export const clock = (date) => CLOCK.format(date);
export const full = (date) => FULL.format(date);

// The words of the server's own filter, so that nothing changes when scripts take over.
export function duration(total) {
  const seconds = Math.max(0, Math.floor(total));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return hours && days < 10 ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} m` : `${hours} h`;
  if (minutes) return minutes < 10 ? `${minutes} m ${String(seconds % 60).padStart(2, "0")} s` : `${minutes} m`;
  return `${seconds} s`;
}

const SHOW = {
  clock,
  age: (date) => duration((Date.now() - date) / 1000),
  left: (date) => duration((date - Date.now()) / 1000),
  moment: (date) => MOMENT.format(date),
  full,
};

export function show(root = document) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.valueOf())) continue;
    const text = SHOW[element.dataset.time](date);
    if (element.textContent !== text) element.textContent = text;
    if (["age", "left", "moment"].includes(element.dataset.time) && !element.dataset.told) {
      element.dataset.told = "";
      element.title = `${SHOW.full(date)} (${element.dateTime})`;
    }
  }
}

setInterval(() => document.hidden || show(), 1000);
document.addEventListener("htmx:afterSettle", () => show());
show();

// The moment of a line as one chose to read it: local, utc, since (the log's first line), off.
const DAY = 86400;
// Made once: making one costs more than a hundred uses.
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function timeOf(iso, mode, began) {
  if (mode === "off" || !iso) return "";
  if (mode === "utc") return iso.slice(11, 19);
  const date = moment(iso);
  if (Number.isNaN(date.valueOf())) return "";
  return mode === "since" ? since((date - moment(began || iso)) / 1000) : CLOCK.format(date);
}

// Browsers read milliseconds, the cluster writes nanoseconds.
export function moment(iso) {
  return new Date(iso.replace(/(\.\d{3})\d*/, "$1"));
}

function since(total) {
  const seconds = Math.max(0, Math.floor(total));
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const clock = `${two((seconds % DAY) / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < DAY ? `+${clock}` : `+${Math.floor(seconds / DAY)}d ${clock.slice(0, 5)}`;
}

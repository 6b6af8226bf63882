// Selecting rows and moving among them; the action bar says what can be done with them, and why not.
import { isTyping } from "./keys.js";
import { Selected } from "./selected.js";
import { toast } from "./toasts.js";

const WORDS = { stop: "Stop", run: "Run", delete: "Delete" };
const REASONS = 2;
const number = new Intl.NumberFormat("en");
const kept = { matching: null, selected: null }; // another order of the same rows keeps what is selected

export function start(bar) {
  const section = bar.closest("section");
  const grid = section.querySelector(".grid");
  const matching = (bar.dataset.matching ?? "").replace(/^\?/, "");
  if (kept.matching !== matching) Object.assign(kept, { matching, selected: new Selected() });
  const { selected } = kept;

  const offer = bar.querySelector("[data-action=select-matching]");
  const rows = () => [...grid.querySelectorAll("tbody tr[data-row]")];
  const ids = () => rows().map((row) => row.dataset.row);

  const tell = () => {
    const all = grid.querySelector("[data-action=select-all]");
    const drawn = ids().filter((id) => selected.has(id)).length;
    if (all) {
      all.checked = drawn > 0 && drawn === rows().length;
      all.indeterminate = selected.count > 0 && !all.checked;
    }
    for (const row of rows()) row.querySelector(".pick input").checked = selected.has(row.dataset.row);
    bar.toggleAttribute("data-open", selected.count > 0);
    if (!selected.count) return;
    bar.querySelector("[data-count]").textContent = `${number.format(selected.count)} selected`;
    if (offer) offerAll(Boolean(all?.checked));
    const lines = [...bar.querySelectorAll("button[name=verb]")].map((button) => grey(button, selected)).filter(Boolean);
    if (!linkOne(bar, selected.one)) lines.push("Connect, Copy, Details: choose one workload");
    const why = bar.querySelector("[data-why]");
    why.textContent = lines.join(" · ");
    why.hidden = !lines.length;
  };

  const offerAll = (page) => {
    const total = section.querySelector("[data-total]")?.dataset.total ?? "";
    const more = total.endsWith("+") || Number(total.replaceAll(",", "")) > selected.count;
    offer.hidden = selected.all || !page || !more;
    offer.textContent = `Select all ${total} that match`;
  };

  const takeAll = async () => {
    offer.disabled = true;
    try {
      const answer = await fetch(`${bar.dataset.selectionUrl}?${matching}`, { headers: { Accept: "application/json" } });
      const told = await answer.json();
      if (answer.ok) selected.takeAll(told);
      else toast(told.problem, "error");
    } catch {
      toast("The server does not answer. The selection is as it was; try again in a moment.", "error");
    }
    offer.disabled = false;
    tell();
  };

  const see = () => {
    selected.setAll(rows().filter((row) => row.dataset.left === "gone").map((row) => row.dataset.row), false);
    selected.see(rows().filter((row) => row.dataset.facts).map((row) => [row.dataset.row, facts(row)]));
    tell();
  };

  const clear = () => {
    selected.clear();
    tell();
  };

  const pick = (row, on, range = false) => {
    if (!row) return;
    selected.set(row.dataset.row, on, range);
    tell();
  };

  const page = (on) => {
    if (on || !selected.all) selected.setAll(ids(), on);
    else selected.clear();
    tell();
  };

  const click = (event) => {
    const box = event.target.closest?.(".pick input");
    if (!box) return;
    if (box.dataset.action === "select-all") page(box.checked);
    else pick(box.closest("tr"), box.checked, event.shiftKey);
  };

  const cursor = () => grid.querySelector("tr[data-cursor]");
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const now = cursor();
    const next = now ? all[Math.min(all.length - 1, Math.max(0, all.indexOf(now) + step))] : firstInView(all);
    now?.removeAttribute("data-cursor");
    next.setAttribute("data-cursor", "");
    next.querySelector(".first a").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  const pressWithControl = (event) => {
    if (event.key !== "a" || event.altKey || event.shiftKey || !grid.contains(event.target)) return;
    event.preventDefault();
    if (offer && !offer.hidden && selected.count) takeAll(); // once for the page, once more for all that match
    else page(true);
  };

  const press = (event) => {
    if (isTyping(event.target)) return undefined;
    if (event.ctrlKey || event.metaKey) return pressWithControl(event);
    if (event.altKey) return undefined;
    const row = event.target.closest?.("tbody tr") ?? cursor();
    if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      move(event.key === "j" ? 1 : -1);
    } else if (event.key === "x") {
      pick(row, row && !selected.has(row.dataset.row));
    } else if (event.key === "X") {
      pick(row, true, true);
    } else if (event.key === "a" && selected.count) {
      event.preventDefault();
      bar.querySelector(":is(button:enabled, a[href]):not([hidden])").focus(); // 150 presses of Tab away
    } else if (event.key === "Enter" && event.target === document.body) {
      cursor()?.querySelector(".first a").click();
    } else if (event.key === "Escape" && !document.querySelector("dialog[open], :popover-open")) {
      clear();
    }
    return undefined;
  };

  // What was asked for goes its way; the rows that were refused stay selected.
  const done = (event) => {
    if (event.detail.all || selected.all) selected.clear();
    else selected.setAll((event.detail.ids ?? []).map(String), false);
    tell();
  };

  // The form's own boxes are those of the rows that are drawn; what is selected may be more, or fewer.
  const configure = (event) => {
    const { formData } = event.detail;
    formData.delete("ids");
    if (!selected.all) return formData.set("ids", selected.ids.join(","));
    formData.set("matching", matching);
    return formData.set("except", selected.ids.join(","));
  };

  grid.addEventListener("click", click);
  bar.querySelector("[data-action=clear]").addEventListener("click", clear);
  offer?.addEventListener("click", takeAll);
  bar.addEventListener("htmx:configRequest", configure);
  document.addEventListener("keydown", press);
  document.addEventListener("runyard:rows", see);
  document.body.addEventListener("workloads-changed", done);
  see();
  return () => {
    document.removeEventListener("keydown", press);
    document.removeEventListener("runyard:rows", see);
    document.body.removeEventListener("workloads-changed", done);
  };
}

// Where one begins to move among `rows`, also when the row one was at has been scrolled away.
function firstInView(rows) {
  const edge = rows[0].closest("table").tHead?.rows[0].cells[0].getBoundingClientRect().bottom ?? 0;
  return rows.find((row) => row.getBoundingClientRect().top >= edge - 1) ?? rows[0];
}

// What the action bar has to know of a row.
function facts(row) {
  return { id: row.dataset.row, href: row.querySelector(".first a")?.getAttribute("href"), ...JSON.parse(row.dataset.facts) };
}

// Greys `button` when nothing of what is selected allows it; returns the words that say why not, if any.
function grey(button, selected) {
  const refusals = selected.refusals(button.value);
  const refused = refusals.reduce((sum, [, count]) => sum + count, 0);
  button.disabled = refused >= selected.count;
  const words = refusals.length ? `${WORDS[button.value]}: ${inWords(refusals, selected.count)}` : "";
  button.title = words;
  return words;
}

// "2 of 5 already stopped, 1 completed"; of one row the reason alone.
function inWords(refusals, of) {
  if (of === 1) return refusals[0][0];
  const [[first, most]] = refusals;
  const head = most === of ? `all ${number.format(of)}` : `${number.format(most)} of ${number.format(of)}`;
  const further = refusals.slice(1, REASONS).map(([words, count]) => `, ${number.format(count)} ${words}`);
  const rest = refusals.slice(REASONS).reduce((sum, [, count]) => sum + count, 0);
  return `${head} ${first}${further.join("")}${rest ? `, ${number.format(rest)} for other reasons` : ""}`;
}

// Points Connect, Copy and Details at the one row that is selected; false where it is not one.
function linkOne(bar, one) {
  for (const link of bar.querySelectorAll("[data-one]")) {
    const why = one ? one.why[link.dataset.one] ?? (link.dataset.one === "connect" && !one.tools ? "It has no tools to connect to" : undefined) : "Choose one workload";
    link.title = why ?? "";
    if (why) {
      link.setAttribute("aria-disabled", "true");
      link.removeAttribute("href");
    } else {
      link.removeAttribute("aria-disabled");
      // Of several tools one is chosen on the workload's page.
      const door = one.tools?.length === 1 ? one.tools[0][1] : one.href;
      link.href = { copy: `${bar.dataset.copyUrl}?copy=${one.id}`, connect: door }[link.dataset.one] ?? one.href;
    }
  }
  return Boolean(one);
}

// The column chooser: find, tick, order by drag, by the buttons or by Alt and the arrows; each change is saved
// and the table drawn anew in place.
import { announce } from "./announcer.js";

const PAUSE = 250;

export function start(form) {
  const list = form.querySelector("ol");
  const items = () => [...list.children];
  const shown = () => list.querySelectorAll("input:checked");
  const said = form.querySelector("[data-said]");
  const atView = () => /^\d+$/.test(new URL(location.href).searchParams.get("view") ?? "");
  let timer = 0;
  let waiting = false;

  const changed = () => {
    form.querySelector("[data-shown]").textContent = `${shown().length} of ${items().length}`;
    if (atView()) return wait();
    clearTimeout(timer);
    timer = setTimeout(() => save(new FormData(form)), PAUSE);
  };

  // At a saved view the choice goes into the address, by way of the server; a new page would close this.
  const wait = () => {
    waiting = true;
    said.textContent = "Shown when you close this";
  };

  const closed = (event) => {
    if (event.newState !== "closed" || !waiting) return;
    form.elements.next.value = location.pathname + location.search;
    form.requestSubmit();
  };

  const save = async (data) => {
    clearTimeout(timer);
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { "HX-Request": "true" } }).catch(() => null);
    said.textContent = answer?.ok ? "Saved" : "Not saved; try again.";
    if (!answer?.ok) return;
    const here = new URL(location.href);
    if (here.searchParams.has("columns") || data.has("reset")) {
      for (const name of ["columns", "widths"]) here.searchParams.delete(name);
      location.assign(here);
    } else {
      document.dispatchEvent(new CustomEvent("runyard:layout"));
    }
  };

  const move = (item, step) => {
    const other = step < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!other || !("movable" in other.dataset)) return;
    step < 0 ? other.before(item) : other.after(item);
    announce(`${item.querySelector("label").textContent.trim()}, place ${items().indexOf(item) + 1}.`);
    changed();
  };

  const click = (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.name === "reset" && atView()) {
      form.elements.next.value = location.pathname + location.search;
      return;
    }
    event.preventDefault();
    if (button.name === "reset") {
      const data = new FormData(form);
      data.set("reset", "1");
      save(data);
    } else if (button.name === "up" || button.name === "down") {
      move(button.closest("li"), button.name === "up" ? -1 : 1);
      button.focus();
    }
  };

  const press = (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const item = event.target.closest("li[data-movable]");
    if (event.key === "Enter" && event.target.tagName === "INPUT") event.preventDefault();
    if (!step || !event.altKey || !item) return;
    event.preventDefault();
    move(item, step);
    event.target.focus();
  };

  const find = (event) => {
    if (!("find" in event.target.dataset)) return;
    const word = event.target.value.trim().toLowerCase();
    for (const item of items()) item.hidden = !item.dataset.label.includes(word);
    form.querySelector("[data-none]").hidden = items().some((item) => !item.hidden);
  };

  const stopDragging = drag(list, changed);
  form.addEventListener("toggle", closed);
  form.addEventListener("click", click);
  form.addEventListener("keydown", press);
  form.addEventListener("input", find);
  form.addEventListener("change", (event) => event.target.name === "column" && changed());
  return stopDragging;
}

// Lets a grip carry its row among the movable ones; `done` is called when it was put down elsewhere.
function drag(list, done) {
  let item = null;
  let from = null;
  const down = (event) => {
    const row = event.target.closest(".grip")?.closest("li[data-movable]");
    if (!row || event.button) return;
    event.preventDefault();
    item = row;
    from = row.nextElementSibling;
    item.dataset.dragged = "";
    list.setPointerCapture(event.pointerId);
  };
  const go = (event) => {
    if (!item) return;
    const over = [...list.querySelectorAll("li[data-movable]:not([hidden])")].find((row) => {
      const box = row.getBoundingClientRect();
      return event.clientY >= box.top && event.clientY < box.bottom;
    });
    if (!over || over === item) return;
    const later = item.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
    later ? over.after(item) : over.before(item);
  };
  const up = () => {
    if (!item) return;
    delete item.dataset.dragged;
    if (item.nextElementSibling !== from) done();
    item = null;
  };
  list.addEventListener("pointerdown", down);
  list.addEventListener("pointermove", go);
  list.addEventListener("pointerup", up);
  list.addEventListener("pointercancel", up);
  return () => up();
}

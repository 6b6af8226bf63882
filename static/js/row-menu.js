// The menu at a row's end: open, copy, and what can be done, with the reason where it cannot.
const VERBS = [["stop", "Stop"], ["run", "Run"], ["delete", "Delete"]];

export function start(grid) {
  const menu = Object.assign(document.createElement("div"), { className: "popup", popover: "auto" });
  menu.setAttribute("role", "menu");
  grid.after(menu);
  let opener = null;

  const open = (event) => {
    const link = event.target.closest("[data-action=row-menu]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const row = link.closest("tr");
    opener = link;
    menu.replaceChildren(...items(row, link.href));
    menu.showPopover();
    place(menu, link);
    menu.querySelector("[role=menuitem]").focus();
  };

  const choose = (event) => {
    const item = event.target.closest("[data-verb]");
    if (!item || item.getAttribute("aria-disabled") === "true") return;
    menu.hidePopover();
    const form = document.getElementById("bulk");
    const values = { csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value, verb: item.dataset.verb, ids: item.dataset.id, next: location.href };
    htmx.ajax("POST", form.action, { target: "#toasts", swap: "beforeend", values });
  };

  const press = (event) => {
    const all = [...menu.querySelectorAll("[role=menuitem]")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") opener?.focus();
    if (!step) return;
    event.preventDefault();
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  };

  grid.addEventListener("click", open, true);
  menu.addEventListener("click", choose);
  menu.addEventListener("keydown", press);
  return () => menu.remove();
}

function items(row, href) {
  const { why } = JSON.parse(row.dataset.facts);
  const links = [["Open", href], ["Logs", `${href}logs`], ["Copy and edit", `${document.querySelector(".grid").dataset.copyUrl}?copy=${row.dataset.row}`]];
  const actions = VERBS.map(([verb, label]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label, className: verb === "delete" ? "danger" : "" });
    Object.assign(button.dataset, { verb, id: row.dataset.row });
    button.setAttribute("role", "menuitem");
    if (why[verb]) {
      button.setAttribute("aria-disabled", "true");
      button.append(Object.assign(document.createElement("small"), { textContent: why[verb] }));
    }
    return button;
  });
  return [...links.map(([label, to]) => {
    const link = Object.assign(document.createElement("a"), { href: to, textContent: label });
    link.setAttribute("role", "menuitem");
    return link;
  }), ...actions];
}

function place(menu, link) {
  const at = link.getBoundingClientRect();
  const [width, height] = [menu.offsetWidth, menu.offsetHeight];
  menu.style.left = `${Math.max(8, Math.min(at.right, innerWidth - 8) - width)}px`;
  menu.style.top = `${at.bottom + height + 8 > innerHeight ? Math.max(8, at.top - height - 4) : at.bottom + 4}px`;
}

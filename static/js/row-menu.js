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
  const { why, tools = [] } = JSON.parse(row.dataset.facts);
  const copy = `${document.querySelector(".grid").dataset.copyUrl}?copy=${row.dataset.row}`;
  const links = [["Open", href], ["Logs", `${href}logs`], ["Copy and edit", copy, why.copy]];
  const doors = tools.map(([title, to]) => item("a", `Connect to ${title}`, why.connect, why.connect ? {} : { href: to, target: "_blank", rel: "noopener" }));
  if (!doors.length) doors.push(item("a", "Connect", "no tools to connect to", {}));
  return [...links.map(([label, to, refusal]) => item("a", label, refusal, refusal ? {} : { href: to })), ...doors, ...VERBS.map(([verb, label]) => {
    const button = item("button", label, why[verb], { type: "button", className: verb === "delete" ? "danger" : "" });
    Object.assign(button.dataset, { verb, id: row.dataset.row });
    return button;
  })];
}

// One line of the menu; grey, with the reason under it, where there is a `refusal`.
function item(tag, label, refusal, properties) {
  const element = Object.assign(document.createElement(tag), { textContent: label, tabIndex: -1, ...properties });
  element.setAttribute("role", "menuitem");
  if (refusal) {
    element.setAttribute("aria-disabled", "true");
    element.append(Object.assign(document.createElement("small"), { textContent: refusal }));
  }
  return element;
}

function place(menu, link) {
  const at = link.getBoundingClientRect();
  const [width, height] = [menu.offsetWidth, menu.offsetHeight];
  menu.style.left = `${Math.max(8, Math.min(at.right, innerWidth - 8) - width)}px`;
  menu.style.top = `${at.bottom + height + 8 > innerHeight ? Math.max(8, at.top - height - 4) : at.bottom + 4}px`;
}

// The New Workload form: rows of variables and of tools, and which field a preview is about.
export function start(form) {
  const click = (event) => {
    const rows = event.target.closest("[data-rows]");
    const add = event.target.closest("[data-action=add]");
    const remove = event.target.closest("[data-action=remove]");
    if (add) addRow(rows, add);
    if (remove) removeRow(form, rows, remove.closest(rows.dataset.rows));
  };
  const name = (event) => {
    event.detail.parameters.set("changed", event.detail.triggeringEvent?.target?.name ?? "env-name");
  };
  const swapped = () => {
    for (const error of form.querySelectorAll(".error[id]")) {
      const field = form.elements[error.id.replace(/-error$/, "")];
      if (field instanceof HTMLElement) field.setAttribute("aria-invalid", String(error.textContent.trim() !== ""));
    }
    const { placeholders } = form.querySelector("[data-placeholders]").dataset;
    for (const [field, words] of Object.entries(JSON.parse(placeholders))) form.elements[field].placeholder = words;
  };
  for (const select of form.querySelectorAll("[name=tool-kind]")) showUsual(select);
  form.addEventListener("change", (event) => event.target.name === "tool-kind" && showUsual(event.target));
  form.addEventListener("click", click);
  form.addEventListener("htmx:configRequest", name);
  document.addEventListener("htmx:afterSettle", swapped);
  return () => document.removeEventListener("htmx:afterSettle", swapped);
}

// What the tool of `select` has where its other fields are left empty stands in them.
function showUsual(select) {
  for (const input of select.closest(".tool").querySelectorAll("input")) {
    input.placeholder = select.selectedOptions[0].dataset[input.name.replace("tool-", "")];
  }
}

function addRow(rows, button) {
  const all = rows.querySelectorAll(rows.dataset.rows);
  const row = all[all.length - 1].cloneNode(true);
  empty(row);
  for (const labelled of row.querySelectorAll("[aria-label]")) {
    labelled.setAttribute("aria-label", labelled.getAttribute("aria-label").replace(/\d+$/, all.length + 1));
  }
  button.before(row);
  row.querySelector("input, select").focus();
}

function empty(row) {
  for (const input of row.querySelectorAll("input, select")) input.value = "";
  for (const select of row.querySelectorAll("[name=tool-kind]")) showUsual(select);
}

function removeRow(form, rows, row) {
  if (rows.querySelectorAll(rows.dataset.rows).length > 1) row.remove();
  else empty(row);
  htmx.trigger(form, "rows-changed");
}

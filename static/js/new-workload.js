// The New Workload form: rows of variables, and which field a preview is about.
export function start(form) {
  const rows = form.querySelector(".variables");
  const click = (event) => {
    const add = event.target.closest("[data-action=add]");
    const remove = event.target.closest("[data-action=remove]");
    if (add) addRow(rows, add);
    if (remove) removeRow(form, remove.closest(".variable"));
  };
  const name = (event) => {
    event.detail.parameters.set("changed", event.detail.triggeringEvent?.target?.name ?? "env-name");
  };
  const swapped = () => {
    for (const error of form.querySelectorAll(".error[id]")) {
      const field = form.elements[error.id.replace(/-error$/, "")];
      if (field instanceof HTMLElement) field.setAttribute("aria-invalid", String(error.textContent.trim() !== ""));
    }
  };
  form.addEventListener("click", click);
  form.addEventListener("htmx:configRequest", name);
  document.addEventListener("htmx:afterSettle", swapped);
  return () => document.removeEventListener("htmx:afterSettle", swapped);
}

function addRow(rows, button) {
  const all = rows.querySelectorAll(".variable");
  const row = all[all.length - 1].cloneNode(true);
  for (const input of row.querySelectorAll("input")) input.value = "";
  for (const labelled of row.querySelectorAll("[aria-label]")) {
    labelled.setAttribute("aria-label", labelled.getAttribute("aria-label").replace(/\d+$/, all.length + 1));
  }
  button.before(row);
  row.querySelector("input").focus();
}

function removeRow(form, row) {
  if (row.parentElement.querySelectorAll(".variable").length > 1) row.remove();
  else for (const input of row.querySelectorAll("input")) input.value = "";
  htmx.trigger(form, "rows-changed");
}

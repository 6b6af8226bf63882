// Keys that work anywhere on a page: fields by data-key, and the list of all keys.
export function start() {
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      return showHelp();
    }
    const field = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key && one.offsetParent);
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  };
  const click = (event) => {
    if (event.target.closest("[data-action=keys]")) showHelp();
  };
  document.addEventListener("keydown", press);
  document.addEventListener("click", click);
  return () => {
    document.removeEventListener("keydown", press);
    document.removeEventListener("click", click);
  };
}

export function isTyping(target) {
  return target.isContentEditable || target.closest?.("textarea, select, dialog, input:not([type=checkbox], [type=radio])");
}

function showHelp() {
  const dialog = document.getElementById("dialog");
  dialog.replaceChildren(document.getElementById("keys-help").content.cloneNode(true));
}

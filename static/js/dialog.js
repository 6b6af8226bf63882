// The one modal dialog: opens when something is put into it, closes by Escape, Cancel or its own submit.
export function start(dialog) {
  const open = () => {
    if (dialog.childElementCount && !dialog.open) dialog.showModal();
  };
  const watch = new MutationObserver(open);
  watch.observe(dialog, { childList: true });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
    if (event.target.closest("[data-action=close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => dialog.replaceChildren());
  // A request of a form in here is on its way: whatever it answers is shown elsewhere, or put in here anew.
  dialog.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.detail.target !== dialog && event.detail.xhr.getResponseHeader("HX-Retarget") !== "#dialog") dialog.close();
  });
  return () => watch.disconnect();
}

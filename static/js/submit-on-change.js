// A form of choosers that needs no button.
export function start(form) {
  form.addEventListener("change", () => form.requestSubmit());
}

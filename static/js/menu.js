// A <details> menu that closes when one goes elsewhere, by pointer or by key. A long one has a field that finds its
// links by name: Enter opens the first that it finds.
export function start(menu) {
  const close = (event) => {
    if (menu.open && !menu.contains(event.target)) menu.open = false;
  };
  const escape = (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  };
  const field = menu.querySelector("[data-find]");
  const found = () => menu.querySelectorAll("a[data-label]:not([hidden])");
  const find = () => {
    const word = field.value.trim().toLowerCase();
    for (const link of menu.querySelectorAll("a[data-label]")) link.hidden = !link.dataset.label.includes(word);
    menu.querySelector("[data-none]").hidden = found().length > 0;
  };
  const enter = (event) => {
    if (event.key === "Enter" && field.value.trim()) found()[0]?.click();
  };
  menu.addEventListener("toggle", () => menu.open && field?.focus());
  field?.addEventListener("input", find);
  field?.addEventListener("keydown", enter);
  const elsewhere = ["click", "focusin"];
  for (const name of elsewhere) document.addEventListener(name, close);
  menu.addEventListener("keydown", escape);
  return () => { for (const name of elsewhere) document.removeEventListener(name, close); };
}

// A <details> menu that closes when one goes elsewhere, by pointer or by key.
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
  const elsewhere = ["click", "focusin"];
  for (const name of elsewhere) document.addEventListener(name, close);
  menu.addEventListener("keydown", escape);
  return () => { for (const name of elsewhere) document.removeEventListener(name, close); };
}

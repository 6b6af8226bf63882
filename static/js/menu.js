// A <details> menu that closes when one looks elsewhere.
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
  document.addEventListener("click", close);
  menu.addEventListener("keydown", escape);
  return () => document.removeEventListener("click", close);
}

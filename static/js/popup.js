// Puts the popover of a button under the button, inside the window; without this it stands in the middle. The focus
// goes into it, and where the focus goes on it closes: it covers nothing that one works on.
export function start(button) {
  const panel = document.getElementById(button.getAttribute("popovertarget"));
  const place = (event) => {
    if (event.newState !== "open") return;
    const at = button.getBoundingClientRect();
    const [width, height] = [panel.offsetWidth, panel.offsetHeight];
    const left = at.left + width + 8 > innerWidth ? at.right - width : at.left;
    panel.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    panel.style.top = `${Math.max(8, Math.min(at.bottom + 6, innerHeight - height - 8))}px`;
    if (panel.contains(document.activeElement)) return; // who was quicker keeps the place
    (panel.querySelector("[data-find], [aria-current], select:enabled") ?? panel.querySelector("a, button"))?.focus();
  };
  const leave = (event) => {
    if (event.target !== button && !panel.contains(event.target) && panel.matches(":popover-open")) panel.hidePopover();
  };
  panel.addEventListener("toggle", place);
  document.addEventListener("focusin", leave);
  return () => {
    panel.removeEventListener("toggle", place);
    document.removeEventListener("focusin", leave);
  };
}

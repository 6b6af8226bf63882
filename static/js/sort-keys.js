// Shift-click (or Shift-Enter) on a header adds the column as second sort key, or turns it round.
export function start(grid) {
  const click = (event) => {
    const link = event.shiftKey && event.target.closest("thead a");
    const then = link && link.parentElement.querySelector("[data-then]");
    if (!then || link === then) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    then.click();
  };
  grid.addEventListener("click", click, true);
}

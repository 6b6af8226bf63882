// Of links that scroll sideways: the current one is seen, with what stands beside it.
export function start(nav) {
  const here = nav.querySelector("[aria-current]")?.getBoundingClientRect();
  const all = nav.getBoundingClientRect();
  if (here) nav.scrollLeft += (here.left + here.right - all.left - all.right) / 2;
}

// A section that is asked for anew faster than the server answers. Its answer is shown where nothing else was asked for
// since, and nothing was typed since into its search, which goes out in a moment: what comes after finds it all in place.
export function start(section) {
  const search = section.querySelector("form[hx-get]");
  const typed = () => search?.elements.q.value;
  let sent = typed();
  let last = null;
  section.addEventListener("htmx:beforeRequest", ({ target, detail }) => {
    if (detail.target === section) last = detail.xhr;
    if (target === search) sent = typed();
  });
  section.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target === section && ((last && event.detail.xhr !== last) || typed() !== sent)) event.preventDefault();
  });
}

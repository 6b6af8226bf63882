// A section that is asked for anew faster than the server answers. Of two clicks the later one's answer is shown. That
// of a search is shown where nothing was typed since and nothing else is asked for; what was typed beside a click is
// typed into what the click brings, and searched there.
let carried = null; // {text, caret} typed into a search that was taken away

export function start(section) {
  const search = section.querySelector("form[hx-get]");
  const field = search?.elements.q;
  let sent = field?.value;
  let searched = null;
  let clicked = null; // until it is answered
  if (field && carried) type(field, carried);
  carried = null;

  section.addEventListener("htmx:beforeRequest", ({ target, detail }) => {
    if (detail.target !== section) return;
    if (target !== search) clicked = detail.xhr;
    else [searched, sent] = [detail.xhr, field.value];
  });
  section.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.xhr === clicked) clicked = null;
  });
  section.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, isError } = event.detail;
    if (event.target !== section || isError) return;
    const late = xhr === searched ? clicked || field.value !== sent : xhr !== clicked;
    if (late) event.preventDefault();
    else if (xhr === clicked && field && field.value !== field.defaultValue) carried = { text: field.value, caret: field.selectionStart };
  });
}

function type(field, { text, caret }) {
  field.value = text;
  if (document.activeElement === field) field.setSelectionRange(caret, caret);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

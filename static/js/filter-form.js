// Offers, for the column chosen, the operators that fit it, and its values where they are known.
export function start(form) {
  const { column, operator } = form.elements;
  const [input, select] = form.querySelectorAll("[name=value]");
  const hint = form.querySelector("p[data-hint]");
  const words = Object.fromEntries([...operator.options].map((one) => [one.value, one.textContent]));

  const fit = () => {
    const chosen = column.selectedOptions[0].dataset;
    operator.replaceChildren(...chosen.operators.split(" ").map((one) => new Option(words[one], one)));
    const options = JSON.parse(chosen.options);
    select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
    for (const [field, used] of [[select, options.length > 0], [input, options.length === 0]]) {
      field.disabled = field.hidden = !used;
      if (!used) field.disabled = true;
    }
    hint.textContent = chosen.hint;
  };
  column.addEventListener("change", fit);
  fit();
}

// Addresses of a table and of its pages: the page's own, with another cursor.
export const cursor = (name, value) => `${name}=${encodeURIComponent(value)}`;

// The cursor that an address already has.
export function cursorOf(search) {
  const params = new URLSearchParams(search);
  const name = ["before", "after"].find((one) => params.get(one));
  return name ? cursor(name, params.get(name)) : "";
}

// `path` with what the table's address asks for, but with the page `at`, and with `more` in its place.
export function addressOf(path, at = "", more = {}) {
  const params = new URLSearchParams(location.search);
  for (const name of ["after", "before"]) params.delete(name);
  for (const [name, value] of Object.entries(more)) value ? params.set(name, value) : params.delete(name);
  return `${path}?${[params.toString(), at].filter(Boolean).join("&")}`;
}

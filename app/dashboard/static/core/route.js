/** Addresses within the dashboard: `#/studies/digits/trials?filter=lr<0.1`. Everything that can be seen has one. */

/**
 * @typedef {{page: string, name: string | null, tab: string | null, query: URLSearchParams}} Route
 */

/** @returns {Route} */
export function readRoute(fragment) {
  const [path, query = ""] = splitOnce(fragment.replace(/^#/, ""), "?");
  const [page, name, tab] = path.split("/").filter(Boolean).map(decode);
  return { page: page ?? "studies", name: name ?? null, tab: tab ?? null, query: new URLSearchParams(query) };
}

/** The fragment of a place; empty query values are left out. */
export function address(page, name = null, tab = null, query = {}) {
  const path = [page, name, tab]
    .filter((part) => part !== null)
    .map(encodeURIComponent)
    .join("/");
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const asked = new URLSearchParams(given).toString();
  return `#/${path}${asked ? `?${asked}` : ""}`;
}

/** Changes one part of the query of the current address without a new entry in the browser's history. */
export function setQuery(changes) {
  const { page, name, tab, query } = readRoute(location.hash);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(key);
    else query.set(key, value);
  }
  history.replaceState(history.state, "", address(page, name, tab, Object.fromEntries(query)));
}

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a hand-written "%" is a name, not a reason to show nothing
  }
}

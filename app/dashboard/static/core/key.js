/** The API key: handed over once in the address (#key=…), then kept for this tab only. */

const NAME = "studyhall.key";

/** Takes a key out of an address fragment: `#key=SECRET` or `#key=SECRET&page=/studies/digits`. */
export function keyInFragment(fragment) {
  if (!fragment.startsWith("#key=")) return null;
  const given = new URLSearchParams(fragment.slice(1));
  return { key: given.get("key"), page: given.get("page") ?? "/studies" };
}

/** Moves a key from the address into this tab, so that it is not bookmarked, shared or left in the history. */
export function takeKeyFromAddress(window) {
  const given = keyInFragment(window.location.hash);
  if (!given) return;
  if (given.key) keepKey(given.key, window.sessionStorage);
  window.history.replaceState(null, "", `#${given.page}`);
}

export function keptKey(storage = sessionStorage) {
  return storage.getItem(NAME);
}

export function keepKey(key, storage = sessionStorage) {
  storage.setItem(NAME, key);
}

export function dropKey(storage = sessionStorage) {
  storage.removeItem(NAME);
}

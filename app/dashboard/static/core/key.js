/** The API key: handed over once in the address (#key=…), then kept for this tab only. */

const NAME = "studyhall.key";
const GUEST = "studyhall.guest";

/** Takes a key out of an address fragment: `#key=SECRET`, `#key=SECRET&page=/studies/digits`; share links add `&as=guest`. */
export function keyInFragment(fragment) {
  if (!fragment.startsWith("#key=")) return null;
  const given = new URLSearchParams(fragment.slice(1));
  return { key: given.get("key"), page: given.get("page") ?? "/studies", isGuest: given.get("as") === "guest" };
}

/** Moves a key from the address into this tab, so that it is not bookmarked, shared or left in the history. */
export function takeKeyFromAddress(window) {
  const given = keyInFragment(window.location.hash);
  if (!given) return;
  if (given.key) keepKey(given.key, window.sessionStorage, given);
  window.history.replaceState(null, "", `#${given.page}`);
}

export function keptKey(storage = sessionStorage) {
  return storage.getItem(NAME);
}

export function keepKey(key, storage = sessionStorage, { isGuest = false } = {}) {
  storage.setItem(NAME, key);
  if (isGuest) storage.setItem(GUEST, "yes");
  else storage.removeItem(GUEST);
}

/** Whether the key came with a share link, which says so: what a guest may not read or do is not offered. */
export function isGuest(storage = sessionStorage) {
  return storage.getItem(GUEST) !== null;
}

export function dropKey(storage = sessionStorage) {
  storage.removeItem(NAME);
  storage.removeItem(GUEST);
}

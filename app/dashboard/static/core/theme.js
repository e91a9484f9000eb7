/** Light and dark: the system's choice unless the reader makes one; colours for what CSS cannot reach (canvas). */

const NAME = "studyhall.theme";
export const THEMES = ["auto", "light", "dark"];

export function chosenTheme() {
  const kept = localStorage.getItem(NAME);
  return THEMES.includes(kept) ? kept : "auto";
}

export function chooseTheme(theme) {
  localStorage.setItem(NAME, theme);
  applyTheme();
  document.dispatchEvent(new Event("theme"));
}

export function applyTheme() {
  document.documentElement.dataset.theme = chosenTheme();
}

/** Calls back when colours change, whoever changed them. */
export function onTheme(listener, signal) {
  document.addEventListener("theme", listener, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", listener, { signal });
}

/** The colour behind a CSS variable, as the theme has it now, as [red, green, blue] from 0 to 255. */
export function colourOf(variable) {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = `var(${variable})`;
  const numbers = getComputedStyle(probe)
    .color.match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);
  probe.remove();
  return numbers;
}

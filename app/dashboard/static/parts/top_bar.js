/** The bar on top: where one is, the theme, the key. */

import { element } from "../core/element.js";
import { dropKey } from "../core/key.js";
import { chooseTheme, chosenTheme, THEMES } from "../core/theme.js";
import { menu } from "./menu.js";

const PLACES = [
  ["studies", "Studies"],
  ["activity", "Activity"],
  ["workers", "Workers"],
  ["new", "New study"],
  ["about", "About"],
];

/** @param {HTMLElement} bar @returns {{update: (page: string) => void}} */
export function topBar(bar, { onForget }) {
  const links = new Map(PLACES.map(([page, name]) => [page, element(page === "studies" ? "a" : "a.writes", { href: `#/${page}` }, name)]));
  const theme = element("button.plain.theme", { type: "button", on: { click: nextTheme } });
  showTheme();
  const key = menu("Key", [
    [
      "All keys",
      () => {
        location.hash = "#/keys";
      },
    ],
    [
      "Forget the key",
      () => {
        dropKey();
        onForget();
      },
    ],
  ]);
  key.querySelector("button").classList.add("writes");
  bar.append(
    element(
      "a.brand",
      { href: "#/studies" },
      element("span.logo", { "aria-hidden": "true" }),
      element("span", {}, "Studyhall"),
    ),
    element("nav", { "aria-label": "Main" }, [...links.values()]),
    element(
      "div.tools",
      {},
      theme,
      key,
    ),
  );

  function nextTheme() {
    chooseTheme(THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length]);
    showTheme();
  }

  function showTheme() {
    const name = { auto: "Auto", light: "Light", dark: "Dark" }[chosenTheme()];
    theme.textContent = name;
    theme.setAttribute("aria-label", `Colours: ${name}. Change`);
    theme.title = "Colours: as the system, light, dark";
  }

  return {
    update(page) {
      const here = page === "study" ? "studies" : page;
      links.forEach((link, each) =>
        each === here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"),
      );
    },
  };
}

/** A button that opens something below it; closes by Escape and by a click elsewhere, and a menu after an action. */

import { element } from "../core/element.js";

/** @param {string} title @param {[string, () => void][]} actions */
export function menu(title, actions, { label = title } = {}) {
  const list = element(
    "div.actions",
    {},
    actions.map(([name, action]) =>
      element(
        "button",
        {
          type: "button",
          on: {
            click: () => {
              node.open = false;
              action();
            },
          },
        },
        name,
      ),
    ),
  );
  const node = dropDown(title, list, { label });
  return node;
}

/** @param {string} title @param {HTMLElement} list `div.actions`, with whatever there is to choose */
export function dropDown(title, list, { label = title } = {}) {
  const node = element("details.menu", {}, element("summary", { "aria-label": label }, title), list);
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !node.open) return;
    node.open = false;
    node.querySelector("summary").focus();
    event.stopPropagation();
  });
  node.addEventListener("toggle", () => {
    if (!node.open) return;
    list.classList.toggle("rightwards", node.getBoundingClientRect().right < list.offsetWidth);
    const away = (event) => {
      if (node.contains(event.target)) return;
      node.open = false;
    };
    document.addEventListener("pointerdown", away);
    node.addEventListener("toggle", () => document.removeEventListener("pointerdown", away), { once: true });
  });
  return node;
}

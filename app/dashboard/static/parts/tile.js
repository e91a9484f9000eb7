/** A figure with its name: made once, changed in place, so that nothing flickers under the pointer. */

import { element, fill } from "../core/element.js";

/** @returns {{node: HTMLElement, update: (shown: {value: string, text: string, more?: Node}) => void}} */
export function tile(name) {
  const value = element("p.figure");
  const text = element("p.hint");
  const more = element("div");
  const node = element("section.tile", { "aria-label": name }, element("h2", {}, name), value, more, text);
  return {
    node,
    update(shown) {
      fill(value, shown.value);
      fill(text, shown.text);
      if (shown.more && shown.more.title !== more.firstChild?.title) fill(more, shown.more);
    },
  };
}

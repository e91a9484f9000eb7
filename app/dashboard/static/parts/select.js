/** A labelled drop-down. */

import { element, fill } from "../core/element.js";

/** @param {string} label @param {string[]} options @param {(value: string) => void} onChoose */
export function select(label, options, chosen, onChoose) {
  const box = element("select", { on: { change: () => onChoose(box.value) } });
  const setOptions = (values, value) => {
    fill(
      box,
      values.map((each) => element("option", { value: each }, each)),
    );
    box.value = value;
  };
  setOptions(options, chosen);
  return { node: element("label.select", {}, element("span", {}, label), box), setOptions };
}

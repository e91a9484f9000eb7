/** A labelled slider. */

import { element } from "../core/element.js";

/** @param {string} label @param {{low: number, high: number, value: number}} of @param {(value: number) => void} onChange */
export function range(label, { low, high, value }, onChange) {
  const slider = element("input", { type: "range", min: low, max: high, value, on: { input: () => onChange(Number(slider.value)) } });
  const set = (to) => {
    slider.value = String(Math.round(to));
  };
  return { node: element("label.select.range", {}, element("span", {}, label), slider), set };
}

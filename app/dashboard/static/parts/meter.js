/** A share as a bar between its name and its value. */

import { element } from "../core/element.js";
import { formatShare } from "../core/format.js";

/** @param {string} name @param {number} share from 0 to 1 @param {{text?: string, tone?: string}} [how] */
export function meter(name, share, { text = formatShare(share), tone = "" } = {}) {
  const full = element("span");
  full.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  return element("div.meter", { class: tone }, element("span.meter-name", {}, name), element("span.meter-bar", { "aria-hidden": "true" }, full), element("span.meter-text", {}, text));
}

/** One event of a study as a line of text. */

import { element } from "../core/element.js";
import { formatClock, formatNumber } from "../core/format.js";

/** @param {object} event as the API tells it @param {(trial: {id: string, number: number}) => void} openTrial */
export function eventLine(event, openTrial) {
  return element("li", {},
    element("time", { datetime: event.at, title: event.at }, formatClock(event.at)),
    element("span.kind", {}, event.kind.replaceAll(/[._]/g, " ")),
    event.trial ? element("button.link", { type: "button", on: { click: () => openTrial({ id: event.trial, number: event.number }) } }, `trial ${event.number ?? ""}`) : null,
    element("span.hint", {}, detailsOf(event.data ?? {})));
}

function detailsOf(data) {
  return Object.entries(data).map(([name, value]) => `${name}: ${written(value)}`).join(" · ");
}

function written(value) {
  if (typeof value === "number") return formatNumber(value, 5);
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

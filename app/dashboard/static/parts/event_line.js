/** One event of a study as a line of text. */

import { element } from "../core/element.js";
import { formatMoment, formatNumber } from "../core/format.js";

const RESULTS = new Set(["trial.completed", "trial.pruned", "trial.imported"]);

/**
 * @param {object} event as the API tells it
 * @param {{trialOf: (event: object, text: string) => Node, resultOf?: (number: number) => string, before?: Node}} known
 *   how a trial is opened, what it came to, and what stands before the line
 */
export function eventLine(event, { trialOf, resultOf = () => "", before = null }) {
  const isResult = RESULTS.has(event.kind);
  return element(
    "li",
    {},
    element("time", { datetime: event.at, title: event.at }, formatMoment(event.at)),
    before,
    element("span.kind", {}, event.kind.replaceAll(/[._]/g, " ")),
    event.trial ? trialOf(event, `trial ${event.number ?? ""}`) : null,
    isResult ? element("span", {}, resultOf(event.number)) : null,
    element("span.hint", {}, detailsOf(event.data ?? {})),
  );
}

/** A button that opens an event's trial beside the page. */
export function trialButton(openTrial) {
  return ({ trial, number }, text) =>
    element("button.link", { type: "button", on: { click: () => openTrial({ id: trial, number }) } }, text);
}

function detailsOf(data) {
  return Object.entries(data)
    .filter(([name, value]) => name !== "attempt" || value > 1)
    .map(([name, value]) => `${name}: ${written(value)}`)
    .join(" · ");
}

function written(value) {
  if (typeof value === "number") return formatNumber(value, 5);
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

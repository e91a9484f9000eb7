/** One event of a study as a line of text. */

import { element } from "../core/element.js";
import { formatClock, formatNumber } from "../core/format.js";

const RESULTS = new Set(["trial.completed", "trial.pruned", "trial.imported"]);

/**
 * @param {object} event as the API tells it
 * @param {{openTrial: (trial: {id: string, number: number}) => void, resultOf: (number: number) => string}} known
 */
export function eventLine(event, { openTrial, resultOf }) {
  const isResult = RESULTS.has(event.kind);
  return element(
    "li",
    {},
    element("time", { datetime: event.at, title: event.at }, formatClock(event.at)),
    element("span.kind", {}, event.kind.replaceAll(/[._]/g, " ")),
    event.trial
      ? element(
          "button.link",
          { type: "button", on: { click: () => openTrial({ id: event.trial, number: event.number }) } },
          `trial ${event.number ?? ""}`,
        )
      : null,
    isResult ? element("span", {}, resultOf(event.number)) : null,
    element("span.hint", {}, detailsOf(event.data ?? {})),
  );
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

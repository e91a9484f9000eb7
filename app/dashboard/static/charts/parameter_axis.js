/** Where the values of a parameter stand on an axis from 0 to 1, as its scale in the search space says. Pure. */

import { formatParameter } from "../core/format.js";
import { formatTicks } from "./axes.js";
import { logTicks, niceTicks } from "./scale.js";

/** @typedef {{place: (value: *) => number | null, ticks: (count: number) => {at: number, label: string}[],
 *   value: (at: number) => number | null, isNumeric: boolean, name: string, cells: number | null}} ParameterAxis
 * `cells` is how many values there are when they are few enough to be told apart on the axis; an axis that is not
 * numeric has `choices` too, with the texts that stand for them in a filter */

/** @returns {ParameterAxis} `place` is null for a value outside the space, and for none at all */
export function parameterAxis(parameter) {
  return parameter.type === "float" || parameter.type === "int" ? numericAxis(parameter) : choiceAxis(parameter);
}

/** An axis for a metric: the range of what was measured. @returns {ParameterAxis} */
export function metricAxis(name, [low, high], scale = "linear") {
  return numericAxis({ name, low, high, scale });
}

function numericAxis({ name, low, high, scale = "linear", type = "float" }) {
  const { forth, back } = scalesOf(low, high)[scale];
  const [from, to] = [forth(low), forth(high)];
  const span = to - from;
  const place = (value) => {
    if (typeof value !== "number") return null;
    const at = span === 0 ? 0.5 : (forth(value) - from) / span;
    return at >= -1e-9 && at <= 1 + 1e-9 ? Math.min(1, Math.max(0, at)) : null;
  };
  const ticks = (count) => {
    const values = scale === "log" ? logTicks(low, high, count) : niceTicks(low, high, count);
    const shown = values.filter((value) => (type !== "int" || Number.isInteger(value)) && place(value) !== null);
    const label = formatTicks(shown);
    return shown.map((value) => ({ at: place(value), label: label(value) }));
  };
  const cells = type === "int" && high - low < 12 ? high - low + 1 : null;
  return { name, place, ticks, value: (at) => back(from + at * span), isNumeric: true, cells };
}

function choiceAxis(parameter) {
  const choices = choicesOf(parameter);
  const places = new Map(
    choices.map((choice, index) => [keyOf(choice), choices.length === 1 ? 0.5 : (index + 0.5) / choices.length]),
  );
  const ticks = (count) => {
    const every = Math.max(1, Math.ceil(choices.length / Math.max(count * 4, 12)));
    return choices
      .filter((_, index) => index % every === 0)
      .map((choice) => ({ at: places.get(keyOf(choice)), label: formatParameter(choice) }));
  };
  return {
    name: parameter.name,
    place: (value) => (value === undefined ? null : (places.get(keyOf(value)) ?? null)),
    ticks,
    value: () => null,
    isNumeric: false,
    cells: choices.length,
    choices: choices.map((choice) => ({ at: places.get(keyOf(choice)), text: String(choice) })),
  };
}

/** The choices of a parameter that is not a number; of a list its items. */
export function choicesOf(parameter) {
  if (parameter.type === "bool") return [false, true];
  if (parameter.type === "constant") return [parameter.value];
  return parameter.choices ?? parameter.items ?? parameter.parts ?? [];
}

function scalesOf(low, high) {
  return {
    linear: { forth: (x) => x, back: (t) => t },
    log: { forth: Math.log, back: Math.exp },
    reverse_log: { forth: (x) => -Math.log(high + low - x), back: (t) => high + low - Math.exp(-t) },
    logit: { forth: (x) => Math.log(x / (1 - x)), back: (t) => 1 / (1 + Math.exp(-t)) },
  };
}

// true, 1 and "1" are three choices; 1 and 1.0 are one.
function keyOf(value) {
  return `${typeof value}:${value}`;
}

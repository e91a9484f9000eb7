/** Stretches chosen on axes, as clauses of the filter language and back: both say the same. Pure. */

import { alternatives } from "../core/filter.js";

/**
 * @param {Map<string, [number, number]>} brushes shares of each axis
 * @param {import("./parameter_axis.js").ParameterAxis[]} axes
 * @returns {import("../core/filter.js").Clause[]}
 */
export function clausesOf(brushes, axes) {
  return axes
    .filter(({ name }) => brushes.has(name))
    .flatMap((axis) => {
      const [low, high] = brushes.get(axis.name);
      return axis.isNumeric ? numericClauses(axis, low, high) : choiceClauses(axis, low, high);
    });
}

/** @returns {Map<string, [number, number]>} clauses that are no stretch of an axis are left out */
export function brushesOf(clauses, axes) {
  const brushes = new Map();
  for (const axis of axes) {
    const here = clauses.filter(({ name }) => name === axis.name);
    const stretch = axis.isNumeric ? numericStretch(axis, here) : choiceStretch(axis, here);
    if (stretch) brushes.set(axis.name, stretch);
  }
  return brushes;
}

function numericClauses({ name, value }, low, high) {
  const clauses = [];
  if (low > 0) clauses.push({ name, sign: ">=", value: String(Number(value(low).toPrecision(4))) });
  if (high < 1) clauses.push({ name, sign: "<=", value: String(Number(value(high).toPrecision(4))) });
  return clauses;
}

function choiceClauses(axis, low, high) {
  const within = axis.choices.filter(({ at }) => at >= low && at <= high);
  return [{ name: axis.name, sign: "=", value: within.map(({ text }) => text).join("|") }];
}

function numericStretch({ place }, clauses) {
  const bound = (signs) =>
    clauses
      .filter(({ sign }) => signs.includes(sign))
      .map(({ value }) => place(Number(value)))
      .find((at) => at !== null);
  const [low, high] = [bound([">", ">="]), bound(["<", "<="])];
  return low === undefined && high === undefined ? null : [low ?? 0, high ?? 1];
}

function choiceStretch(axis, clauses) {
  const wanted = clauses.find(({ sign }) => sign === "=")?.value;
  if (wanted === undefined) return null;
  const texts = alternatives(wanted);
  const places = axis.choices.filter(({ text }) => texts.includes(text)).map(({ at }) => at);
  return places.length ? [Math.min(...places) - 0.01, Math.max(...places) + 0.01] : null;
}

/** The parameters of a trial, each with its place in the search space. */

import { parameterAxis } from "../charts/parameter_axis.js";
import { element } from "../core/element.js";
import { formatParameter } from "../core/format.js";
import { valueOf } from "../core/values.js";

/** @param {object[]} known parameters of the space @param {object} parameters values of the active ones */
export function parameterList(known, parameters) {
  const names = new Set(known.map(({ name }) => name));
  const others = Object.keys(parameters).filter((name) => !names.has(name));
  return element(
    "dl.parameters",
    {},
    known
      .filter(({ name }) => valueOf(parameters, name) !== undefined)
      .map((parameter) =>
        line(parameter.name, valueOf(parameters, parameter.name), placeBar(parameter, valueOf(parameters, parameter.name))),
      ),
    others.map((name) => line(name, valueOf(parameters, name), null)),
  );
}

function line(name, value, bar) {
  return element(
    "div",
    {},
    element("dt", {}, name),
    element(
      "dd",
      {},
      element("span.value", { title: titleOf(value) }, formatParameter(value)),
      bar,
    ),
  );
}

function titleOf(value) {
  if (Array.isArray(value)) return JSON.stringify(value);
  return typeof value === "number" ? String(value) : null;
}

/** A short line with a dot where the value stands between the bounds: a value at an edge asks for a wider space. */
function placeBar(parameter, value) {
  const at = parameterAxis(parameter).place(value);
  if (at === null || parameter.type === "constant") return null;
  const dot = element("span.dot");
  dot.style.left = `${at * 100}%`;
  const isEdge = (parameter.type === "float" || parameter.type === "int") && (at < 0.02 || at > 0.98);
  return element(
    "span.place",
    { class: isEdge ? "edge" : "", title: isEdge ? "at the edge of the space" : null, "aria-hidden": "true" },
    dot,
  );
}

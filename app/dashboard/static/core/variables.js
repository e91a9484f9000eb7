/** What charts draw of a parameter: itself, or of a list one thing for each item. Pure. */

import { formatParameter } from "./format.js";
import { valueOf } from "./values.js";

const MOST_ITEMS = 12;

/** @typedef {{parameter: object, of: (parameters: object) => *}} Variable `parameter` has a name, a type and a range */

/** @returns {Variable[]} none for a constant, and for a list too long to be told apart */
export function variablesOf(parameter) {
  const value = (parameters) => valueOf(parameters, parameter.name);
  const items = parameter.items ?? parameter.parts;
  if (parameter.type === "constant") return [];
  if (!items) return [{ parameter, of: value }];
  if (items.length > MOST_ITEMS) return [];
  return items.map((item, index) => {
    const [facet, of] = FACETS[parameter.type](items.length, item, index);
    const name = `${parameter.name}: ${formatParameter(item)}`;
    return { parameter: { name, ...facet }, of: (parameters) => of(value(parameters)) };
  });
}

const FACETS = {
  permutation: (count, item) => [{ type: "int", low: 1, high: count }, (list) => list && list.indexOf(item) + 1],
  subset: (count, item) => [{ type: "bool" }, (list) => list?.includes(item)],
  simplex: (count, part, index) => [{ type: "float", low: 0, high: 1 }, (list) => list?.[index]],
};

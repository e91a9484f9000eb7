import assert from "node:assert/strict";
import { test } from "node:test";
import { formatParameter } from "../../../app/dashboard/static/core/format.js";
import { variablesOf } from "../../../app/dashboard/static/core/variables.js";
import { filterOf, readFilter, writeFilter } from "../../../app/dashboard/static/core/filter.js";
import { parameterAxis } from "../../../app/dashboard/static/charts/parameter_axis.js";

const drawn = (parameter, parameters) =>
  variablesOf(parameter).map(({ parameter: { name }, of }) => [name, of(parameters)]);

test("an order is drawn as the place of each item", () => {
  const order = { name: "order", type: "permutation", items: ["crop", "flip", null] };
  assert.deepEqual(drawn(order, { order: ["flip", null, "crop"] }), [["order: crop", 3], ["order: flip", 1], ["order: null", 2]]);
});

test("a subset is drawn as what is in, shares as one share each", () => {
  assert.deepEqual(drawn({ name: "s", type: "subset", items: ["a", 1] }, { s: [1] }), [["s: a", false], ["s: 1", true]]);
  assert.deepEqual(drawn({ name: "m", type: "simplex", parts: ["a", "b"] }, { m: [0.2, 0.8] }), [["m: a", 0.2], ["m: b", 0.8]]);
});

test("a list that is not active, and one too long, has no mark", () => {
  assert.equal(variablesOf({ name: "s", type: "subset", items: [1] })[0].of({}), undefined);
  assert.deepEqual(variablesOf({ name: "p", type: "permutation", items: Array.from({ length: 30 }, (_, i) => i) }), []);
});

test("a list reads as a list and has no place on one axis", () => {
  assert.equal(formatParameter(["a", null, 0.25]), "[a, null, 0.25]");
  assert.equal(parameterAxis({ name: "s", type: "subset", items: ["a"] }).place(["a"]), null);
});

test("what is drawn of a list can be asked for in the table, by the name that it has on the axis", () => {
  const order = { name: "order", type: "permutation", items: ["crop", 'say "flip"'] };
  const items = new Map(variablesOf(order).map(({ parameter, of }) => [parameter.name, of]));
  const clauses = [{ name: 'order: say "flip"', sign: "<=", value: "1" }];
  assert.deepEqual(readFilter(writeFilter(clauses)), clauses);
  const passes = filterOf(readFilter(writeFilter(clauses)), items);
  assert.ok(passes({ parameters: { order: ['say "flip"', "crop"] }, metrics: {} }));
  assert.ok(!passes({ parameters: { order: ["crop", 'say "flip"'] }, metrics: {} }));
});

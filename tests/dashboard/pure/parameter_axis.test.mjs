import assert from "node:assert/strict";
import { test } from "node:test";
import { parameterAxis } from "../../../app/dashboard/static/charts/parameter_axis.js";
import { filterOf, readFilter, writeFilter } from "../../../app/dashboard/static/core/filter.js";
import { brushesOf, clausesOf } from "../../../app/dashboard/static/charts/brushes.js";

const lr = parameterAxis({ name: "lr", type: "float", low: 1e-4, high: 1e-2, scale: "log" });
const kinds = parameterAxis({ name: "kind", type: "categorical", choices: [1, "1", true, null] });

test("a logarithmic parameter has its geometric middle in the middle", () => {
  assert.ok(Math.abs(lr.place(1e-3) - 0.5) < 1e-9);
});

test("the other scales stand where the server puts them", () => {
  const reverse = parameterAxis({ name: "m", type: "float", low: 0.5, high: 0.999, scale: "reverse_log" });
  const logit = parameterAxis({ name: "p", type: "float", low: 0.01, high: 0.99, scale: "logit" });
  assert.ok(Math.abs(reverse.place(0.5 + 0.999 - Math.sqrt(0.5 * 0.999)) - 0.5) < 1e-9);
  assert.ok(Math.abs(logit.place(0.5) - 0.5) < 1e-9);
});

test("choices that look alike keep places of their own", () => {
  assert.equal(new Set([1, "1", true, null].map(kinds.place)).size, 4);
});

test("a value outside the space, and none at all, have no place", () => {
  assert.equal(lr.place(5), null);
  assert.equal(lr.place(undefined), null);
  assert.equal(kinds.place("2"), null);
  assert.equal(kinds.place(undefined), null);
});

test("an integer axis is ticked at integers", () => {
  const layers = parameterAxis({ name: "layers", type: "int", low: 1, high: 4 });
  assert.deepEqual(
    layers.ticks(8).map(({ label }) => label),
    ["1", "2", "3", "4"],
  );
});

test("a choice on an axis chooses its trials in the table, however its value is written", () => {
  for (const value of [1024, 0.123456789, null, "c|d", "a b", "", true]) {
    const axis = parameterAxis({ name: "batch", type: "categorical", choices: [value, "another"] });
    const text = writeFilter(clausesOf(new Map([["batch", [0, 0.5]]]), [axis]));
    const isShown = filterOf(readFilter(text));
    const shown = [value, "another"].filter((batch) => isShown({ parameters: { batch } }));
    assert.deepEqual(shown, [value], text);
    assert.ok(brushesOf(readFilter(text), [axis]).get("batch")[1] < 0.5);
  }
});

test("a brush survives its way through the address as a filter", () => {
  const optimizer = parameterAxis({ name: "optimizer", type: "categorical", choices: ["sgd", "adam", "adamw"] });
  const axes = [lr, optimizer];
  const brushes = new Map([
    ["lr", [0.25, 0.75]],
    ["optimizer", [0.4, 1]],
  ]);
  const clauses = clausesOf(brushes, axes);
  assert.deepEqual(
    clauses.map(({ name, sign }) => `${name}${sign}`),
    ["lr>=", "lr<=", "optimizer="],
  );
  const back = brushesOf(clauses, axes);
  assert.ok(Math.abs(back.get("lr")[0] - 0.25) < 1e-3);
  assert.deepEqual(clausesOf(back, axes), clauses);
});

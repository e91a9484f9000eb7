import assert from "node:assert/strict";
import { test } from "node:test";

import { parameterAxis } from "../../../app/dashboard/static/charts/parameter_axis.js";
import { rankChart } from "../../../app/dashboard/static/charts/rank.js";

const size = { width: 600, height: 400 };
const x = parameterAxis({ name: "lr", type: "float", low: 0, high: 1 });
const y = parameterAxis({ name: "optimizer", type: "categorical", choices: ["sgd", "adam"] });

test("trials stand at their places and those without one of the two parameters are left out", () => {
  const columns = { number: [0, 1, 2], rank: [0, 0.5, 1], "parameters.lr": [0, 1, null], "parameters.optimizer": ["sgd", "adam", "sgd"] };
  const { hits } = rankChart({ columns, x, y, label: "ranks" }, size);

  assert.deepEqual(hits.map(({ number }) => number), [0, 1]);
  assert.ok(hits[0].x < hits[1].x && hits[0].y > hits[1].y);
});

test("without trials the plot says so", () => {
  const { scene } = rankChart({ columns: {}, x, y, label: "ranks", nothing: "Too few trials." }, size);

  assert.ok(JSON.stringify(scene).includes("Too few trials."));
});

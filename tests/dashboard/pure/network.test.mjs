import assert from "node:assert/strict";
import { test } from "node:test";

import { gridOf, heatChart } from "../../../app/dashboard/static/charts/heat.js";
import { lanesOf, networkChart, networkTable } from "../../../app/dashboard/static/charts/network.js";
import { stagesChart, stagesOf, stagesTable } from "../../../app/dashboard/static/charts/stages.js";

const layer = (index, op, inputs, level, params = 0) => ({ index, op, inputs, level, shape: [8, 4], attributes: {}, params, flops: 0 });
// input -> conv -> conv -> sum, and around the second conv a skip
const RESIDUAL = [layer(0, "input", [], 0), layer(1, "conv", [0], 1, 40), layer(2, "conv", [1], 2, 80), layer(3, "sum", [2, 1], 3)];

function all(scene, wanted) {
  if (typeof scene === "string") return [];
  const here = (scene.attributes.class ?? "").split(" ").includes(wanted) ? [scene] : [];
  return [...here, ...scene.children.flatMap((child) => all(child, wanted))];
}

test("a chain stays on one lane and a skip takes the next one", () => {
  const { lanes, skips } = lanesOf(RESIDUAL);

  assert.deepEqual(lanes, [0, 0, 0, 0]);
  assert.deepEqual(skips, [{ from: 1, to: 3, lane: 1 }]);
});

test("layers of one level stand side by side", () => {
  const { lanes } = lanesOf([layer(0, "input", [], 0), layer(1, "conv", [0], 1), layer(2, "conv", [0], 1), layer(3, "sum", [1, 2], 2)]);

  assert.notEqual(lanes[1], lanes[2]);
});

test("two skips over the same layers do not share a lane", () => {
  const layers = [...RESIDUAL, layer(4, "sum", [3, 0], 4)];
  const { skips } = lanesOf(layers);

  assert.equal(new Set(skips.map(({ lane }) => lane)).size, 2);
});

test("a network runs across where it fits, downwards where it does not, and always draws every layer", () => {
  const [wide, narrow] = [1200, 360].map((width) => networkChart({ layers: RESIDUAL, label: "net" }, { width }));

  for (const { scene, hits } of [wide, narrow]) assert.deepEqual([all(scene, "box").length, hits.length], [4, 4]);
  assert.ok(wide.height < narrow.height);
  assert.ok(wide.hits[3].x > wide.hits[0].x && narrow.hits[3].y > narrow.hits[0].y);
  assert.equal(all(wide.scene, "skip").length, 1);
});

test("the table twin of a network names what each layer reads", () => {
  assert.deepEqual(networkTable({ layers: RESIDUAL }).rows[3].slice(0, 3), [3, "sum", "2, 1"]);
});

test("stages are read from the names of metrics, in the order in which they ran", () => {
  const metrics = { val_accuracy: 0.9, "train.accuracy": 0.9, "train.params": 10, "train.file_bytes": 100, "quantize.accuracy": 0.8, "quantize.params": 10, "quantize.file_bytes": 25, "odd.name": 1 };
  const stages = stagesOf(metrics);

  assert.deepEqual(stages.map(({ name, score, bytes }) => [name, score, bytes]), [["train", 0.9, 100], ["quantize", 0.8, 25]]);
  assert.equal(stagesTable({ stages }).columns.length, 3);
  const { scene, hits } = stagesChart({ stages, label: "stages", title: "accuracy" }, { width: 700, height: 260 });
  assert.equal(hits.length, 2);
  assert.ok(JSON.stringify(scene).includes("25 bytes (−75 %)"));
});

test("channels are added up before they are drawn as a grid", () => {
  assert.deepEqual(gridOf([[[1, 2], [3, 4]], [[1, 1], [1, 1]]]), [[2, 3], [4, 5]]);
  assert.deepEqual(gridOf([[1, 2], [3, 4]]), [[4, 6]]);
  assert.deepEqual(gridOf([1, 2]), [[1, 2]]);
  assert.equal(heatChart({ grid: [[0, 1], [2, 4]], label: "heat" }, { width: 100 }).hits.length, 4);
});

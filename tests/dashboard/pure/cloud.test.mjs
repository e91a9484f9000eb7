import assert from "node:assert/strict";
import { test } from "node:test";
import { cloudChart, viewFrom } from "../../../app/dashboard/static/charts/cloud.js";

const size = { width: 640, height: 400 };
const objectives = [
  { metric: "accuracy", goal: "maximize" },
  { metric: "latency", goal: "minimize" },
  { metric: "size", goal: "minimize" },
];
const row = (number, accuracy, latency, size, state = "completed") => ({ number, state, metrics: { accuracy, latency, size } });
const rows = [row(0, 0.1, 9, 5), row(1, 0.9, 1, 3), row(2, 0.5, 4, 1), row(3, 0.7, 5, 2, "pruned"), row(4, 0.6, 2, undefined)];
const draw = (view = {}, given = rows) => cloudChart({ rows: given, objectives, front: new Set([1, 2]), turn: 35, tilt: 22, ...view }, size);
const near = (seen, x, y) => assert.ok(Math.hypot(seen.x - x, seen.y - y) < 1e-6);

test("the space of three objectives holds the completed trials that have all three", () => {
  assert.deepEqual(draw().hits.map(({ number }) => number).sort(), [0, 1, 2]);
  assert.equal(draw({}, []).hits.length, 0);
});

test("whichever way it is turned, every trial is on the drawing and what is nearer is drawn later", () => {
  for (const turn of [0, 90, 200, 359])
    for (const tilt of [0, 45, 90]) {
      const { hits } = draw({ turn, tilt });
      assert.ok(hits.every(({ x, y }) => x > 0 && x < size.width && y > 0 && y < size.height));
      assert.ok(hits.every(({ depth }, index) => index === 0 || depth <= hits[index - 1].depth));
    }
});

test("from the side one sees how high a trial is, from above where it stands, a quarter turned the other axis", () => {
  const [side, above, turned] = [[0, 0], [0, 90], [90, 0]].map(([turn, tilt]) => viewFrom({ turn, tilt }, size));
  near(side([0, 0.5, 0]), 320, 200);
  assert.ok(side([0, 0, 0.5]).y < 200);
  near(above([0, 0, 0.5]), 320, 200);
  assert.ok(above([0, 0.5, 0]).y < 200);
  near(turned([0.5, 0, 0]), 320, 200);
  assert.ok(turned([0, -0.5, 0]).x > 320);
});

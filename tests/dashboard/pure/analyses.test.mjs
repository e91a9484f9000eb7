import assert from "node:assert/strict";
import { test } from "node:test";
import { contourChart } from "../../../app/dashboard/static/charts/contour.js";
import { courseChart } from "../../../app/dashboard/static/charts/course.js";
import { importanceChart } from "../../../app/dashboard/static/charts/importance.js";
import { parameterAxis } from "../../../app/dashboard/static/charts/parameter_axis.js";
import { basisText, rowsOf, tableOf } from "../../../app/dashboard/static/core/analysis.js";

const size = { width: 640, height: 300 };
const textsOf = (scene) => (typeof scene === "string" ? [scene] : scene.children.flatMap(textsOf));
const kindsOf = (scene) =>
  typeof scene === "string" ? [] : [scene.attributes.class, ...scene.children.flatMap(kindsOf)].filter(Boolean);

test("columns become rows, and back a table", () => {
  const answer = { columns: { number: [3, 4], value: [0.5, null] } };
  assert.deepEqual(rowsOf(answer), [
    { number: 3, value: 0.5 },
    { number: 4, value: null },
  ]);
  assert.deepEqual(tableOf(answer), {
    columns: ["number", "value"],
    rows: [
      [3, 0.5],
      [4, null],
    ],
  });
  assert.deepEqual(rowsOf({ columns: {} }), []);
});

test("an answer says what it rests on, and that it is only a part", () => {
  const text = basisText({ used: 4000, total: 100000, is_sampled: true, is_enough: true, note: "A hint." });
  assert.match(text, /4,000 trials.*100,000 trials/);
  assert.match(text, /A hint\.$/);
  assert.equal(basisText({ used: 3, total: 3, is_enough: false, note: "Too few." }), "Too few.");
});

test("a bar is as long as its share, and its interval lies around its end", () => {
  const rows = [
    { parameter: "lr", importance: 0.6, low: 0.5, high: 0.8 },
    { parameter: "width", importance: 0.3, low: 0.1, high: 0.4 },
  ];
  const { scene, hits, height } = importanceChart({ rows, label: "Importance", nothing: "" }, size);
  const left = hits[1].x - (hits[0].x - hits[1].x);
  assert.ok(left > 0 && left < hits[1].x, "twice the share is twice the length");
  assert.ok(height > 60);
  assert.ok(textsOf(scene).includes("60 %"));
});

test("a line of one point can be seen, in the middle", () => {
  const { scene, hits } = courseChart({ lines: [{ points: [[0.25, 1]] }], label: "one" }, size);
  assert.ok(kindsOf(scene).includes("peak"));
  assert.ok(hits[0].x > 0.4 * size.width && hits[0].x < 0.7 * size.width);
});

test("without enough trials a chart says so instead of drawing", () => {
  const nothing = "Too few trials: this takes 30, and there are 3.";
  assert.deepEqual(textsOf(importanceChart({ rows: [], label: "", nothing }, size).scene), [nothing]);
  assert.deepEqual(textsOf(courseChart({ lines: [], label: "", nothing }, size).scene), [nothing]);
});

test("a projection is drawn apart from what was seen, inside its band", () => {
  const { scene } = courseChart(
    {
      lines: [
        { points: [[1, 3], [2, 2]], isStep: true },
        { points: [[2, 2], [4, 1]], kind: "hoped" },
      ],
      band: [[2, 2, 2], [4, 0.5, 1.5]],
      label: "Convergence",
    },
    size,
  );
  assert.ok(kindsOf(scene).includes("hoped") && kindsOf(scene).includes("around"));
});

test("a field has its best level where the values are best, and trials on their values", () => {
  const x = parameterAxis({ name: "layers", type: "int", low: 1, high: 3 });
  const y = parameterAxis({ name: "lr", type: "float", low: 0.001, high: 0.1, scale: "log" });
  const columns = {
    x: [1, 2, 3, 1, 2, 3],
    y: [0.001, 0.001, 0.001, 0.1, 0.1, 0.1],
    x_place: [0.17, 0.5, 0.83, 0.17, 0.5, 0.83],
    y_place: [0, 0, 0, 1, 1, 1],
    mean: [1, 2, 3, 4, 5, 6],
  };
  const trials = { number: [7], x: [2], y: [0.01] };
  const { hits, range } = contourChart({ columns, trials, x, y, goal: "minimize", label: "Contour" }, size);
  assert.deepEqual(range, [1, 6]);
  assert.equal(hits.length, 6);
  assert.ok(hits[0].y > hits[3].y, "what is low on the axis is low on the page");
});

test("a long word for nothing to draw stays inside its card, and loses no word", () => {
  const nothing = "Too few trials: this takes 10 completed trials with a prediction, and there are 0.";
  const lines = textsOf(courseChart({ lines: [], label: "", nothing }, { width: 380, height: 260 }).scene);
  assert.ok(lines.length > 1 && lines.every((line) => line.length * 7 < 380));
  assert.equal(lines.join(" "), nothing);
});

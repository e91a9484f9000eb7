import assert from "node:assert/strict";
import { test } from "node:test";
import { curvesChart } from "../../../app/dashboard/static/charts/curves.js";
import { historyChart } from "../../../app/dashboard/static/charts/history.js";
import { paretoChart, paretoTable } from "../../../app/dashboard/static/charts/pareto.js";
import { sliceChart } from "../../../app/dashboard/static/charts/slice.js";
import { lanesOf, timelineChart } from "../../../app/dashboard/static/charts/timeline.js";
import { bestSoFar, withTrials } from "../../../app/dashboard/static/core/history_points.js";

const size = { width: 640, height: 300 };
const accuracy = { metric: "accuracy", goal: "maximize" };
const points = (...values) =>
  values.map((value, number) => ({ number, value, state: value === null ? "failed" : "completed" }));
const textsOf = (scene) => (typeof scene === "string" ? [scene] : scene.children.flatMap(textsOf));
const pathsOf = (scene, name) =>
  typeof scene === "string" ? [] : [scene.attributes.class === name ? scene.attributes.d : [], scene.children.map((each) => pathsOf(each, name))].flat(Infinity);
const numbersOf = (scene) =>
  typeof scene === "string" ? [] : [...Object.values(scene.attributes), ...scene.children.flatMap(numbersOf)];

test("the best so far only gets better", () => {
  assert.deepEqual(
    bestSoFar(points(0.2, 0.5, 0.4, null, 0.9, 0.9), accuracy).map(({ number }) => number),
    [0, 1, 4],
  );
});

test("only completed trials that are not excluded count as best", () => {
  const all = [
    { number: 0, value: 0.9, state: "pruned" },
    { number: 1, value: 0.8, state: "completed", excluded: true },
    { number: 2, value: 0.5, state: "completed" },
  ];
  assert.deepEqual(bestSoFar(all, accuracy), [{ number: 2, value: 0.5 }]);
});

test("a trial that has changed replaces its point and new ones come in order", () => {
  const changed = [
    { number: 5, state: "running" },
    { number: 1, state: "completed", metrics: { accuracy: 0.7 } },
  ];
  const merged = withTrials(points(0.1, null), changed, "accuracy");
  assert.deepEqual(
    merged.map(({ number, state, value }) => [number, state, value]),
    [
      [0, "completed", 0.1],
      [1, "completed", 0.7],
      [5, "running", null],
    ],
  );
});

test("a history puts every trial into its drawing and writes the best value", () => {
  const { scene, hits } = historyChart({ points: points(0.2, null, 0.95, 0.4), objective: accuracy }, size);
  assert.equal(hits.length, 4);
  assert.ok(hits.every(({ x, y }) => x >= 0 && x <= size.width && y >= 0 && y <= size.height));
  assert.ok(textsOf(scene).includes("0.95"));
  assert.match(scene.attributes["aria-label"], /4 trials.*best 0\.95 at trial 2/);
});

test("a better value stands higher when maximizing", () => {
  const { hits } = historyChart({ points: points(0.2, 0.8), objective: accuracy }, size);
  assert.ok(hits[1].y < hits[0].y);
});

test("a history of 100,000 trials costs no more elements than one of ten", () => {
  const many = Array.from({ length: 100_000 }, (_, number) => ({ number, value: Math.sin(number), state: "completed" }));
  const elements = (scene) =>
    typeof scene === "string" ? 0 : 1 + scene.children.reduce((sum, child) => sum + elements(child), 0);
  const [few, all] = [many.slice(0, 10), many].map((points) =>
    elements(historyChart({ points, objective: accuracy }, size).scene),
  );
  assert.ok(all < few + 20, `${few} and ${all}`);
});

test("no chart writes a number that is none, whatever it is given", () => {
  const odd = [points(), points(null), points(1), points(1, 1, 1), points(-1e300, 1e300), points(0, 0)];
  for (const each of odd) {
    for (const range of ["focus", "all", "log"]) {
      const { scene } = historyChart({ points: each, objective: accuracy, range }, size);
      assert.ok(
        !numbersOf(scene).some((value) => /NaN|Infinity|undefined/.test(String(value))),
        `${JSON.stringify(each)} ${range}`,
      );
    }
  }
});

test("an empty history says that it is empty", () => {
  assert.ok(
    textsOf(historyChart({ points: [], objective: accuracy }, size).scene).some((text) => text.startsWith("No trials yet")),
  );
});

test("learning curves draw the best trial last, so that it lies on top", () => {
  const curve = (number, isBest) => ({
    number,
    state: "completed",
    isBest,
    points: [
      { step: 1, value: 0.1 },
      { step: 2, value: 0.2 + number },
    ],
  });
  const { scene } = curvesChart({ curves: [curve(0, true), curve(1, false)], metric: "accuracy" }, size);
  const curves = scene.children.filter(({ attributes }) => attributes?.class?.startsWith("curve"));
  assert.deepEqual(
    curves.map(({ attributes }) => attributes.class),
    ["curve completed", "curve best"],
  );
});

test("a timeline of very many trials is drawn, and what was imported is not on it", () => {
  const ran = Array.from({ length: 200_000 }, (_, number) => ({ number, worker: "a", startedAt: number, finishedAt: number + 1, state: "completed" }));
  const imported = { number: 200_000, worker: null, startedAt: 0, finishedAt: 0, state: "completed" };
  assert.equal(timelineChart({ rows: [...ran, imported], now: 300_000 }, size).hits.length, 200_000);
});

test("trials that overlap on one worker get lanes of their own", () => {
  const run = (number, worker, startedAt, finishedAt) => ({ number, worker, startedAt, finishedAt, state: "completed" });
  const lanes = lanesOf([run(0, "a", 0, 10), run(1, "a", 5, 15), run(2, "a", 10, 20), run(3, "b", 0, 5)], 20);
  assert.deepEqual(
    lanes.map(({ worker, rows }) => [worker, rows.map(({ number }) => number)]),
    [
      ["a", [0, 2]],
      ["a", [1]],
      ["b", [3]],
    ],
  );
});

test("a running trial's bar ends now", () => {
  const rows = [
    { number: 0, worker: "a", startedAt: 0, finishedAt: 5000, state: "completed" },
    { number: 1, worker: "b", startedAt: 0, finishedAt: null, state: "running" },
  ];
  const { hits, room } = timelineChart({ rows, now: 10_000 }, size);
  assert.ok(Math.abs(hits[1].right - room.right) < 1);
});

test("a slice leaves out trials in which the parameter is not active", () => {
  const rows = [
    { number: 0, state: "completed", parameters: { m: 0.5 }, metrics: { accuracy: 1 } },
    { number: 1, state: "completed", parameters: {}, metrics: { accuracy: 1 } },
  ];
  const { hits } = sliceChart({ rows, parameter: { name: "m", type: "float", low: 0, high: 1 }, objective: accuracy }, size);
  assert.deepEqual(
    hits.map(({ number }) => number),
    [0],
  );
});

test("names that every object inherits are parameters like any other", () => {
  const rows = [{ number: 0, state: "completed", parameters: {}, metrics: { accuracy: 1 } }];
  for (const name of ["constructor", "toString", "__proto__"]) {
    assert.equal(
      sliceChart({ rows, parameter: { name, type: "categorical", choices: ["a"] }, objective: accuracy }, size).hits.length,
      0,
    );
  }
});

test("the table of a front says what breaks a constraint, where something does", () => {
  const rows = [0, 1].map((number) => ({ number, state: "completed", metrics: { accuracy: number } }));
  const told = { rows, objectives: [accuracy], front: new Set([0]) };
  assert.deepEqual(paretoTable(told).rows, [[0, true, 0], [1, false, 1]]);
  assert.deepEqual(paretoTable({ ...told, broken: new Set([1]) }).rows, [[0, true, false, 0], [1, false, true, 1]]);
});

test("an axis without a value has no ticks", () => {
  const { scene } = historyChart({ points: points(null, null), objective: accuracy }, size);
  assert.ok(!textsOf(scene).includes("0.5") && !textsOf(scene).includes("0.4"));
});

test("an axis that cannot be logarithmic does not say that it is", () => {
  const titlesOf = (...values) => textsOf(historyChart({ points: points(...values), objective: accuracy, range: "log" }, size).scene);
  assert.ok(titlesOf(-3, -2).includes("accuracy ↑"));
  assert.ok(titlesOf(2, 3).includes("accuracy ↑ (log)"));
});

test("what lies beyond the range of a slice is marked at its edge, and is no value there", () => {
  const rows = Array.from({ length: 40 }, (_, number) => ({ number, state: "completed", parameters: { lr: 0.5 }, metrics: { accuracy: number ? 0.9 + number / 1000 : -1e6 } }));
  const { scene, hits } = sliceChart({ rows, parameter: { name: "lr", type: "float", low: 0, high: 1 }, objective: accuracy }, size);
  assert.deepEqual(hits.filter(({ isOutside }) => isOutside).map(({ number }) => number), [0]);
  assert.equal(pathsOf(scene, "outside").length, 1);
});

test("the line of a front bends where both of its trials are as good, whichever way is better", () => {
  for (const [across, up] of [["maximize", "minimize"], ["minimize", "maximize"], ["maximize", "maximize"], ["minimize", "minimize"]]) {
    const sizes = across === up ? [30, 10] : [10, 30];
    const rows = [0, 1].map((number) => ({ number, state: "completed", metrics: { accuracy: number, size: sizes[number] } }));
    const objectives = [{ ...accuracy, goal: across }, { metric: "size", goal: up }];
    const { scene, hits } = paretoChart({ rows, objectives, front: new Set([0, 1]) }, size);
    const [, y, x] = pathsOf(scene, "line").join("").match(/^M[\d.]+ ([\d.]+)H([\d.]+)V[\d.]+$/).map(Number);
    assert.ok(Math.abs(x - hits[across === "maximize" ? 0 : 1].x) < 0.1, `${across} across`);
    assert.ok(Math.abs(y - hits[(up === "maximize") === (sizes[0] < sizes[1]) ? 0 : 1].y) < 0.1, `${up} up`);
  }
});

test("the front of two objectives is the server's", () => {
  const rows = [0, 1, 2].map((number) => ({ number, state: "completed", metrics: { accuracy: number / 2, size: number } }));
  const { hits } = paretoChart(
    { rows, objectives: [accuracy, { metric: "size", goal: "minimize" }], front: new Set([2]) },
    size,
  );
  assert.deepEqual(
    hits.filter(({ isFront }) => isFront).map(({ number }) => number),
    [2],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ramp, ranks } from "../../../app/dashboard/static/charts/colours.js";
import { colourPixels, countLines } from "../../../app/dashboard/static/charts/dense_lines.js";
import {
  absentAxes,
  bucketsOf,
  chosenLines,
  crossings,
  nearestLine,
  paintLines,
  parallelLayout,
} from "../../../app/dashboard/static/charts/parallel.js";
import { parameterAxis } from "../../../app/dashboard/static/charts/parameter_axis.js";

const axes = ["a", "b", "c"].map((name) => parameterAxis({ name, type: "float", low: 0, high: 1 }));
const layout = parallelLayout(axes, { width: 300, height: 200 });
const lines = [
  [0, 0.5, 1],
  [1, 0.5, 0],
  [0.2, undefined, 0.9],
];
const heights = crossings(layout, lines.length, (line, axis) => lines[line][axis]);

class Strokes {
  all = [];
  #moves = 0;
  beginPath() {
    this.#moves = 0;
  }
  moveTo() {
    this.#moves += 1;
  }
  lineTo() {}
  stroke() {
    this.all.push([this.strokeStyle, this.#moves]);
  }
}

test("low values stand low, high values high, absent ones below the axis", () => {
  assert.equal(heights[0], layout.bottom);
  assert.equal(heights[2], layout.top);
  assert.equal(heights[7], layout.absent);
  assert.deepEqual([...absentAxes(layout, heights)], ["b"]);
});

test("a brush chooses the lines that cross it, and two brushes those that cross both", () => {
  assert.deepEqual([...chosenLines(layout, heights, 3, new Map([["a", [0, 0.3]]]))], [1, 0, 1]);
  assert.deepEqual(
    [
      ...chosenLines(
        layout,
        heights,
        3,
        new Map([
          ["a", [0, 0.3]],
          ["b", [0.4, 0.6]],
        ]),
      ),
    ],
    [1, 0, 0],
  );
  assert.equal(chosenLines(layout, heights, 3, new Map()), null);
});

test("the pointer finds the line under it and none far away", () => {
  const [x, y] = [(layout.xs[0] + layout.xs[1]) / 2, (heights[3] + heights[4]) / 2];
  assert.equal(nearestLine(layout, heights, 3, null, { x, y }), 1);
  assert.equal(nearestLine(layout, heights, 3, null, { x, y: y - 60 }, 6), -1);
});

test("lines without a result are painted first and the best last", () => {
  assert.deepEqual(bucketsOf([0.5, null, 0.9, 0.1], "maximize", 3), [[1], [3], [0], [2]]);
});

test("minimizing turns the colours round", () => {
  assert.deepEqual(ranks([3, 1, 2], "minimize"), [0, 1, 0.5]);
});

test("all that are as good as the best are shown as the best, whichever way is up", () => {
  assert.deepEqual(ranks([1, 0.5, 1], "maximize"), [1, 0, 1]);
  assert.deepEqual(ranks([0, 0.5, 0], "minimize"), [1, 0, 1]);
  assert.deepEqual(ranks([0.9], "maximize"), [1]);
});

test("each colour is one stroke, and what was not chosen lies faintly below", () => {
  const context = new Strokes();
  paintLines(context, {
    layout,
    heights,
    buckets: [[], [0, 2], [1]],
    colours: ["none", "worst", "best"],
    faint: "faint",
    chosen: Uint8Array.of(1, 0, 1),
  });
  assert.deepEqual(context.all, [
    ["faint", 1],
    ["worst", 2],
  ]);
});

test("a ramp begins and ends with its outer colours", () => {
  const colours = ramp(
    [
      [0, 0, 0],
      [100, 100, 100],
      [255, 0, 0],
    ],
    5,
  );
  assert.deepEqual(colours[0], [0, 0, 0]);
  assert.deepEqual(colours[4], [255, 0, 0]);
});

test("many lines are counted pixel by pixel, with the best colour on top", () => {
  const flat = Float32Array.from([50, 50, 50, 50, 50, 50, 90, 90, 90]);
  const { words, width } = countLines({ layout, heights: flat, buckets: [[2], [0], [1]], chosen: null });
  const between = Math.round((layout.xs[0] + layout.xs[1]) / 2);
  const pixels = colourPixels(
    words,
    [
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 3],
    ],
    [9, 9, 9],
    0.5,
  );
  const at = (y) => [...pixels.slice((y * width + between) * 4, (y * width + between) * 4 + 4)];
  assert.deepEqual(at(50), [3, 3, 3, 191]);
  assert.deepEqual(at(90), [1, 1, 1, 128]);
  assert.deepEqual(at(70), [0, 0, 0, 0]);
});

test("lines that are not chosen lie faintly below those that are", () => {
  const flat = Float32Array.from([50, 50, 50, 90, 90, 90]);
  const { words, width } = countLines({ layout, heights: flat, buckets: [[0], [1]], chosen: Uint8Array.of(1, 0) });
  const between = Math.round((layout.xs[0] + layout.xs[1]) / 2);
  const pixels = colourPixels(
    words,
    [
      [1, 1, 1],
      [2, 2, 2],
    ],
    [9, 9, 9],
    1,
  );
  const red = (y) => pixels[(y * width + between) * 4];
  assert.deepEqual([red(50), red(90)], [1, 9]);
});

test("a steep line has no gaps and leaves the drawing nowhere", () => {
  const steep = parallelLayout(axes, { width: 110, height: 2000 });
  const { words, width, height } = countLines({
    layout: steep,
    heights: Float32Array.of(steep.top, steep.absent, steep.top),
    buckets: [[0]],
    chosen: null,
    scale: 0.5,
  });
  const touched = new Set();
  words.forEach((word, place) => word && touched.add(Math.floor(place / width)));
  assert.equal(words.length, width * height);
  assert.ok(touched.size >= (steep.absent - steep.top) / 2 - 1);
});

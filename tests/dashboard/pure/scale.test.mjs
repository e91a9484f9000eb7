import assert from "node:assert/strict";
import { test } from "node:test";
import {
  extent,
  focusedExtent,
  linearScale,
  logScale,
  logTicks,
  niceTicks,
} from "../../../app/dashboard/static/charts/scale.js";
import { formatTicks, roomBeside } from "../../../app/dashboard/static/charts/axes.js";

test("ticks are round numbers inside the range", () => {
  assert.deepEqual(niceTicks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(niceTicks(-3, 11, 4), [0, 5, 10]);
});

test("ticks of tenths carry no rounding error", () => {
  assert.ok(niceTicks(0, 0.5, 5).every((tick) => String(tick).length <= 3));
});

test("any range gives a bounded number of finite ticks inside it", () => {
  for (const low of [-1e308, -5, 0, 1e-300, 3, 1e15]) {
    for (const span of [1e-6, 1, 1e6, 1e300]) {
      const high = low + span;
      if (!(high > low) || !Number.isFinite(high)) continue;
      const ticks = niceTicks(low, high, 5);
      assert.ok(ticks.length <= 12, `${ticks.length} ticks for [${low}, ${high}]`);
      assert.ok(
        ticks.every((tick) => Number.isFinite(tick) && tick >= low - span * 1e-6 && tick <= high + span * 1e-6),
        `[${low}, ${high}]: ${ticks}`,
      );
    }
  }
});

test("a logarithmic axis is ticked at powers of ten", () => {
  assert.deepEqual(logTicks(1e-4, 0.1, 5), [1e-4, 1e-3, 1e-2, 0.1]);
});

test("a narrow logarithmic axis has ticks between the powers", () => {
  assert.deepEqual(logTicks(16, 256, 6), [20, 50, 100, 200]);
});

test("scales go there and back", () => {
  for (const scale of [linearScale([2, 8], [100, 0]), logScale([1e-5, 10], [0, 640])]) {
    for (const value of [2, 3, 7.5]) assert.ok(Math.abs(scale.invert(scale(value)) - value) < 1e-9);
  }
});

test("a range of one value still has a place for it", () => {
  assert.equal(linearScale([5, 5], [0, 10])(5), 0);
});

test("values that are absent or not finite have no part in the extent", () => {
  assert.deepEqual(extent([null, 3, NaN, undefined, Infinity, -1]), [-1, 3]);
  assert.equal(extent([null]), null);
});

test("one diverged trial does not press the others into a line", () => {
  const losses = [...Array.from({ length: 50 }, (_, index) => 0.1 + index / 500), 1e9];
  const [low, high] = focusedExtent(losses, "minimize");
  assert.equal(low, 0.1);
  assert.ok(high < 1);
});

test("the best value is never cut off, however far it is from the others", () => {
  const scores = [...Array.from({ length: 50 }, () => 0.5 + Math.random() / 100), 0.99];
  assert.equal(focusedExtent(scores, "maximize")[1], 0.99);
});

test("all ticks of an axis have as many decimals as tell them apart", () => {
  const ticks = [0.85, 0.9, 0.95, 1];
  assert.deepEqual(ticks.map(formatTicks(ticks)), ["0.85", "0.90", "0.95", "1.00"]);
});

test("no two ticks of an axis read the same, however close and however large they are", () => {
  for (const [low, high] of [[1e12, 1e12 + 1e6], [1e-12, 1.35e-12], [1234500, 1234890], [0.99991, 0.999911], [-3e-7, 4e-7], [0, 5e6]]) {
    const ticks = niceTicks(low, high, 5);
    const texts = ticks.map(formatTicks(ticks));
    assert.equal(new Set(texts).size, ticks.length, texts.join(" "));
    for (const [index, text] of texts.entries())
      assert.ok(Math.abs(Number(text.replaceAll(",", "")) - ticks[index]) <= (high - low) / 100, text);
  }
});

test("ticks of large numbers are short", () => {
  const powers = logTicks(1e-12, 1e12, 5);
  assert.ok(powers.map(formatTicks(powers)).every((text) => text.length <= 7));
  assert.deepEqual([0, 2.5e6, 5e6].map(formatTicks([0, 2.5e6, 5e6])), ["0", "2.5e6", "5e6"]);
});

test("long ticks get the room that they need", () => {
  const room = { left: 56, right: 600, width: 544, height: 300 };
  assert.ok(roomBeside(linearScale([0.99991, 0.999911], [300, 0]), room).left > 70);
  assert.equal(roomBeside(linearScale([0, 1], [300, 0]), room).left, 56);
});

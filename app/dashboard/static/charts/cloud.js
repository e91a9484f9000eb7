/** Trials in the space of three objectives, seen from where one likes: turned about its upright axis, and tilted. Pure. */

import { formatNumber, plural } from "../core/format.js";
import { valueOf } from "../core/values.js";
import { emptyPlot } from "./axes.js";
import { brokenMarks, marksPath } from "./marks.js";
import { focusedExtent } from "./scale.js";
import { drawing, group, line, px, shape } from "./scene.js";

const BACK = 0.5; // the box goes from -BACK to BACK along each objective
const WIDEST = 2 * Math.SQRT1_2 * 1.22; // of a turned floor, with room for what is written beside it
const LAYERS = ["far", "middle", "near"];

/**
 * @param {object} data
 * @param {import("../core/trial_rows.js").Row[]} data.rows
 * @param {object[]} data.objectives along the floor, into it, and upwards
 * @param {Set<number>} data.front numbers of the trials that nothing beats
 * @param {Set<number>} [data.chosen] numbers of trials to be marked
 * @param {number} data.turn degrees about the upright axis
 * @param {number} data.tilt degrees from which one looks down: 0 from the side, 90 from above
 */
export function cloudChart({ rows, objectives, front, broken = new Set(), chosen = new Set(), turn, tilt }, size) {
  const found = placed(rows, objectives);
  const names = objectives.map(({ metric }) => metric).join(", ");
  const label = `${names} of ${plural(found.length, "trial")} in space; ${front.size} on the front`;
  if (!found.length) return { scene: drawing(size, label, emptyPlot(size, "No completed trial yet.")), hits: [] };
  const extents = objectives.map(({ goal }, axis) => focusedExtent(found.map(({ values }) => values[axis]), goal));
  const see = viewFrom({ turn, tilt }, size);
  const hits = found
    .map(({ number, state, values }) => {
      const at = values.map((value, axis) => within(value, extents[axis]));
      return { number, state, values, ...see(at), foot: see([at[0], at[1], -BACK]), isFront: front.has(number), isBroken: broken.has(number) };
    })
    .sort((a, b) => b.depth - a.depth);
  const best = hits.filter(({ isFront }) => isFront);
  return {
    scene: drawing(
      size,
      label,
      box(see),
      titles(see, objectives, extents),
      group("cloud", layers(hits.filter(({ isFront, isBroken }) => !isFront && !isBroken)), brokenMarks(hits, 2.9), stems(best), group("on-front", shape("path", { d: marksPath("disc", best, 5) }))),
      group("chosen-marks", shape("path", { d: marksPath("disc", hits.filter(({ number }) => chosen.has(number)), 8.5) })),
    ),
    hits,
  };
}

function placed(rows, objectives) {
  return rows
    .filter(({ state }) => state === "completed")
    .map((row) => ({ number: row.number, state: row.state, values: objectives.map(({ metric }) => valueOf(row.metrics, metric)) }))
    .filter(({ values }) => values.every((value) => typeof value === "number"));
}

/** @returns {(at: [number, number, number]) => {x: number, y: number, depth: number}} from the box to the drawing */
export function viewFrom({ turn, tilt }, { width, height }) {
  const [about, down] = [turn, tilt].map((degrees) => (degrees * Math.PI) / 180);
  const tall = Math.cos(down) + 2 * Math.SQRT1_2 * Math.sin(down);
  const scale = Math.min(width / WIDEST, (height - 70) / tall);
  return ([u, v, w]) => {
    const across = u * Math.cos(about) - v * Math.sin(about);
    const away = u * Math.sin(about) + v * Math.cos(about);
    return {
      x: width / 2 + scale * across,
      y: height / 2 - scale * (w * Math.cos(down) + away * Math.sin(down)),
      depth: away * Math.cos(down) - w * Math.sin(down),
    };
  };
}

function within(value, [low, high]) {
  if (high === low) return 0;
  return (Math.min(high, Math.max(low, value)) - low) / (high - low) - BACK;
}

/** The floor, and the walls behind: those that hide nothing. */
function box(see) {
  const ends = [-BACK, BACK];
  const corners = ends.flatMap((u) => ends.map((v) => [u, v]));
  const [fu, fv] = corners.reduce((far, each) => (see([...each, 0]).depth > see([...far, 0]).depth ? each : far));
  const faces = [
    ends.flatMap((u) => [[u, ends[0], -BACK], [u, ends[1], -BACK]]),
    ends.flatMap((w) => [[fu, ends[0], w], [fu, ends[1], w]]),
    ends.flatMap((w) => [[ends[0], fv, w], [ends[1], fv, w]]),
  ];
  const outline = ([a, b, c, d]) => `${line([a, b, d, c].map(see).map(({ x, y }) => [x, y]))}Z`;
  return group("walls", faces.map((face) => shape("path", { d: outline(face) })));
}

/** What each axis is and how far it goes, written beside the edge of the box that lies most in front. */
function titles(see, objectives, extents) {
  const middle = see([0, 0, 0]);
  return objectives.map(({ metric, goal }, axis) => {
    const edge = edges(axis).reduce((best, each) => (rank(see, each, axis) < rank(see, best, axis) ? each : best));
    const [from, to] = edge.map(see);
    const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
    const far = Math.hypot(x - middle.x, y - middle.y) || 1;
    const out = ([left, top], by) => ({ x: px(left + ((x - middle.x) / far) * by), y: px(top + ((y - middle.y) / far) * by + 4), "text-anchor": x < middle.x - 20 ? "end" : x > middle.x + 20 ? "start" : "middle" });
    return group(
      "edge-name",
      shape("path.base", { d: line([[from.x, from.y], [to.x, to.y]]) }),
      shape("text", out([from.x, from.y], 12), formatNumber(extents[axis][0], 3)),
      shape("text", out([to.x, to.y], 12), formatNumber(extents[axis][1], 3)),
      shape("text.title", axis === 2 ? above(to) : out([x, y], 24), `${metric} ${goal === "maximize" ? "↑" : "↓"}`),
    );
  });
}

/** Over the upper end of the upright edge: beside it there is no room on a phone. */
function above({ x, y }) {
  return { x: px(Math.max(4, x - 34)), y: px(y - 16) };
}

/** The four edges of the box along an axis, each from low to high; of those on the floor the two there. */
function edges(axis) {
  const ends = [-BACK, BACK];
  const others = ends.flatMap((a) => (axis === 2 ? ends.map((b) => [a, b]) : [[a, -BACK]]));
  return others.map((fixed) => ends.map((at) => fixed.toSpliced(axis, 0, at)));
}

/** Floor edges by how near they are, upright ones by how far left. */
function rank(see, [from, to], axis) {
  const ends = [see(from), see(to)];
  return axis === 2 ? ends[0].x + ends[1].x : ends[0].depth + ends[1].depth;
}

/** Behind, in the middle and in front: what is nearer is larger and stronger. */
function layers(hits) {
  const size = Math.ceil(hits.length / LAYERS.length);
  return LAYERS.map((name, index) =>
    shape(`path.${name}`, { d: marksPath("disc", hits.slice(index * size, (index + 1) * size), 2.2 + 0.7 * index) }),
  );
}

/** From each trial of the front down to the floor: where it stands. */
function stems(hits) {
  return shape("path.stems", { d: hits.map(({ x, y, foot }) => line([[x, y], [foot.x, foot.y]])).join("") });
}

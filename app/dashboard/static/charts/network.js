/**
 * A network as a graph: one box a layer, levels in the order in which data passes, skips around what they skip. Pure.
 *
 * Layers of one level never read each other (the server says which level is whose), so a level is a row of boxes. What
 * reads its neighbour stays on its lane; a connection over several levels takes the nearest lane that is free all along.
 */

import { formatNumber, plural, shorten } from "../core/format.js";
import { drawing, group, px, shape } from "./scene.js";

const BOX = { width: 128, height: 52 };
const BETWEEN = { levels: 22, lanes: 24 };
const LANE_OF_SKIP = 0.36; // of a box: nothing stands on it but a line
const AIR = 14;

/** Families of operators, each with its colour; whatever is not named computes with weights of its own. */
const FAMILIES = Object.entries({
  ends: ["input", "head", "constant"],
  joins: ["sum", "concat", "project", "identity", "none"],
  convolves: ["conv", "depthwise", "mbconv", "se"],
  attends: ["attention"],
  recurs: ["gru", "lstm"],
  shapes: ["maxpool", "avgpool", "gap", "gmp", "flatten", "batchnorm", "layernorm", "dropout"],
});

/** @returns {string} which family an operator is of */
export function familyOf(op) {
  return FAMILIES.find(([, ops]) => ops.includes(op))?.[0] ?? "weighs";
}

/** @typedef {{index: number, op: string, inputs: number[], level: number, shape: number[], attributes: object, params: number, flops: number}} Layer */

/**
 * Which lane each layer and each long connection takes.
 * @param {Layer[]} layers @returns {{lanes: number[], skips: {from: number, to: number, lane: number}[]}} lanes around 0
 */
export function lanesOf(layers) {
  const taken = new Map(); // level -> lanes
  const at = (level) => taken.get(level) ?? taken.set(level, new Set()).get(level);
  const isFree = (lane, from, to) => {
    for (let level = from; level <= to; level += 1) if (at(level).has(lane)) return false;
    return true;
  };
  const take = (wish, from, to) => {
    const lane = nearest(wish, (each) => isFree(each, from, to));
    for (let level = from; level <= to; level += 1) at(level).add(lane);
    return lane;
  };
  const lanes = [];
  for (const { inputs, level } of layers) {
    const before = inputs.find((input) => layers[input].level === level - 1);
    lanes.push(take(before === undefined ? 0 : lanes[before], level, level));
  }
  const long = layers
    .flatMap(({ index, inputs, level }) => inputs.filter((from) => layers[from].level < level - 1).map((from) => ({ from, to: index })))
    .sort((a, b) => reach(a) - reach(b));
  const skips = long.map((skip) => ({ ...skip, lane: take(lanes[skip.to], layers[skip.from].level + 1, layers[skip.to].level - 1) }));
  return { lanes, skips };

  function reach({ from, to }) {
    return layers[to].level - layers[from].level;
  }
}

function nearest(wish, isFree) {
  for (let away = 0; ; away += 1)
    for (const lane of away ? [wish + away, wish - away] : [wish]) if (isFree(lane)) return lane;
}

/** Whether a network is drawn from left to right in this much room; else it runs downwards. */
export function isAcross(layers, width) {
  const levels = 1 + Math.max(...layers.map(({ level }) => level));
  return levels * (BOX.width + BETWEEN.levels) - BETWEEN.levels + 2 * AIR <= width;
}

/** @param {{layers: Layer[], label: string}} network */
export function networkChart({ layers, label }, { width }) {
  const across = isAcross(layers, width);
  const { lanes, skips } = lanesOf(layers);
  const places = laneOffsets(lanes, skips, across ? BOX.height : BOX.width);
  const deep = across ? BOX.width : BOX.height;
  const levels = 1 + Math.max(...layers.map(({ level }) => level));
  const long = levels * (deep + BETWEEN.levels) - BETWEEN.levels;
  const size = across
    ? { width, height: places.breadth + 2 * AIR }
    : { width: Math.max(width, places.breadth + 2 * AIR), height: long + 2 * AIR };
  const start = across ? (size.width - long) / 2 : AIR;
  const middle = across ? AIR : (size.width - places.breadth) / 2;
  const along = (level) => start + level * (deep + BETWEEN.levels);
  const aside = (lane) => middle + places.of(lane);
  const point = (a, b) => (across ? [a, b] : [b, a]);
  const boxes = layers.map((layer, index) => {
    const [x, y] = point(along(layer.level) + deep / 2, aside(lanes[index]));
    return { layer, x, y };
  });
  const heaviest = Math.max(1, ...layers.map(({ params }) => params));
  const direct = layers.flatMap(({ index, inputs, level }) =>
    inputs.filter((from) => layers[from].level >= level - 1).map((from) => edge([exit(from), entry(index)])),
  );
  const around = skips.map(({ from, to, lane }) => {
    const [a, b] = [along(layers[from].level + 1), along(layers[to].level - 1) + deep];
    return edge([exit(from), [a, aside(lane)], [b, aside(lane)], entry(to)], "skip");
  });
  return {
    scene: drawing(size, `${label}: ${plural(layers.length, "layer")}`, group("edges", around, direct), boxes.map((box) => boxOf(box, heaviest))),
    hits: boxes.map(({ layer, x, y }) => ({ layer, x, y })),
    height: size.height,
    width: size.width,
  };

  function exit(index) {
    return [along(layers[index].level) + deep, aside(lanes[index])];
  }
  function entry(index) {
    return [along(layers[index].level), aside(lanes[index])];
  }
  function edge(corners, kind = "flow") {
    return shape(`path.${kind}`, { d: smooth(corners.map(([a, b]) => point(a, b)), across) });
  }
}

/** How far from the first lane's edge the middle of each lane is; a lane of skips alone is narrow. */
function laneOffsets(lanes, skips, breadth) {
  const boxed = new Set(lanes);
  const all = [...new Set([...lanes, ...skips.map(({ lane }) => lane)])].sort((a, b) => a - b);
  const middles = new Map();
  let end = 0;
  for (const lane of all) {
    const room = boxed.has(lane) ? breadth : breadth * LANE_OF_SKIP;
    middles.set(lane, end + room / 2);
    end += room + BETWEEN.lanes;
  }
  return { of: (lane) => middles.get(lane), breadth: end - BETWEEN.lanes };
}

/** A curve through corners that leaves and reaches each along the way of the data. */
function smooth(corners, across) {
  let path = `M${px(corners[0][0])} ${px(corners[0][1])}`;
  for (let index = 1; index < corners.length; index += 1) {
    const [[x0, y0], [x1, y1]] = [corners[index - 1], corners[index]];
    const half = across ? (x0 + x1) / 2 : (y0 + y1) / 2;
    path += across ? `C${px(half)} ${px(y0)} ${px(half)} ${px(y1)} ${px(x1)} ${px(y1)}` : `C${px(x0)} ${px(half)} ${px(x1)} ${px(half)} ${px(x1)} ${px(y1)}`;
  }
  return path;
}

function boxOf({ layer, x, y }, heaviest) {
  const [left, top] = [x - BOX.width / 2, y - BOX.height / 2];
  const told = attributesText(layer);
  return group(
    `layer.${familyOf(layer.op)}`,
    shape("rect.box", { x: px(left), y: px(top), width: BOX.width, height: BOX.height, rx: 9 }),
    shape("rect.edge", { x: px(left), y: px(top + 9), width: 3, height: BOX.height - 18, rx: 1.5 }),
    shape("text.op", { x: px(left + 12), y: px(top + (told ? 20 : 24)) }, shorten(layer.op, 14)),
    told ? shape("text.told", { x: px(left + 12), y: px(top + 34) }, shorten(told, 18)) : null,
    shape("text.shape", { x: px(left + 12), y: px(top + (told ? 47 : 41)) }, layer.shape.join("×")),
    layer.params
      ? shape("rect.weight", { x: px(left + BOX.width - 36), y: px(top + BOX.height - 13), width: px(Math.max(2, (26 * layer.params) / heaviest)), height: 4, rx: 2 })
      : null,
  );
}

/** What tells one layer from another of its kind, in a few words: "7 · 32 · relu". */
function attributesText({ attributes }) {
  const { out, kernel, heads, expand, rate, stride, act } = attributes;
  const words = [
    kernel ? `k${kernel}` : null,
    out ? `→${out}` : null,
    heads ? plural(heads, "head") : null,
    expand ? `×${expand}` : null,
    stride > 1 ? `/${stride}` : null,
    rate === undefined ? null : formatNumber(rate),
    act ?? null,
  ];
  return words.filter((word) => word !== null).join(" ");
}

/** The layers as a table. */
export function networkTable({ layers }) {
  const told = ({ attributes }) => Object.entries(attributes).map(([name, value]) => `${name} ${value}`).join(", ");
  return {
    columns: ["layer", "operator", "reads", "output", "settings", "parameters", "operations"],
    rows: layers.map((layer) => [layer.index, layer.op, layer.inputs.join(", "), layer.shape.join("×"), told(layer), layer.params, layer.flops]),
  };
}

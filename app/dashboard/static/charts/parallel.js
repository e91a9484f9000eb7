/**
 * Parallel coordinates: an axis for each parameter, a line for each trial, coloured by the rank of its result.
 * The lines are painted on a canvas (100,000 of them are too many elements), the axes are a scene. Pure: the canvas's
 * context comes in, and only the functions that paint touch it.
 */

import { shorten } from "../core/format.js";
import { ranks } from "./colours.js";
import { colourPixels, countLines } from "./dense_lines.js";
import { drawing, group, px, shape } from "./scene.js";

const SLACK = 26; // below an axis: where the lines of trials go that do not have this parameter
const HALF = 11;
const GLOWING = 300; // lines
const STROKED = 1500; // lines; with more of them, smooth edges cost more than they show
const FINE = 30_000; // lines; more of them are counted on pixels of twice the size
const DRAFTED = 15_000; // lines of a draft

/** @typedef {{axes: object[], xs: number[], top: number, bottom: number, absent: number, width: number, height: number}} Layout */

/** @returns {Layout} */
export function parallelLayout(axes, { width, height }) {
  const [left, right] = [44, width - 44];
  const gap = axes.length > 1 ? (right - left) / (axes.length - 1) : 0;
  const [top, bottom] = [12, height - 14 - SLACK];
  return { axes, xs: axes.map((_, index) => left + index * gap), top, bottom, absent: bottom + SLACK, gap, width, height };
}

/**
 * Where each line crosses each axis.
 * @param {Layout} layout @param {number} count how many trials @param {(line: number, axis: number) => *} value
 * @returns {Float32Array} `count * axes` heights in pixels, line by line
 */
export function crossings(layout, count, value) {
  const { axes, top, bottom, absent } = layout;
  const heights = new Float32Array(count * axes.length);
  for (let line = 0; line < count; line += 1) {
    for (let axis = 0; axis < axes.length; axis += 1) {
      const at = axes[axis].place(value(line, axis));
      heights[line * axes.length + axis] = at === null ? absent : bottom - at * (bottom - top);
    }
  }
  return heights;
}

/**
 * Puts lines into one bucket for each colour, worst first; lines without a result come before all others.
 * The last third of the colours is for the best third of few lines, and for some hundreds of many: more would cover all.
 */
export function bucketsOf(values, goal, steps) {
  const buckets = Array.from({ length: steps + 1 }, () => []);
  const glowing = Math.min(1 / 3, Math.max(0.02, GLOWING / values.length));
  ranks(values, goal).forEach((rank, line) => {
    if (rank === null) buckets[0].push(line);
    else buckets[1 + Math.min(steps - 1, Math.floor(withGlow(rank, glowing) * steps))].push(line);
  });
  return buckets;
}

function withGlow(rank, glowing) {
  const rest = 1 - glowing;
  return rank < rest ? (rank / rest) * (2 / 3) : 2 / 3 + (rank - rest) / glowing / 3;
}

/**
 * Paints the lines, one stroke for each colour.
 * @param {CanvasRenderingContext2D} context
 * @param {{layout: Layout, heights: Float32Array, buckets: number[][], colours: string[], faint: string, chosen: Uint8Array | null}} lines
 *   `colours` has one for each bucket; `chosen` marks those to show, the others are painted faintly below them
 */
export function paintLines(context, { layout, heights, buckets, colours, faint, chosen }) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.length, 0);
  const kept = chosen ? chosen.reduce((sum, each) => sum + each, 0) : total;
  context.lineJoin = "round";
  if (chosen && kept < total) {
    // Thousands of greyed lines look the same as all of them, and cost as much as what matters.
    const every = Math.max(1, Math.ceil((total - kept) / 4000));
    let seen = 0;
    stroke(
      context,
      layout,
      heights,
      faint,
      alphaFor(Math.min(total, 4000)) * 0.5,
      1,
      buckets.flatMap((bucket) => bucket.filter((line) => !chosen[line] && (seen += 1) % every === 0)),
    );
  }
  buckets.forEach((bucket, index) => {
    const shown = chosen ? bucket.filter((line) => chosen[line]) : bucket;
    const share = buckets.length > 1 ? index / (buckets.length - 1) : 1;
    stroke(context, layout, heights, colours[index], Math.min(1, alphaFor(kept) * (0.45 + share)), kept < 300 ? 1.4 : 1, shown);
  });
}

/** The axes that some line passes below. @returns {Set<string>} */
export function absentAxes({ axes, absent }, heights) {
  const found = new Set();
  heights.forEach((height, place) => {
    if (height === absent) found.add(axes[place % axes.length].name);
  });
  return found;
}

/**
 * Paints any number of lines: few are stroked, many are counted pixel by pixel.
 * @param {CanvasRenderingContext2D} context
 * @param {object} lines as for `paintLines`, with colours as [red, green, blue]
 * @param {boolean} isDraft paints a part of very many lines, while something is being dragged
 */
export function paintAll(context, { layout, heights, buckets, colours, faint, chosen }, isDraft = false) {
  const count = heights.length / layout.axes.length;
  if (count <= STROKED) {
    paintLines(context, { layout, heights, buckets, colours: colours.map(css), faint: css(faint), chosen });
    return;
  }
  const kept = chosen ? chosen.reduce((sum, each) => sum + each, 0) : count;
  const every = isDraft ? Math.ceil(count / DRAFTED) : 1;
  const picture = countLines({ layout, heights, buckets, chosen, every, scale: count > FINE ? 0.5 : 1 });
  const pixels = colourPixels(picture.words, colours, faint, alphaFor(kept / every));
  const sheet = context.canvas.ownerDocument.createElement("canvas");
  Object.assign(sheet, { width: picture.width, height: picture.height });
  sheet.getContext("2d").putImageData(new ImageData(pixels, picture.width, picture.height), 0, 0);
  context.drawImage(sheet, 0, 0, layout.width, layout.height);
}

/** Axes, ticks and brushes. @param {Map<string, [number, number]>} brushes shares of the axis, from low to high */
export function parallelAxes(layout, { brushes = new Map(), absents = new Set(), label }) {
  const { axes, xs, top, bottom, absent, gap } = layout;
  const room = Math.max(5, Math.floor((gap || 120) / 6.6) - 1);
  const drawn = axes.map((axis, index) => {
    const x = px(xs[index]);
    const brush = brushes.get(axis.name);
    const end = index === axes.length - 1;
    return group(
      "dimension",
      shape("text.title.saved", { x, y: -6, "text-anchor": "middle" }, shorten(axis.name, room)),
      shape("line.base", { x1: x, x2: x, y1: top, y2: bottom }),
      absents.has(axis.name)
        ? shape("text.tick.halo", { x: end ? x - 7 : x + 7, y: absent + 4, "text-anchor": end ? "end" : "start" }, "inactive")
        : null,
      axis.ticks((bottom - top) / 44).map((tick) => {
        const y = px(bottom - tick.at * (bottom - top));
        return [
          shape("line.base", { x1: x - 3, x2: x + 3, y1: y, y2: y }),
          shape(
            "text.tick.halo",
            { x: end ? x - 7 : x + 7, y: y + 4, "text-anchor": end ? "end" : "start" },
            shorten(tick.label, room),
          ),
        ];
      }),
      brush
        ? shape("rect.brush", {
            x: x - HALF,
            width: 2 * HALF,
            y: px(bottom - brush[1] * (bottom - top)),
            height: Math.max(3, px((brush[1] - brush[0]) * (bottom - top))),
            rx: 3,
          })
        : null,
    );
  });
  return drawing(layout, label, drawn);
}

/** Which lines pass all brushes. @returns {Uint8Array | null} null when there is no brush */
export function chosenLines(layout, heights, count, brushes) {
  const { axes, top, bottom } = layout;
  const limits = axes.flatMap((axis, index) => {
    const brush = brushes.get(axis.name);
    return brush ? [[index, bottom - brush[1] * (bottom - top) - 0.5, bottom - brush[0] * (bottom - top) + 0.5]] : [];
  });
  if (!limits.length) return null;
  const chosen = new Uint8Array(count);
  for (let line = 0; line < count; line += 1)
    chosen[line] = limits.every(
      ([axis, high, low]) => heights[line * axes.length + axis] >= high && heights[line * axes.length + axis] <= low,
    )
      ? 1
      : 0;
  return chosen;
}

/** The line nearest to a point, within `reach` pixels; -1 when there is none. */
export function nearestLine(layout, heights, count, chosen, { x, y }, reach = 6) {
  const { xs, axes } = layout;
  const right = Math.max(
    1,
    xs.findIndex((axisX) => axisX >= x),
  );
  if (axes.length < 2 || x < xs[0] - reach || x > xs.at(-1) + reach) return -1;
  const share = Math.min(1, Math.max(0, (x - xs[right - 1]) / (xs[right] - xs[right - 1])));
  let [found, nearest] = [-1, reach];
  for (let line = 0; line < count; line += 1) {
    if (chosen && !chosen[line]) continue;
    const at = line * axes.length + right;
    const distance = Math.abs(heights[at - 1] + (heights[at] - heights[at - 1]) * share - y);
    if (distance <= nearest) [found, nearest] = [line, distance];
  }
  return found;
}

/** Paints one line over all others. */
export function paintLine(context, layout, heights, line, colour) {
  stroke(context, layout, heights, colour, 1, 3, [line]);
}

function stroke(context, { xs }, heights, colour, alpha, width, lines) {
  if (!lines.length) return;
  const axes = xs.length;
  context.strokeStyle = colour;
  context.globalAlpha = alpha;
  context.lineWidth = width;
  context.beginPath();
  for (const line of lines) {
    const at = line * axes;
    context.moveTo(xs[0], heights[at]);
    for (let axis = 1; axis < axes; axis += 1) context.lineTo(xs[axis], heights[at + axis]);
  }
  context.stroke();
  context.globalAlpha = 1;
}

function css(colour) {
  return `rgb(${colour.join(" ")})`;
}

function alphaFor(count) {
  return Math.max(0.05, Math.min(0.85, 14 / Math.sqrt(Math.max(1, count))));
}

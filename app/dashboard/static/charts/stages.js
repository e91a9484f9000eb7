/** What the stages of a pipeline keep and cost: how good the network is after each, and how large. Pure. */

import { formatBytes, formatNumber, formatShare, shorten } from "../core/format.js";
import { verticalAxis } from "./axes.js";
import { extent, linearScale, padded } from "./scale.js";
import { drawing, group, line, px, shape } from "./scene.js";

const MEASURES = ["accuracy", "r2"];

/** @typedef {{name: string, metrics: Object<string, number>, score: number, low: number, high: number, bytes: number}} Stage */

/**
 * The stages that a trial's metrics tell of, in the order in which they ran.
 * @param {Object<string, number>} metrics names are `stage.metric` @returns {Stage[]}
 */
export function stagesOf(metrics) {
  const found = new Map();
  for (const [name, value] of Object.entries(metrics ?? {})) {
    const at = name.indexOf(".");
    if (at < 1) continue;
    const stage = name.slice(0, at);
    if (!found.has(stage)) found.set(stage, {});
    found.get(stage)[name.slice(at + 1)] = value;
  }
  return [...found]
    .filter(([, told]) => told.params !== undefined && scoreName(told))
    .map(([name, told]) => {
      const score = scoreName(told);
      return { name, metrics: told, score: told[score], low: told[`${score}_low`] ?? told[score], high: told[`${score}_high`] ?? told[score], bytes: told.file_bytes ?? told.weight_bytes ?? 0 };
    });
}

/** What the stages measure: accuracy, or R² of a regression. */
export function scoreName(metrics) {
  return MEASURES.find((name) => metrics[name] !== undefined);
}

/** @param {{stages: Stage[], label: string, title: string}} data */
export function stagesChart({ stages, label, title }, { width, height }) {
  const [left, right] = [54, width - 14];
  const gap = (right - left) / stages.length;
  const middle = (index) => left + gap * (index + 0.5);
  const [top, split, floor] = [26, Math.round(height * 0.56), height - 26];
  const y = linearScale(padded(extent(stages.flatMap(({ low, high }) => [low, high])), 0.12), [split - 22, top]);
  const most = Math.max(...stages.map(({ bytes }) => bytes), 1);
  const tall = floor - split - 26;
  const hits = stages.map((stage, index) => ({ stage, x: middle(index), y: y(stage.score) }));
  const bars = stages.map(({ bytes }, index) => {
    const high = Math.max(2, (tall * bytes) / most);
    const wide = Math.min(64, gap * 0.5);
    return [
      shape("rect.share", { x: px(middle(index) - wide / 2), y: px(floor - high), width: px(wide), height: px(high), rx: 4 }),
      shape("text.tick", { x: px(middle(index)), y: px(floor - high - 6), "text-anchor": "middle" }, sizeText(bytes, stages[0].bytes, gap)),
    ];
  });
  return {
    scene: drawing(
      { width, height },
      label,
      verticalAxis(y, { left, right, top, bottom: split - 22, height: split - 22 - top }, { title }),
      shape("text.title", { x: 0, y: split + 4 }, "file size"),
      shape("line.base", { x1: left, x2: right, y1: floor, y2: floor }),
      group("shares", bars),
      group("best", shape("path.line", { d: line(hits.map((hit) => [hit.x, hit.y])) })),
      hits.map(({ stage, x, y: at }) => [
        shape("path.interval", { d: `M${px(x)} ${px(y(stage.low))}V${px(y(stage.high))}M${px(x - 4)} ${px(y(stage.low))}h8M${px(x - 4)} ${px(y(stage.high))}h8` }),
        group("best", shape("circle.front", { cx: px(x), cy: px(at), r: 4 })),
        shape("text.tick", { x: px(x), y: height - 8, "text-anchor": "middle" }, shorten(stage.name, Math.max(4, Math.floor(gap / 7)))),
      ]),
    ),
    hits,
  };
}

function sizeText(bytes, first, gap) {
  const change = first ? bytes / first - 1 : 0;
  const share = Math.abs(change) >= 0.005 && gap > 100 ? ` (${change < 0 ? "−" : "+"}${formatShare(Math.abs(change))})` : "";
  return formatBytes(bytes) + share;
}

export function stagesTable({ stages }) {
  const names = [...new Set(stages.flatMap(({ metrics }) => Object.keys(metrics)))];
  return { columns: ["metric", ...stages.map(({ name }) => name)], rows: names.map((name) => [name, ...stages.map(({ metrics }) => metrics[name] ?? null)]) };
}

/** What a stage changed against the one before, for the tooltip. */
export function stageFacts({ metrics, score, low, high, bytes }) {
  return [
    [scoreName(metrics), `${formatNumber(score, 4)} (${formatNumber(low, 3)} to ${formatNumber(high, 3)})`],
    ["file", formatBytes(bytes)],
    ["parameters", formatNumber(metrics.params)],
    ["operations", formatNumber(metrics.flops)],
    ["latency", metrics.latency_p50_ms === undefined ? "–" : `${formatNumber(metrics.latency_p50_ms, 2)} ms`],
  ];
}

/** Shares as bars with their intervals, one for each parameter. Pure. */

import { formatShare, shorten } from "../core/format.js";
import { emptyPlot } from "./axes.js";
import { drawing, group, px, shape } from "./scene.js";

const ROW = 30;

/** @param {{rows: {parameter: string, importance: number, low: number, high: number}[], label: string, nothing: string}} data */
export function importanceChart({ rows, label, nothing }, { width }) {
  if (!rows.length) return { scene: drawing({ width, height: 90 }, label, emptyPlot({ width, height: 90 }, nothing)), hits: [], height: 90 };
  const height = rows.length * ROW + 8;
  const left = Math.min(190, Math.max(90, width * 0.3));
  const right = width - 52;
  const most = Math.max(...rows.map(({ high }) => high), 0.01);
  const x = (share) => left + (Math.max(0, share) / most) * (right - left);
  const middle = (index) => index * ROW + ROW / 2 + 4;
  const hits = rows.map((row, index) => ({ ...row, x: x(row.importance), y: middle(index) }));
  return {
    scene: drawing(
      { width, height },
      label,
      shape("line.base", { x1: left, x2: left, y1: 4, y2: height - 4 }),
      group(
        "shares",
        hits.map((hit) => shape("rect.share", { x: left, y: hit.y - 8, width: px(Math.max(1, hit.x - left)), height: 16, rx: 3 })),
        hits.map((hit) =>
          shape("path.interval", { d: `M${px(x(hit.low))} ${hit.y}H${px(x(hit.high))}M${px(x(hit.low))} ${hit.y - 4}v8M${px(x(hit.high))} ${hit.y - 4}v8` }),
        ),
      ),
      hits.map((hit) => [
        shape("text.tick", { x: left - 8, y: hit.y + 4, "text-anchor": "end" }, shorten(hit.parameter, Math.floor((left - 12) / 6.6))),
        shape("text.tick", { x: px(x(hit.high) + 8), y: hit.y + 4 }, formatShare(hit.importance)),
      ]),
    ),
    hits,
    height,
  };
}

/** Trials at their places over two parameters, shaded by rank; the best lie on top. Pure. */

import { plural, shorten } from "../core/format.js";
import { emptyPlot, fitted, plotRoom } from "./axes.js";
import { marksPath, radiusFor } from "./marks.js";
import { drawing, group, px, shape } from "./scene.js";
import { jitter, parameterTicks } from "./slice.js";

const LEVELS = 10;

/** @param {{columns: object, x: object, y: object, label: string, nothing: string}} data columns as the analysis `rank` answers them */
export function rankChart({ columns, x, y, label, nothing }, size) {
  const [across, up] = [columns[`parameters.${x.name}`], columns[`parameters.${y.name}`]];
  const room = plotRoom(size, { left: 78, bottom: 52, top: 12, right: 12 });
  const hits = (columns.number ?? [])
    .map((number, row) => ({ number, rank: columns.rank[row], a: across?.[row] ?? undefined, b: up?.[row] ?? undefined }))
    .map((each) => ({ ...each, at: [x.place(each.a), y.place(each.b)] }))
    .filter(({ at }) => at[0] !== null && at[1] !== null)
    .map((each) => ({
      ...each,
      x: room.left + (each.at[0] + jitter(x, each.number)) * room.width,
      y: room.bottom - (each.at[1] + jitter(y, each.number + 7)) * room.height,
    }));
  if (!hits.length) return { scene: drawing(size, label, emptyPlot(size, nothing)), hits: [] };
  const level = ({ rank }) => Math.min(LEVELS - 1, Math.floor((1 - rank) * LEVELS));
  const radius = radiusFor(hits.length, room.width * 2);
  return {
    scene: drawing(
      size,
      `${label}: ${plural(hits.length, "trial")}`,
      parameterTicks(x, { ...room, left: room.left - 5, width: room.width + 10 }),
      group("axis", y.ticks(Math.max(2, room.height / 40)).map(({ at, label: text }) => shape("text.tick", { x: room.left - 8, y: px(room.bottom - at * room.height + 4), "text-anchor": "end" }, shorten(text, 10)))),
      shape("text.title", { x: room.right, y: size.height - 6, "text-anchor": "end" }, `${fitted(x.name, size.width / 2 - 30)} →`),
      shape("text.title", { x: 0, y: size.height - 6 }, `↑ ${fitted(y.name, size.width / 2 - 30)}`),
      group("levelled", Array.from({ length: LEVELS }, (_, each) => shape(`path.level-${each}`, { d: marksPath("disc", hits.filter((hit) => level(hit) === each), radius) }))),
    ),
    hits,
  };
}

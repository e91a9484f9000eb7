/** Many marks as one path: thousands of points cost one element. State is told by shape as well as by colour. Pure. */

import { group, px, shape } from "./scene.js";

const DRAW = {
  disc: (x, y, r) => `M${px(x - r)} ${px(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
  square: (x, y, r) => `M${px(x - r)} ${px(y - r)}h${2 * r}v${2 * r}h${-2 * r}z`,
  cross: (x, y, r) => `M${px(x - r)} ${px(y - r)}l${2 * r} ${2 * r}M${px(x - r)} ${px(y + r)}l${2 * r} ${-2 * r}`,
  diamond: (x, y, r) =>
    `M${px(x)} ${px(y - 1.3 * r)}l${px(1.3 * r)} ${px(1.3 * r)}l${px(-1.3 * r)} ${px(1.3 * r)}l${px(-1.3 * r)} ${px(-1.3 * r)}z`,
  wedge: (x, y, r) => `M${px(x - r)} ${px(y - r * 0.8)}h${2 * r}l${-r} ${px(1.8 * r)}z`,
  dash: (x, y, r) => `M${px(x - r)} ${px(y)}h${2 * r}`,
};

/** Which mark stands for which state. */
export const MARK_OF = {
  completed: "disc",
  pruned: "wedge",
  running: "disc",
  waiting: "disc",
  infeasible: "diamond",
  failed: "cross",
  cancelled: "dash",
};

/** @param {string} kind a mark @param {Iterable<{x: number, y: number}>} places */
export function marksPath(kind, places, radius) {
  const draw = DRAW[kind];
  let path = "";
  for (const { x, y } of places) path += draw(x, y, radius);
  return path;
}

/** A radius at which this many points in this much room stay apart for the eye. */
export function radiusFor(count, width) {
  const room = width / Math.max(1, count);
  return room > 8 ? 4 : room > 2 ? 3 : room > 0.6 ? 2.2 : 1.6;
}

/** Trials that break a constraint of the study: however good they are, they are on no front. */
export function brokenMarks(hits, radius) {
  const here = hits.filter(({ isBroken }) => isBroken);
  return here.length ? group("broken", shape("path", { d: marksPath("disc", here, radius) })) : null;
}

/** The best so far in the size of a word. Pure. */

import { bestSoFar } from "../core/history_points.js";
import { formatNumber } from "../core/format.js";
import { extent, linearScale } from "./scale.js";
import { drawing, px, shape, steps } from "./scene.js";

export function sparkline({ points, objective, trusted = false }, size) {
  const best = bestSoFar(points, objective, { trusted });
  if (!best.length) return drawing(size, "no result yet");
  const [low, high] = extent(best.map(({ value }) => value));
  const x = linearScale([0, Math.max(1, points.at(-1).number)], [2, size.width - 4]);
  const y = low === high ? () => size.height / 2 : linearScale([low, high], [size.height - 4, 4]);
  const last = best.at(-1);
  return drawing(
    size,
    `${objective.metric} from ${formatNumber(best[0].value)} to ${formatNumber(last.value)}`,
    shape("path.spark", {
      d: steps(
        best.map(({ number, value }) => [x(number), y(value)]),
        size.width - 4,
      ),
    }),
    shape("circle.sparkend", { cx: px(x(last.number)), cy: px(y(last.value)), r: 2.5 }),
  );
}

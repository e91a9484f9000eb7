/** A line with a band around it, thin lines behind and marks on it: whatever runs along one axis. Pure. */

import { emptyPlot, fitted, horizontalAxis, plotRoom, roomBeside, verticalAxis } from "./axes.js";
import { marksPath, radiusFor } from "./marks.js";
import { extent, linearScale, logScale, padded } from "./scale.js";
import { drawing, group, line, px, shape, steps } from "./scene.js";
import { parameterTicks } from "./slice.js";

/**
 * @param {object} data
 * @param {{points: [number, number][], kind?: string, isStep?: boolean, facts?: object[]}[]} data.lines the first tells on hover
 * @param {[number, number, number][]} [data.band] (x, low, high)
 * @param {[number, number][][]} [data.thin]
 * @param {{x: number, y: number}[]} [data.marks]
 * @param {import("./parameter_axis.js").ParameterAxis} [data.axis] places of a parameter; else a number axis
 */
export function courseChart(
  { lines, band = [], thin = [], marks = [], axis = null, xTitle = "", yTitle = "", label, nothing = "Nothing to draw yet.", isLog = false, domain = null, diagonal = false },
  size,
) {
  const ys = [...lines.flatMap(({ points }) => points.map(([, y]) => y)), ...band.flatMap(([, low, high]) => [low, high]), ...marks.map(({ y }) => y)];
  const xs = [...lines.flatMap(({ points }) => points.map(([x]) => x)), ...marks.map(({ x }) => x)];
  if (!xs.length) return { scene: drawing(size, label, emptyPlot(size, nothing)), hits: [] };
  const plain = plotRoom(size, { left: 52, bottom: axis ? 34 : 44, top: 26, right: 16 });
  const y = linearScale(domain ?? padded(extent(diagonal ? [...xs, ...ys] : ys)), [plain.bottom, plain.top]);
  const room = roomBeside(y, plain);
  const x = axis
    ? (at) => room.left + 5 + at * (room.width - 10)
    : (isLog ? logScale : linearScale)(diagonal ? y.domain : rangeOf(xs), [room.left, room.right]);
  const at = ([across, up]) => [x(across), y(up)];
  const path = ({ points, isStep }) => (isStep ? steps(points.map(at)) : line(points.map(at)));
  const hits = [
    ...lines.flatMap(({ points, facts }) => points.map((point, index) => ({ ...facts?.[index], a: point[0], b: point[1], x: x(point[0]), y: y(point[1]) }))),
    ...marks.map((mark) => ({ ...mark, a: mark.x, b: mark.y, x: x(mark.x), y: y(mark.y) })),
  ];
  const around = band.length ? `${line(band.map(([across, , high]) => at([across, high])))}L${line([...band].reverse().map(([across, low]) => at([across, low]))).slice(1)}Z` : null;
  return {
    scene: drawing(
      size,
      label,
      verticalAxis(y, room, { title: yTitle }),
      axis ? parameterTicks(axis, room) : horizontalAxis(x, room, { title: "" }),
      xTitle ? shape("text.title", { x: room.right, y: size.height - 4, "text-anchor": "end" }, fitted(xTitle, room.right)) : null,
      diagonal ? shape("line.base", { x1: px(x(x.domain[0])), y1: px(y(x.domain[0])), x2: px(x(x.domain[1])), y2: px(y(x.domain[1])) }) : null,
      around ? shape("path.around", { d: around }) : null,
      group("thin", thin.map((points) => shape("path.line", { d: line(points.map(at)) }))),
      marks.length ? group("mark.completed", shape("path", { d: marksPath("disc", hits.slice(-marks.length), radiusFor(marks.length, room.width)) })) : null,
      lines.map((each) => group(each.kind ?? "best", shape("path.line", { d: path(each) }), each.points.length === 1 ? spot(at(each.points[0])) : null)),
    ),
    hits,
  };
}

/** One value has a range around it, too. */
function rangeOf(values) {
  const [low, high] = extent(values) ?? [0, 1];
  return low === high ? padded([low, high]) : [low, high];
}

/** A line of one point is none. */
function spot([x, y]) {
  return shape("circle.peak", { cx: px(x), cy: px(y), r: 4 });
}

/** Parallel coordinates of a study: brush axes to choose trials, drag a name to move its axis. */

import { ramp } from "../../charts/colours.js";
import {
  absentAxes,
  bucketsOf,
  chosenLines,
  crossings,
  nearestLine,
  paintAll,
  paintLine,
  parallelAxes,
  parallelLayout,
} from "../../charts/parallel.js";
import { metricAxis, parameterAxis } from "../../charts/parameter_axis.js";
import { extent, focusedExtent, padded } from "../../charts/scale.js";
import { toSvg } from "../../charts/scene.js";
import { csvOf, offer, pngOf, standaloneSvg } from "../../core/download.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, formatParameter, plural } from "../../core/format.js";
import { address, setQuery } from "../../core/route.js";
import { colourOf, onTheme } from "../../core/theme.js";
import { valueOf } from "../../core/values.js";
import { variablesOf } from "../../core/variables.js";
import { brushesOf, clausesOf } from "../../charts/brushes.js";
import { readFilter, writeFilter } from "../../core/filter.js";
import { axisNames, nearestAxis } from "../../parts/axis_names.js";
import { canvasOf, pageColour, tableTwin, within } from "../../parts/figure.js";
import { emptyPlace, loadingPlace } from "../../parts/pieces.js";
import { dropDown, menu } from "../../parts/menu.js";

const HEIGHT = 440;
const NAMES_ROOM = 24; // pixels above a saved picture, for the names of its axes
const AXIS_ROOM = 76; // pixels an axis needs; with less the plot scrolls sideways
const SHOWN_STATES = new Set(["completed", "pruned"]);
const STEPS = 24;
const MOST_AXES = 16; // that are shown without being asked for

export function openTab({ feed, query, openTrial }) {
  const ending = new AbortController();
  const [objective] = feed.study.objectives;
  let order = query.get("axes")?.split(",").filter(Boolean) ?? null;
  let hidden = query.has("without") ? new Set(query.get("without").split(",")) : null;
  let brushes = null;
  let picture = null;
  let hovered = -1;
  let queued = false;

  const plot = element("div.plot.parallel", { "aria-describedby": "parallel-help" });
  const names = axisNames(move);
  const scroller = element(
    "div.scroller",
    { tabindex: 0, role: "region", "aria-label": "Parallel coordinates" },
    element("div.parallel-sheet", {}, names.node, plot),
  );
  const hint = element("p.hint", { role: "status" });
  const toTable = element("a.button", {}, "Show in table");
  const clear = element("button", { type: "button", on: { click: () => brush(new Map()) } }, "Clear");
  const tip = element("div.tip", { hidden: true });
  const picker = element("div.actions");
  const twin = tableTwin("Parallel coordinates", chosenTable, `${feed.study.name}-parallel`);
  const node = element(
    "section.card",
    {},
    element(
      "div.chart-head",
      {},
      element("h2", {}, "Parallel coordinates"),
      element(
        "div.controls",
        {},
        clear,
        toTable,
        dropDown("Axes", picker),
        menu(
          "Save",
          [
            ["Picture (PNG)", savePng],
            ["Drawing (SVG)", saveSvg],
            ["Table (CSV)", saveCsv],
          ],
          { label: "Save parallel coordinates" },
        ),
      ),
    ),
    hint,
    scroller,
    element("div.ramp", {}, element("span", {}, `worse ${objective.metric}`), rampBar(), element("span", {}, "better")),
    element(
      "p.hint",
      { id: "parallel-help" },
      "Drag along an axis to choose a stretch of it; a click on it lets go. Move an axis by its name, or with the arrow keys. The table takes the same choice as a filter.",
    ),
    twin.node,
  );
  const sizes = new ResizeObserver(redraw);
  sizes.observe(scroller);
  onTheme(redraw, ending.signal);
  listenToPointer();
  feed.wantRows();

  function redraw() {
    if (queued || ending.signal.aborted) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      if (!ending.signal.aborted && scroller.clientWidth) show();
    });
  }

  function show() {
    const rows = feed.rows.all.filter((row) => SHOWN_STATES.has(row.state) && !row.excluded);
    if (!rows.length) {
      picture = null;
      fill(
        plot,
        feed.rowsComplete
          ? emptyPlace("Nothing to compare yet", "A line appears for each completed or pruned trial.")
          : loadingPlace("Reading the trials…"),
      );
      return;
    }
    const all = axesOf(feed, rows, objective);
    if (hidden === null && feed.rowsComplete) showPicker(all, (hidden = seldom(all, rows)));
    else showPicker(all, hidden ?? new Set());
    const axes = inOrder(all.filter(({ name }) => !(hidden ?? seldom(all, rows)).has(name)));
    brushes ??= brushesOf(readFilter(query.get("filter") ?? ""), axes);
    const width = Math.max(scroller.clientWidth, axes.length * AXIS_ROOM);
    const layout = parallelLayout(axes, { width, height: HEIGHT });
    const values = rows.map((row) => valueOf(row.metrics, objective.metric) ?? null);
    const heights = crossings(layout, rows.length, (row, axis) => axes[axis].of(rows[row]));
    picture = {
      rows,
      axes,
      layout,
      heights,
      absents: absentAxes(layout, heights),
      buckets: bucketsOf(values, objective.goal, STEPS),
      colours: lineColours(),
    };
    names.show(picture.layout);
    paint();
  }

  function paint(isDraft = false) {
    const { rows, axes, layout, heights, buckets, colours, absents } = picture;
    picture.chosen = chosenLines(layout, heights, rows.length, brushes);
    const shown = picture.chosen ? picture.chosen.reduce((sum, each) => sum + each, 0) : rows.length;
    const label = `${plural(shown, "trial")} across ${plural(axes.length, "axis", "axes")}: ${axes.map(({ name }) => name).join(", ")}`;
    plot.style.width = `${layout.width}px`;
    plot.style.height = `${layout.height}px`;
    picture.canvas = canvasOf(
      (context) => paintAll(context, { layout, heights, buckets, ...colours, chosen: picture.chosen }, isDraft),
      layout,
    );
    picture.over = canvasOf(() => {}, layout);
    plot.replaceChildren(picture.canvas, picture.over, toSvg(parallelAxes(layout, { brushes, label, absents })), tip);
    hover(-1);
    const total = feed.rowsComplete ? "" : ` · still reading, ${formatNumber(feed.rows.size)} so far`;
    fill(
      hint,
      (picture.chosen ? `${formatNumber(shown)} of ${plural(rows.length, "trial")} chosen` : plural(rows.length, "trial")) +
        total,
    );
    twin.refresh();
    clear.disabled = !brushes.size;
    toTable.href = address("studies", feed.name, "trials", { filter: filterText(), state: "completed,pruned" });
  }

  function brush(next) {
    brushes = next;
    setQuery({ filter: filterText() });
    if (picture) paint();
  }

  function filterText() {
    return writeFilter(clausesOf(brushes ?? new Map(), picture?.axes ?? []));
  }

  function showPicker(axes, without) {
    if (picker.contains(document.activeElement)) return;
    const pick = (name, isShown) => {
      hidden = new Set(without);
      if (isShown) hidden.delete(name);
      else hidden.add(name);
      without = hidden;
      setQuery({ without: [...hidden].join(",") || "none" });
      show();
    };
    fill(
      picker,
      axes.map(({ name }) =>
        element("label", {}, element("input", { type: "checkbox", checked: !without.has(name), on: { change: (event) => pick(name, event.target.checked) } }), name),
      ),
    );
  }

  function inOrder(axes) {
    if (!order) return axes;
    const known = new Map(axes.map((axis) => [axis.name, axis]));
    const named = order.filter((name) => known.has(name)).map((name) => known.get(name));
    return [...named, ...axes.filter(({ name }) => !order.includes(name))];
  }

  function move(name, to) {
    const list = picture.axes.map((axis) => axis.name);
    const place = Math.min(list.length - 1, Math.max(0, to));
    list.splice(place, 0, ...list.splice(list.indexOf(name), 1));
    order = list;
    setQuery({ axes: order.join(",") });
    show();
    names.focus(name);
  }

  function listenToPointer() {
    let drag = null;
    const share = (y) => Math.min(1, Math.max(0, (picture.layout.bottom - y) / (picture.layout.bottom - picture.layout.top)));
    plot.addEventListener("pointerdown", (event) => {
      if (!picture || event.button !== 0) return;
      const at = within(plot, event);
      const axis = nearestAxis(picture.layout, at.x);
      if (Math.abs(picture.layout.xs[axis] - at.x) > 14) return;
      drag = { name: picture.axes[axis].name, from: at.y };
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      if (!picture) return;
      const at = within(plot, event);
      if (!drag) return hover(nearestLine(picture.layout, picture.heights, picture.rows.length, picture.chosen, at), at);
      if (Math.abs(at.y - drag.from) < 3) return undefined;
      const [a, b] = [share(drag.from), share(at.y)];
      brushes = new Map(brushes).set(drag.name, [Math.min(a, b), Math.max(a, b)]);
      drag.moved = true;
      return paintSoon();
    });
    plot.addEventListener("pointerup", (event) => {
      if (!picture) return;
      if (drag?.moved) brush(brushes);
      else if (drag && brushes.has(drag.name)) {
        const left = new Map(brushes);
        left.delete(drag.name);
        brush(left);
      } else {
        const found = nearestLine(picture.layout, picture.heights, picture.rows.length, picture.chosen, within(plot, event));
        if (found >= 0) openTrial(picture.rows[found]);
      }
      drag = null;
    });
    plot.addEventListener("pointerleave", () => picture && hover(-1));
  }

  let painting = false;
  function paintSoon() {
    if (painting) return;
    painting = true;
    requestAnimationFrame(() => {
      painting = false;
      if (picture && !ending.signal.aborted) paint(true);
    });
  }

  function hover(line, at) {
    hovered = line;
    const { layout, heights, over, rows } = picture;
    const context = over.getContext("2d");
    context.clearRect(0, 0, layout.width, layout.height);
    tip.hidden = line < 0;
    plot.classList.toggle("clickable", line >= 0);
    if (line < 0) return;
    paintLine(context, layout, heights, hovered, picture.colours.highlight);
    const row = rows[line];
    fill(
      tip,
      element("strong", {}, `Trial ${row.number}`),
      element(
        "dl",
        {},
        [
          [objective.metric, formatNumber(valueOf(row.metrics, objective.metric), 6)],
          ...Object.entries(row.parameters).map(([name, value]) => [name, formatParameter(value)]),
        ]
          .slice(0, 14)
          .map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
      ),
    );
    const left = at.x + 16 + tip.offsetWidth > layout.width ? at.x - 16 - tip.offsetWidth : at.x + 16;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${Math.max(0, Math.min(at.y, layout.height - tip.offsetHeight))}px`;
  }

  async function savePng() {
    if (!picture) return;
    const svg = plot.querySelector("svg");
    offer(
      `${feed.study.name}-parallel.png`,
      await pngOf({
        svg,
        canvas: picture.canvas,
        width: picture.layout.width,
        height: HEIGHT,
        above: NAMES_ROOM,
        background: pageColour(),
      }),
      "image/png",
    );
  }

  function saveSvg() {
    if (!picture) return;
    const svg = plot.querySelector("svg");
    offer(`${feed.study.name}-parallel.svg`, standaloneSvg(svg, { below: picture.canvas, above: NAMES_ROOM, background: pageColour() }), "image/svg+xml");
  }

  function saveCsv() {
    offer(`${feed.study.name}-parallel.csv`, csvOf(chosenTable()), "text/csv");
  }

  function chosenTable() {
    if (!picture) return { columns: ["trial"], rows: [] };
    const chosen = picture.rows.filter((_, line) => !picture.chosen || picture.chosen[line]);
    return {
      columns: ["trial", ...picture.axes.map(({ name }) => name)],
      rows: chosen.map((row) => [row.number, ...picture.axes.map((axis) => axis.of(row) ?? null)]),
    };
  }

  return {
    node,
    update(changed) {
      if (changed.has("rows")) redraw();
    },
    close() {
      ending.abort();
      sizes.disconnect();
    },
  };
}

/** One axis for each parameter that varies, and one for each objective at the right. */
function axesOf({ study: { objectives }, parameters: known }, rows, first) {
  const parameters = known
    .flatMap(variablesOf)
    .map(({ parameter, of }) => ({ ...parameterAxis(parameter), of: (row) => of(row.parameters) }));
  const metrics = objectives.flatMap((objective) => {
    const values = rows.map((row) => valueOf(row.metrics, objective.metric)).filter((value) => typeof value === "number");
    const range = values.length ? (focusedExtent(values, objective.goal) ?? extent(values)) : null;
    if (!range) return [];
    const [low, high] = range;
    const axis = metricAxis(objective.metric, low === high ? padded(range) : range);
    // Values beyond the range worth looking at stand at its end instead of vanishing.
    const place = (value) => axis.place(clamp(value, low, high));
    const of = (row) => valueOf(row.metrics, objective.metric);
    return [{ ...axis, place, of, isObjective: objective === first, isMetric: true }];
  });
  return [...parameters, ...metrics];
}

/** Axes that few trials have, when there are many: most parameters of an architecture wait for a choice that is seldom made. */
function seldom(axes, rows) {
  if (axes.length <= MOST_AXES) return new Set();
  const some = rows.slice(-500);
  return new Set(axes.filter((axis) => !axis.isMetric && some.filter((row) => axis.of(row) !== undefined).length < 0.75 * some.length).map(({ name }) => name));
}

function clamp(value, low, high) {
  return typeof value === "number" ? Math.min(high, Math.max(low, value)) : undefined;
}

function lineColours() {
  // Twice the middle: only the best third is to glow.
  const stops = ["--ramp-worst", "--ramp-middle", "--ramp-middle", "--ramp-best"].map(colourOf);
  const faint = colourOf("--faint");
  return { colours: [faint, ...ramp(stops, STEPS)], faint, highlight: `rgb(${colourOf("--best").join(" ")})` };
}

function rampBar() {
  return element("span.ramp-bar", { "aria-hidden": "true" });
}

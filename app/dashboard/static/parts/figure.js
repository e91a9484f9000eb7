/** A chart on the page: drawn to its size, with details on hover and by keyboard, a table twin and downloads. */

import { element, fill } from "../core/element.js";
import { csvOf, legendOf, offer, pngOf, standaloneSvg } from "../core/download.js";
import { formatParameter } from "../core/format.js";
import { onTheme } from "../core/theme.js";
import { toSvg } from "../charts/scene.js";
import { menu } from "./menu.js";

const REACH = 24; // pixels from the pointer to a mark
const TABLE_ROWS = 500;

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.filename
 * @param {(size: {width: number, height: number}) => {scene: object, hits: object[], height?: number, paint?: (context: CanvasRenderingContext2D) => void}} options.draw
 * @param {() => {columns: string[], rows: Array<Array<*>>}} options.table
 * @param {(hit: object) => [string, [string, string][]]} [options.tell] what to say about a mark: a heading and facts
 * @param {(hit: object, event: Event) => void} [options.open] what a click on a mark does
 * @param {(from: number, to: number) => void} [options.brush] a stretch of the plot was marked, in pixels
 * @param {(dx: number, dy: number) => void} [options.drag] the plot was pulled by so many pixels
 * @param {Node[]} [options.controls]
 * @param {number | ((width: number) => number)} [options.height]
 */
export function figure({
  title,
  filename,
  draw,
  table,
  tell,
  open,
  brush,
  drag,
  controls = [],
  height = 300,
  level = "h2",
  legend = null,
  hint = null,
}) {
  const ending = new AbortController();
  const plot = element(
    "div.plot",
    tell
      ? {
          tabindex: 0,
          role: "group",
          "aria-label": `${title}. Arrow keys go from trial to trial${open ? ", Enter opens one" : ""}.`,
        }
      : {},
  );
  const tip = element("div.tip", { hidden: true, role: "status" });
  const spot = element("div.spot", { hidden: true });
  const twin = tableTwin(title, table, filename);
  let drawn = { hits: [] };
  let queued = false;
  let at = -1;

  const node = element(
    "figure.chart",
    {},
    element("figcaption", {}, element(level, {}, title), element("div.controls", {}, controls, downloads())),
    hint,
    plot,
    legend,
    twin.node,
  );

  function paint() {
    queued = false;
    const width = Math.floor(plot.clientWidth);
    if (!width || ending.signal.aborted) return;
    const size = { width, height: typeof height === "function" ? height(width) : height };
    drawn = draw(size);
    const tall = drawn.height ?? size.height;
    plot.style.height = `${tall}px`;
    plot.replaceChildren(
      ...[drawn.paint ? canvasOf(drawn.paint, { width, height: tall }) : null, toSvg(drawn.scene), spot, tip].filter(Boolean),
    );
    if (at >= drawn.hits.length) leave();
    twin.refresh();
  }

  function redraw() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(paint);
  }

  function point(index, isByKeyboard = false) {
    at = index;
    const hit = drawn.hits[index];
    const [heading, facts] = tell(hit);
    tip.hidden = spot.hidden = false;
    fill(
      tip,
      element("strong", {}, heading),
      element(
        "dl",
        {},
        facts.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
      ),
    );
    place(spot, hit.x, hit.y);
    place(tip, ...besides(hit, tip, plot));
    if (isByKeyboard) plot.scrollIntoView({ block: "nearest" });
  }

  function leave() {
    at = -1;
    tip.hidden = spot.hidden = true;
  }

  if (tell) listenToPointer();
  if (brush) listenToBrush(plot, brush, ending.signal);
  if (drag) listenToDrag(plot, drag, ending.signal);
  const sizes = new ResizeObserver(redraw);
  sizes.observe(plot);
  onTheme(redraw, ending.signal);

  function listenToPointer() {
    plot.addEventListener("pointermove", (event) => {
      const found = nearest(drawn.hits, within(plot, event));
      if (found < 0) leave();
      else if (found !== at) point(found);
      plot.classList.toggle("clickable", found >= 0 && Boolean(open));
    });
    plot.addEventListener("pointerleave", leave);
    plot.addEventListener("blur", leave);
    plot.addEventListener("click", (event) => {
      const found = nearest(drawn.hits, within(plot, event));
      if (found >= 0 && open) open(drawn.hits[found], event);
    });
    plot.addEventListener("keydown", (event) => {
      const last = drawn.hits.length - 1;
      const to = { ArrowRight: Math.min(last, at + 1), ArrowLeft: at < 0 ? last : Math.max(0, at - 1), Home: 0, End: last }[
        event.key
      ];
      if (to !== undefined && last >= 0) point(to, true);
      else if (event.key === "Enter" && at >= 0 && open) open(drawn.hits[at], event);
      else if (event.key === "Escape") leave();
      else return;
      event.preventDefault();
    });
  }

  function downloads() {
    const save = {
      "Picture (PNG)": async () =>
        offer(
          `${filename}.png`,
          await pngOf({
            svg: plot.querySelector("svg"),
            canvas: plot.querySelector("canvas"),
            ...sizeOf(plot),
            background: pageColour(),
            ...legendOf(legend),
          }),
          "image/png",
        ),
      "Drawing (SVG)": () => offer(`${filename}.svg`, standaloneSvg(plot.querySelector("svg"), { background: pageColour(), ...legendOf(legend) }), "image/svg+xml"),
      "Table (CSV)": () => offer(`${filename}.csv`, csvOf(table()), "text/csv"),
    };
    return menu(
      "Save",
      Object.entries(save).filter(([, action]) => action),
      { label: `Save ${title}` },
    );
  }

  return {
    node,
    redraw,
    close() {
      ending.abort();
      sizes.disconnect();
    },
  };
}

/** The same numbers as a table, made when it is opened. */
export function tableTwin(title, table, filename) {
  const body = element("div.scroller", { tabindex: 0, role: "region", "aria-label": `${title}: data table` });
  const node = element("details.twin", { on: { toggle: () => refresh() } }, element("summary", {}, "Data table"), body);
  function refresh() {
    if (!node.open) return;
    const { columns, rows } = table();
    const cut = rows.slice(-TABLE_ROWS);
    fill(
      body,
      cut.length < rows.length
        ? element(
            "p.hint",
            {},
            `The last ${TABLE_ROWS} of ${rows.length} rows. `,
            element(
              "button.plain",
              { type: "button", on: { click: () => offer(`${filename}.csv`, csvOf(table()), "text/csv") } },
              "Save all as CSV",
            ),
          )
        : null,
      element(
        "table",
        {},
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            columns.map((name) => element("th", { scope: "col" }, name)),
          ),
        ),
        element(
          "tbody",
          {},
          cut.map((row) =>
            element(
              "tr",
              {},
              row.map((value) => element("td", {}, value === null ? "–" : formatParameter(value))),
            ),
          ),
        ),
      ),
    );
  }
  return { node, refresh };
}

/** What a saved picture lies on: what is light on dark must not come to lie on white. */
export function pageColour() {
  return getComputedStyle(document.body).backgroundColor;
}

/** A canvas with as many pixels as the screen has. */
export function canvasOf(paint, { width, height }) {
  const ratio = window.devicePixelRatio || 1;
  const canvas = element("canvas", {
    width: Math.round(width * ratio),
    height: Math.round(height * ratio),
    "aria-hidden": "true",
  });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  paint(context);
  return canvas;
}

export function within(plot, event) {
  const box = plot.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function nearest(hits, { x, y }) {
  let [found, distance] = [-1, REACH ** 2];
  hits.forEach((hit, index) => {
    const away = (hit.x - x) ** 2 + (hit.y - y) ** 2;
    if (away < distance) [found, distance] = [index, away];
  });
  return found;
}

function listenToBrush(plot, brush, signal) {
  const band = element("div.band", { hidden: true });
  let from = null;
  plot.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button === 0 && event.pointerType !== "touch") from = within(plot, event).x;
    },
    { signal },
  );
  window.addEventListener(
    "pointermove",
    (event) => {
      if (from === null) return;
      const to = within(plot, event).x;
      if (Math.abs(to - from) < 6) return;
      plot.append(band);
      band.hidden = false;
      band.style.left = `${Math.min(from, to)}px`;
      band.style.width = `${Math.abs(to - from)}px`;
    },
    { signal },
  );
  window.addEventListener(
    "pointerup",
    (event) => {
      if (from === null) return;
      const to = within(plot, event).x;
      if (!band.hidden) {
        brush(Math.min(from, to), Math.max(from, to));
        swallowClick();
      }
      band.hidden = true;
      from = null;
    },
    { signal },
  );
}

function listenToDrag(plot, drag, signal) {
  let [last, pulled] = [null, false];
  plot.classList.add("turning");
  plot.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button === 0) [last, pulled] = [event, false];
    },
    { signal },
  );
  window.addEventListener(
    "pointermove",
    (event) => {
      if (!last) return;
      const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
      if (!pulled && Math.hypot(dx, dy) < 4) return;
      pulled = true;
      last = event;
      drag(dx, dy);
    },
    { signal },
  );
  const end = () => {
    if (pulled) swallowClick();
    [last, pulled] = [null, false];
  };
  window.addEventListener("pointerup", end, { signal });
  window.addEventListener("pointercancel", () => ([last, pulled] = [null, false]), { signal });
}

/** The end of a drag opens nothing: the click that follows it at once reaches nobody. */
function swallowClick() {
  const swallow = (click) => click.stopPropagation();
  window.addEventListener("click", swallow, { capture: true });
  setTimeout(() => window.removeEventListener("click", swallow, { capture: true }));
}

function place(box, x, y) {
  box.style.left = `${x}px`;
  box.style.top = `${y}px`;
}

function besides({ x, y }, tip, plot) {
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const left = x + 14 + width > plot.clientWidth ? x - 14 - width : x + 14;
  return [Math.max(0, left), Math.max(0, Math.min(y - height / 2, plot.clientHeight - height))];
}

function sizeOf(plot) {
  const svg = plot.querySelector("svg");
  return { width: Number(svg.getAttribute("width")), height: Number(svg.getAttribute("height")) };
}

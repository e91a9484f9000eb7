/** Objectives against each other, with the front that the server computed; trials are chosen from it to be compared. */

import { cloudChart } from "../../charts/cloud.js";
import { paretoChart, paretoTable } from "../../charts/pareto.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, plural } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { chosenBar } from "../../parts/chosen_bar.js";
import { figure } from "../../parts/figure.js";
import { choice, levelLegend } from "../../parts/pieces.js";
import { range } from "../../parts/range.js";
import { select } from "../../parts/select.js";

const MOST_CHOSEN = 8;
const MOST_TOLD = 5000; // trials, of which the server says whether they break a constraint
const [TURN, TILT] = [35, 22]; // degrees, at first: all three axes can be read
const DEGREES_A_PIXEL = 0.5;

export function openTab({ api, feed, query, openTrial, fail }) {
  const ending = new AbortController();
  const { objectives } = feed.study;
  const named = (name, otherwise) => objectives.find(({ metric }) => metric === name) ?? otherwise;
  let shown = ["x", "y", "colour"].slice(0, objectives.length).map((key, index) => named(query.get(key), objectives[index]));
  let front = new Set();
  let broken = new Set();
  let readAt = null;
  let drawn = { hits: [] };
  const chosen = new Set(numbersIn(query.get("chosen")));
  const names = objectives.map(({ metric }) => metric);
  const isMany = objectives.length > 2;
  let isPlane = !isMany || query.get("view") === "plane";
  const view = { turn: degrees(query.get("turn"), TURN), tilt: degrees(query.get("tilt"), TILT) };
  const choose = (index, key) => (metric) => {
    shown = shown.with(index, named(metric));
    setQuery({ [key]: metric });
    redraw();
  };
  const hint = element("p.hint", { role: "status" });
  const bar = chosenBar({ api, feed, chosen, fail, onChange: showChosen });
  const legend = levelLegend();
  const views = choice("View", [["space", "In space"], ["plane", "Flat"]], isPlane ? "plane" : "space", (to) => {
    isPlane = to === "plane";
    setQuery({ view: isPlane ? "plane" : null });
    showView();
  });
  const turned = range("Turn", { low: 0, high: 359, value: view.turn }, (value) => look({ turn: value }));
  const tilted = range("Tilt", { low: 0, high: 90, value: view.tilt }, (value) => look({ tilt: value }));
  const usual = {
    filename: `${feed.study.name}-pareto`,
    height: (width) => Math.max(300, Math.min(560, width * 0.55)),
    table: () => paretoTable({ rows: shownRows(), objectives, front, broken }),
    open: openOrChoose,
  };
  const heading = ({ number, isFront, isBroken }) => `Trial ${number}${isFront ? " · on the front" : isBroken ? " · breaks a constraint" : ""}`;
  const flat = figure({
    ...usual,
    title: "Pareto front",
    legend: isMany ? legend.node : null,
    controls: isMany ? ["Across", "Up", "Colour"].map((name, index) => select(name, names, shown[index].metric, choose(index, name === "Across" ? "x" : name === "Up" ? "y" : "colour")).node) : [],
    draw: (size) => (drawn = paretoChart({ rows: shownRows(), objectives: shown, front, broken, chosen }, size)),
    tell: (hit) => [heading(hit), shown.map(({ metric }, index) => [metric, formatNumber([hit.a, hit.b, hit.c][index], 6)])],
    brush: chooseBetween,
  });
  const space = isMany
    ? figure({
        ...usual,
        title: "Pareto front in space",
        controls: [turned.node, tilted.node],
        draw: (size) => cloudChart({ rows: shownRows(), objectives: shown, front, broken, chosen, ...view }, size),
        tell: (hit) => [heading(hit), shown.map(({ metric }, index) => [metric, formatNumber(hit.values[index], 6)])],
        drag: (dx, dy) => look({ turn: (view.turn + dx * DEGREES_A_PIXEL + 360) % 360, tilt: Math.max(0, Math.min(90, view.tilt + dy * DEGREES_A_PIXEL)) }),
      })
    : null;
  const place = element("section.card.pareto");
  const node = element("div.stack", {}, bar.node, place);
  feed.wantRows();
  showView();

  function showView() {
    fill(place, isMany ? element("div.filters", {}, views.node, hint) : hint, (isPlane ? flat : space).node);
    showHint();
    redraw();
  }

  function look(to) {
    Object.assign(view, to);
    turned.set(view.turn);
    tilted.set(view.tilt);
    setQuery({ turn: Math.round(view.turn), tilt: Math.round(view.tilt) });
    space.redraw();
  }

  function redraw() {
    (isPlane ? flat : space).redraw();
  }

  function openOrChoose(hit, event) {
    if (!event.shiftKey) return openTrial(hit);
    if (!chosen.delete(hit.number)) chosen.add(hit.number);
    bar.update();
    return showChosen();
  }

  function shownRows() {
    return feed.rows.all.filter(({ excluded }) => !excluded);
  }

  /** The front's trials between two places; where there is none of them, all that are there. */
  function chooseBetween(from, to) {
    const here = drawn.hits.filter(({ x }) => x >= from && x <= to);
    const best = here.filter(({ isFront }) => isFront);
    chosen.clear();
    for (const { number } of (best.length ? best : here).slice(0, MOST_CHOSEN)) chosen.add(number);
    bar.update();
    showChosen();
  }

  function showChosen() {
    setQuery({ chosen: [...chosen].join(",") });
    redraw();
  }

  function showHint() {
    const of = objectives.length > 2 ? " of all objectives" : "";
    const how = isPlane ? "Drag across the plot to choose some and compare them" : "Drag to turn it; Shift and a click choose a trial to compare";
    const beyond = broken.size ? `; ${formatNumber(broken.size)} that break a constraint are hollow` : "";
    fill(hint, `${plural(front.size, "trial")} on the front${of}${beyond}. ${how}.${feed.rowsComplete ? "" : " Still reading."}`);
  }

  async function readFront() {
    const at = feed.summary.sequence;
    if (at === readAt) return;
    readAt = at;
    try {
      const [{ trials }, known] = await Promise.all([api.pareto(feed.study.id, ending.signal), readBroken()]);
      front = new Set(trials.map(({ number }) => number));
      broken = known;
      showHint();
      redraw();
    } catch (error) {
      fail(error);
    }
  }

  /** Only the server knows what a constraint means. */
  async function readBroken() {
    if (!feed.study.constraints?.length) return broken;
    const { columns } = await api.analysis(feed.study.id, "pareto", { max_points: MOST_TOLD }, ending.signal);
    return new Set((columns.number ?? []).filter((_, index) => !columns.feasible[index]));
  }

  return {
    node,
    follow(next) {
      isPlane = !isMany || next.get("view") === "plane";
      views.choose(isPlane ? "plane" : "space");
      Object.assign(view, { turn: degrees(next.get("turn"), TURN), tilt: degrees(next.get("tilt"), TILT) });
      turned.set(view.turn);
      tilted.set(view.tilt);
      chosen.clear();
      for (const number of numbersIn(next.get("chosen"))) chosen.add(number);
      bar.update();
      showView();
    },
    update(changed) {
      if (!changed.has("rows") && !changed.has("study")) return;
      readFront();
      legend.update(`worse ${shown[2]?.metric ?? ""}`, "better");
      bar.update();
      showHint();
      redraw();
    },
    close() {
      ending.abort();
      flat.close();
      space?.close();
    },
  };
}

function degrees(text, otherwise) {
  return /^\d{1,3}$/.test(text ?? "") ? Number(text) % 360 : otherwise;
}

function numbersIn(text) {
  return (text ?? "").split(",").filter((each) => /^\d+$/.test(each)).map(Number);
}

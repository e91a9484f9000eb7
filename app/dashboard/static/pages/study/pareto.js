/** Objectives against each other, with the front that the server computed; trials are chosen from it to be compared. */

import { paretoChart, paretoTable } from "../../charts/pareto.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, plural } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { chosenBar } from "../../parts/chosen_bar.js";
import { figure } from "../../parts/figure.js";
import { levelLegend } from "../../parts/pieces.js";
import { select } from "../../parts/select.js";

const MOST_CHOSEN = 8;

export function openTab({ api, feed, query, openTrial, fail }) {
  const ending = new AbortController();
  const { objectives } = feed.study;
  const named = (name, otherwise) => objectives.find(({ metric }) => metric === name) ?? otherwise;
  let shown = ["x", "y", "colour"].slice(0, objectives.length).map((key, index) => named(query.get(key), objectives[index]));
  let front = new Set();
  let readAt = null;
  let drawn = { hits: [] };
  const chosen = new Set((query.get("chosen") ?? "").split(",").filter((text) => /^\d+$/.test(text)).map(Number));
  const names = objectives.map(({ metric }) => metric);
  const choose = (index, key) => (metric) => {
    shown = shown.with(index, named(metric));
    setQuery({ [key]: metric });
    plot.redraw();
  };
  const hint = element("p.hint", { role: "status" });
  const bar = chosenBar({ api, feed, chosen, fail, onChange: showChosen });
  const legend = levelLegend();
  const plot = figure({
    title: "Pareto front",
    hint,
    legend: objectives.length > 2 ? legend.node : null,
    filename: `${feed.study.name}-pareto`,
    height: (width) => Math.max(300, Math.min(560, width * 0.55)),
    controls:
      objectives.length > 2
        ? [
            select("Across", names, shown[0].metric, choose(0, "x")).node,
            select("Up", names, shown[1].metric, choose(1, "y")).node,
            select("Colour", names, shown[2].metric, choose(2, "colour")).node,
          ]
        : [],
    draw: (size) => (drawn = paretoChart({ rows: shownRows(), objectives: shown, front, chosen }, size)),
    table: () => paretoTable({ rows: shownRows(), objectives, front }),
    tell: (hit) => [
      `Trial ${hit.number}${hit.isFront ? " · on the front" : ""}`,
      shown.map(({ metric }, index) => [metric, formatNumber([hit.a, hit.b, hit.c][index], 6)]),
    ],
    open: openTrial,
    brush: chooseBetween,
  });
  const node = element("div.stack", {}, bar.node, element("section.card", {}, plot.node));
  feed.wantRows();

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
    plot.redraw();
  }

  function showHint() {
    const of = objectives.length > 2 ? " of all objectives" : "";
    fill(hint, `${plural(front.size, "trial")} on the front${of}. Drag across the plot to choose some and compare them.${feed.rowsComplete ? "" : " Still reading."}`);
  }

  async function readFront() {
    const at = feed.summary.sequence;
    if (at === readAt) return;
    readAt = at;
    try {
      const { trials } = await api.pareto(feed.study.id, ending.signal);
      front = new Set(trials.map(({ number }) => number));
      showHint();
      plot.redraw();
    } catch (error) {
      fail(error);
    }
  }

  return {
    node,
    update(changed) {
      if (!changed.has("rows") && !changed.has("study")) return;
      readFront();
      legend.update(`worse ${shown[2]?.metric ?? ""}`, "better");
      bar.update();
      showHint();
      plot.redraw();
    },
    close() {
      ending.abort();
      plot.close();
    },
  };
}

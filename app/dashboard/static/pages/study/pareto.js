/** Two of the objectives against each other, with the front that the server computed. */

import { paretoChart, paretoTable } from "../../charts/pareto.js";
import { element, fill } from "../../core/element.js";
import { formatNumber, plural } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { figure } from "../../parts/figure.js";
import { select } from "../../parts/select.js";

export function openTab({ api, feed, query, openTrial, fail }) {
  const ending = new AbortController();
  const { objectives } = feed.study;
  const named = (name, otherwise) => objectives.find(({ metric }) => metric === name) ?? otherwise;
  let pair = [named(query.get("x"), objectives[0]), named(query.get("y"), objectives[1])];
  let front = new Set();
  let readAt = null;
  const names = objectives.map(({ metric }) => metric);
  const choose = (index, key) => (metric) => {
    pair = pair.with(index, named(metric));
    setQuery({ [key]: metric });
    plot.redraw();
  };
  const hint = element("p.hint", { role: "status" });
  const plot = figure({
    title: "Pareto front",
    hint,
    filename: `${feed.study.name}-pareto`,
    height: (width) => Math.max(300, Math.min(520, width * 0.6)),
    controls:
      objectives.length > 2
        ? [
            select("Across", names, pair[0].metric, choose(0, "x")).node,
            select("Up", names, pair[1].metric, choose(1, "y")).node,
          ]
        : [],
    draw: (size) => paretoChart({ rows: shownRows(), objectives: pair, front }, size),
    table: () => paretoTable({ rows: shownRows(), objectives, front }),
    tell: (hit) => [
      `Trial ${hit.number}${hit.isFront ? " · on the front" : ""}`,
      [
        [pair[0].metric, formatNumber(hit.a, 6)],
        [pair[1].metric, formatNumber(hit.b, 6)],
      ],
    ],
    open: openTrial,
  });
  const node = element("section.card", {}, plot.node);
  feed.wantRows();

  function shownRows() {
    return feed.rows.all.filter(({ excluded }) => !excluded);
  }

  async function readFront() {
    const at = feed.summary.sequence;
    if (at === readAt) return;
    readAt = at;
    try {
      const { trials } = await api.pareto(feed.study.id, ending.signal);
      front = new Set(trials.map(({ number }) => number));
      fill(
        hint,
        `${plural(front.size, "trial")} on the front${objectives.length > 2 ? " of all objectives" : ""}${feed.rowsComplete ? "" : " · still reading"}`,
      );
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
      plot.redraw();
    },
    close() {
      ending.abort();
      plot.close();
    },
  };
}

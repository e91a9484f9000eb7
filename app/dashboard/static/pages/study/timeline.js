/** Which worker ran which trial when, and where it waited. */

import { extent } from "../../charts/scale.js";
import { timelineChart, timelineTable } from "../../charts/timeline.js";
import { followAnalysis, rowsOf } from "../../core/analysis.js";
import { element, fill } from "../../core/element.js";
import { formatDuration, plural } from "../../core/format.js";
import { secondsOf, TRIAL_STATES } from "../../core/values.js";
import { figure } from "../../parts/figure.js";
import { choice, stateLegend } from "../../parts/pieces.js";
import { setQuery } from "../../core/route.js";

const STRETCHES = [
  ["all", "All"],
  ["86400", "Day"],
  ["3600", "Hour"],
  ["600", "10 min"],
];

const UNFINISHED = new Set(["lost", "released"]);

export function openTab({ api, feed, query, openTrial, fail }) {
  let earlier = []; // attempts that ended without a result; the rows know only the last one of each trial
  let stretch = query.get("stretch") ?? "all";
  const legend = stateLegend();
  const hint = element("p.hint", { role: "status" });
  const stretches = choice("Stretch of time", STRETCHES, stretch, (chosen) => {
    stretch = chosen;
    setQuery({ stretch: chosen === "all" ? null : chosen });
    plot.redraw();
  });
  const plot = figure({
    title: "Timeline",
    filename: `${feed.study.name}-timeline`,
    legend: legend.node,
    hint,
    controls: [stretches.node],
    draw: (size) => timelineChart({ rows: shownRows(), now: Date.now() }, size),
    table: () => timelineTable({ rows: shownRows() }),
    tell: (hit) => [
      `Trial ${hit.number}`,
      [
        ["state", hit.state],
        ["worker", hit.row.worker ?? "–"],
        ["attempt", String(hit.row.attempt)],
        ["took", formatDuration(secondsOf(hit.row))],
      ],
    ],
    open: openTrial,
  });
  const node = element("section.card", {}, plot.node);
  feed.wantRows();
  const reading = followAnalysis({
    api,
    feed,
    kind: "timeline",
    fail,
    show(answer) {
      earlier = rowsOf(answer)
        .filter(({ outcome }) => UNFINISHED.has(outcome))
        .map((row) => ({ ...row, id: row.trial, state: row.outcome, startedAt: row.started_at * 1000, finishedAt: row.ended_at * 1000 }));
      showLegend();
      plot.redraw();
    },
  });

  function showLegend() {
    const states = TRIAL_STATES.filter((state) => state !== "waiting" && feed.summary.trials[state]);
    legend.update([...states, ...new Set(earlier.map(({ state }) => state))]);
  }

  function shownRows() {
    const rows = [...feed.rows.all.filter(({ startedAt }) => startedAt !== null), ...earlier];
    if (stretch === "all") return rows;
    const end = rows.some(({ state }) => state === "running")
      ? Date.now()
      : (extent(rows.map(({ finishedAt, startedAt }) => finishedAt ?? startedAt))?.[1] ?? 0);
    return rows.filter((row) => (row.finishedAt ?? end) >= end - Number(stretch) * 1000);
  }

  return {
    node,
    update(changed) {
      reading.update(changed);
      if (!changed.has("rows")) return;
      const rows = feed.rows.all;
      showLegend();
      fill(
        hint,
        `${plural(new Set(rows.map(({ worker }) => worker).filter(Boolean)).size, "worker")}; the last attempt of each trial, and those that were lost or given back${feed.rowsComplete ? "" : " · still reading"}`,
      );
      plot.redraw();
    },
    close() {
      reading.close();
      plot.close();
    },
  };
}

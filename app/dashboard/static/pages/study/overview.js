/** A study at a glance: how good, how far, how fast; its history; its best trial; what just happened. */

import { historyChart, historyTable } from "../../charts/history.js";
import { element, fill } from "../../core/element.js";
import { formatAgo, formatDuration, formatNumber, formatResult, formatShare, plural } from "../../core/format.js";
import { address, setQuery } from "../../core/route.js";
import { TRIAL_STATES } from "../../core/values.js";
import { eventLine, trialButton } from "../../parts/event_line.js";
import { figure } from "../../parts/figure.js";
import { parameterList } from "../../parts/parameter_list.js";
import { choice, finishedOf, progressBar, stateLegend } from "../../parts/pieces.js";
import { tile } from "../../parts/tile.js";

const FEED_LINES = 8;

export function openTab({ feed, query, openTrial }) {
  const [objective] = feed.study.objectives;
  let range = query.get("range") ?? "focus";
  let zoom = null;
  let chart = { x: null };

  const tiles = {
    best: tile(`Best ${objective.metric}`),
    progress: tile("Progress"),
    pace: tile("Pace"),
    now: tile("Now"),
    time: tile("Time"),
  };
  const best = element("section.card.best-card", { "aria-label": "Best trial" });
  const latest = element("section.card", { "aria-label": "Latest events" });
  const legend = stateLegend();
  const reset = element("button", { type: "button", hidden: true, on: { click: () => zoomTo(null) } }, "Whole history");
  const ranges = choice(
    "Range of values",
    [
      ["focus", "Focus"],
      ["all", "All"],
      ["log", "Log"],
    ],
    range,
    (chosen) => {
      range = chosen;
      setQuery({ range: chosen === "focus" ? null : chosen });
      plot.redraw();
    },
  );
  const plot = figure({
    title: "History",
    filename: `${feed.study.name}-history`,
    legend: legend.node,
    controls: [reset, ranges.node],
    height: (width) => Math.max(260, Math.min(420, width * 0.5)),
    draw,
    table: () => historyTable({ points: feed.history ?? [], objective }),
    tell: (hit) => [
      `Trial ${hit.number}`,
      [
        ["state", hit.state],
        [objective.metric, formatNumber(hit.value, 6)],
      ],
    ],
    open: openTrial,
    brush: (from, to) => chart.x && zoomTo([Math.floor(chart.x.invert(from)), Math.ceil(chart.x.invert(to))]),
  });
  const node = element(
    "div.overview",
    {},
    element(
      "div.tiles",
      {},
      Object.values(tiles).map((each) => each.node),
    ),
    element("div.columns", {}, element("div.card.main-card", {}, plot.node), best),
    latest,
  );
  let bestShown = "";
  const clock = setInterval(() => tiles.time.update(timeTile(feed)), 1000);
  feed.wantEvents();

  function zoomTo(stretch) {
    zoom = stretch;
    reset.hidden = !stretch;
    plot.redraw();
  }

  function showTiles() {
    const { study, summary } = feed;
    tiles.best.update({
      value: formatResult(summary.best?.metrics[objective.metric] ?? study.best?.value),
      text: bestText(summary, objective),
    });
    tiles.progress.update({
      value: countText(summary),
      more: progressBar(summary.trials, summary.planned_trials),
      text: progressDetails(summary),
    });
    tiles.pace.update({
      value: summary.trials_per_minute ? `${formatNumber(summary.trials_per_minute, 3)} / min` : "–",
      text: remainingText(summary),
    });
    tiles.now.update({
      value: `${formatNumber(summary.trials.running ?? 0)} running`,
      text: summary.no_worker ?? (summary.trials.waiting ? `${plural(summary.trials.waiting, "trial")} waiting` : "none waiting"),
    });
    tiles.time.update(timeTile(feed));
  }

  function showBest() {
    const top = feed.summary.best;
    const key = top ? `${top.id} ${top.sequence}` : "none";
    if (key === bestShown) return;
    bestShown = key;
    fill(
      best,
      top
        ? bestCard(top, feed, openTrial)
        : element(
            "div.empty",
            {},
            element("h2", {}, "Best trial"),
            element(
              "p",
              {},
              feed.study.objectives.length > 1
                ? "With several objectives there is a front instead of one best trial."
                : "It appears with the first result.",
            ),
          ),
    );
  }

  function showLatest() {
    if (latest.contains(document.activeElement)) return; // do not pull a button away from under the keyboard
    const lines = feed.events.slice(-FEED_LINES).reverse();
    fill(
      latest,
      element("h2", {}, "Latest"),
      lines.length
        ? element(
            "ol.feed",
            {},
            lines.map((event) => eventLine(event, { trialOf: trialButton(openTrial), resultOf: (number) => feed.resultOf(number) })),
          )
        : element("p.hint", {}, "Nothing has happened yet."),
    );
  }

  function draw(size) {
    const trusted = Boolean(feed.study.constraints?.length);
    chart = historyChart({ points: feed.history ?? [], objective, range, zoom, trusted }, size);
    const counts = feed.summary.trials;
    legend.update(TRIAL_STATES.filter((state) => counts[state]), chart.hits.some(({ isOutside }) => isOutside));
    return chart;
  }

  return {
    node,
    update(changed) {
      if (changed.has("study")) {
        showTiles();
        showBest();
      }
      if (changed.has("history") && feed.history) {
        plot.redraw();
      }
      if (changed.has("events") || changed.has("history")) showLatest();
    },
    close() {
      clearInterval(clock);
      plot.close();
    },
  };
}

function bestCard(top, { study, parameters, name }, openTrial) {
  const [objective] = study.objectives;
  const ofArchitecture = ({ name: each }) => each.startsWith("arch.");
  const plain = Object.fromEntries(Object.entries(top.parameters).filter(([each]) => !each.startsWith("arch.")));
  return [
    element("h2", {}, "Best trial"),
    element("p.figure", {}, formatResult(top.metrics[objective.metric], 6)),
    element("p.hint", {}, `${objective.metric} of trial ${top.number}`, top.why ? ` · ${top.why}` : ""),
    parameterList(parameters.filter((each) => !ofArchitecture(each)), plain),
    study.space.architecture ? networkLine(top) : null,
    element(
      "div.buttons",
      {},
      element("button", { type: "button", on: { click: () => openTrial(top) } }, "Details"),
      element("a.button", { href: address("studies", name, "model") }, "Model"),
      element(
        "button",
        { type: "button", on: { click: (event) => copy(event.target, JSON.stringify(top.parameters, null, 2)) } },
        "Copy as JSON",
      ),
    ),
  ];
}

/** An architecture has too many parameters to list: what it came to, and where it is drawn. */
function networkLine({ metrics }) {
  const told = [
    ["layers with weights", metrics.depth],
    ["parameters", metrics.params],
    ["operations", metrics.flops],
  ].filter(([, value]) => value !== undefined);
  return element("p.hint", {}, "Network: ", told.map(([word, value]) => `${formatNumber(value)} ${word}`).join(", ") || "drawn on the page of the model", ".");
}

async function copy(button, text) {
  const name = button.textContent;
  // Clipboard access needs https or localhost; elsewhere the text is in the list above.
  const done = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  button.textContent = done ? "Copied" : "Cannot copy here";
  setTimeout(() => {
    button.textContent = name;
  }, 1500);
}

function timeTile({ study, summary, summaryAt, freshness }) {
  const goesOn = summary.state === "active" && freshness.state === "live";
  const elapsed = summary.elapsed_s + (goesOn ? (Date.now() - summaryAt) / 1000 : 0);
  return {
    value: formatDuration(elapsed),
    text: summary.device_seconds
      ? `${formatDuration(summary.device_seconds)} of device time`
      : `created ${formatAgo(study.created_at)}`,
  };
}

function bestText(summary, { goal, target }) {
  const goalText = `${goal}${target === undefined || target === null ? "" : ` to ${formatNumber(target)}`}`;
  return summary.best
    ? `${goalText} · trial ${formatNumber(summary.best.number)}, ${formatAgo(summary.best.finished_at)}`
    : goalText;
}

function countText({ trials, planned_trials: planned }) {
  return planned ? `${formatNumber(finishedOf(trials))} / ${formatNumber(planned)}` : formatNumber(finishedOf(trials));
}

function progressDetails({ trials, planned_trials: planned }) {
  const share = planned ? formatShare(Math.min(1, finishedOf(trials) / planned)) : "no limit on trials";
  const told = ["pruned", "infeasible", "failed", "cancelled"]
    .filter((state) => trials[state])
    .map((state) => `${formatNumber(trials[state])} ${state}`);
  return [share, ...told].join(" · ");
}

function remainingText({ state, trials, planned_trials: planned, trials_per_minute: pace }) {
  if (state !== "active" || !planned || !pace) return "trials per minute";
  const left = planned - finishedOf(trials);
  return left > 0 ? `about ${formatDuration((left / pace) * 60)} left` : "the budget is spent";
}

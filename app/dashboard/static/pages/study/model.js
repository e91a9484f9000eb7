/** The model that a trial found: its network, what each stage of its pipeline did to it, what it looks at, its files. */

import { familyOf, networkChart, networkTable } from "../../charts/network.js";
import { scoreName, stageFacts, stagesChart, stagesOf, stagesTable } from "../../charts/stages.js";
import { isAbort } from "../../core/api.js";
import { element, fill } from "../../core/element.js";
import { formatBytes, formatDuration, formatNumber, formatResult, formatShare } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { figure } from "../../parts/figure.js";
import { emptyPlace, loadingPlace, statePill } from "../../parts/pieces.js";
import { explanationCard } from "../../parts/explanation_card.js";
import { filesCard } from "../../parts/files_card.js";
import { meter } from "../../parts/meter.js";
import { tile } from "../../parts/tile.js";

const STAGE_COLUMNS = ["stage", "score", "parameters", "operations", "weights", "file", "latency p50", "p95", "took"];

export function openTab({ api, feed, query, openTrial, fail }) {
  const { objectives } = feed.study;
  let asked = new AbortController();
  let number = /^\d+$/.test(query.get("of") ?? "") ? Number(query.get("of")) : null;
  let shown = null;
  let figures = [];

  const chooser = element("input", {
    type: "number",
    min: 0,
    "aria-label": "Trial",
    on: { change: () => choose(chooser.value === "" ? null : Number(chooser.value)) },
  });
  const leading = element("div.choice-bar", { role: "group", "aria-label": "Leading trials" });
  const place = element("div.stack", {}, loadingPlace());
  const node = element(
    "div.stack",
    {},
    element("div.filters", {}, element("label.select", {}, element("span", {}, "Trial"), chooser), leading),
    place,
  );

  function choose(next) {
    number = next;
    setQuery({ of: next });
    read();
  }

  /** The best trial, or of several objectives the front. */
  async function candidates(signal) {
    if (feed.summary.best) return [feed.summary.best];
    return (await api.pareto(feed.study.id, signal)).trials;
  }

  async function read() {
    asked.abort();
    const { signal } = (asked = new AbortController());
    try {
      const found = await candidates(signal);
      const chosen = number ?? found[0]?.number;
      showLeading(found, chosen);
      if (chosen === undefined) return void fill(place, emptyPlace("No model yet", "It appears with the first completed trial."));
      const known = found.find((trial) => trial.number === chosen);
      const id = known?.id ?? (await feed.trialId(chosen));
      const [trial, network, files] = await Promise.all([
        api.trial(id, signal),
        feed.study.space.architecture ? orNull(api.network(id, signal)) : null,
        api.isGuest ? null : orNull(api.artifacts(id, signal)),
      ]);
      show(trial, network, files, signal);
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      if (error.needsKey) fail(error);
      else fill(place, emptyPlace(`Trial ${number ?? ""} cannot be shown`, error.message));
    }
  }

  /** A study without an architecture has no network; a guest may not read files. Neither is a fault. */
  function orNull(asking) {
    return asking.catch((error) => {
      if (error.status === 409 || error.status === 403 || error.status === 404) return null;
      throw error;
    });
  }

  function showLeading(trials, chosen) {
    chooser.value = chosen ?? "";
    fill(
      leading,
      trials.slice(0, 12).map((trial) =>
        element(
          "button",
          { type: "button", "aria-pressed": String(trial.number === chosen), on: { click: () => choose(trial.number) } },
          feed.summary.best ? `Best: ${formatNumber(trial.number)}` : `#${formatNumber(trial.number)}`,
        ),
      ),
    );
  }

  function show(trial, network, files, signal) {
    shown = `${trial.id} ${trial.sequence}`;
    figures.forEach((each) => each.close());
    figures = [];
    const stages = stagesOf(trial.metrics);
    const explanation = explanationCard({ api, trial, files: files ?? [], fail, signal, keep: (each) => figures.push(each) });
    fill(
      place,
      headCard(trial),
      tilesOf(trial, network, stages),
      network ? networkCard(network) : null,
      stages.length ? stagesCard(stages) : null,
      explanation,
      filesCard({ api, trial, files, fail }),
      network || stages.length || files?.length ? null : emptyPlace("Nothing is known of its network", "The study searches no architecture, and the trial has kept no files. Trainables with a pipeline, and trials that send artifacts, tell more."),
    );
  }

  function headCard(trial) {
    return element(
      "header.model-head",
      {},
      element("h2", {}, `The model of trial ${formatNumber(trial.number)}`),
      statePill(trial.state),
      trial.number === feed.summary.best?.number ? element("span.chip.best-chip", {}, "best") : null,
      element("button", { type: "button", on: { click: () => openTrial(trial) } }, "Parameters and curve"),
    );
  }

  function tilesOf(trial, network, stages) {
    const last = stages.at(-1)?.metrics;
    const told = [
      ...objectives.map(({ metric, goal }) => [metric, formatResult(trial.metrics?.[metric]), goal]),
      ["Parameters", formatNumber(last?.params ?? network?.counts.params ?? trial.metrics?.params), "weights that training changes"],
      ["Operations", formatNumber(last?.flops ?? network?.counts.flops ?? trial.metrics?.flops), "for one row"],
      network ? ["Depth", formatNumber(network.counts.depth), `layers with weights, of ${network.layers.length}`] : null,
      last ? ["File", formatBytes(last.file_bytes), "as it would be shipped"] : null,
    ].filter((each) => each && each[1] !== "–");
    return element(
      "div.tiles",
      {},
      told.map(([name, value, text]) => {
        const made = tile(name);
        made.update({ value, text });
        return made.node;
      }),
    );
  }

  function networkCard(network) {
    const plot = figure({
      title: "Network",
      filename: `${feed.study.name}-${network.number}-network`,
      hint: element("p.hint", {}, "Data passes from the input to the head; a bar in a box is its share of the weights of the heaviest layer."),
      height: 120,
      draw: (size) => networkChart({ layers: network.layers, label: `Network of trial ${network.number}` }, size),
      table: () => networkTable(network),
      tell: ({ layer }) => [
        layer.op,
        [
          ...Object.entries(layer.attributes).map(([name, value]) => [name, String(value)]),
          ["output", layer.shape.join(" × ")],
          ["parameters", formatNumber(layer.params)],
          ["operations", formatNumber(layer.flops)],
        ],
      ],
    });
    figures.push(plot);
    return element("section.card.network", {}, plot.node, layerTable(network), element("p.hint", {}, "hash ", element("code", {}, network.hash), ": the same for every network that computes the same."));
  }

  function stagesCard(stages) {
    const score = scoreName(stages[0].metrics);
    const plot = figure({
      title: "Pipeline",
      filename: `${feed.study.name}-stages`,
      hint: element("p.hint", {}, `${score} with its 95 % interval, and the size of the file, after each stage.`),
      height: 260,
      draw: (size) => stagesChart({ stages, label: `${score} and file size after ${stages.map(({ name }) => name).join(", ")}`, title: score }, size),
      table: () => stagesTable({ stages }),
      tell: ({ stage }) => [stage.name, stageFacts(stage)],
    });
    figures.push(plot);
    return element("section.card", {}, plot.node, element("div.scroller", { tabindex: 0, role: "region", "aria-label": "Stages" }, stageTable(stages, score)));
  }

  read();
  return {
    node,
    follow(next) {
      const of = /^\d+$/.test(next.get("of") ?? "") ? Number(next.get("of")) : null;
      if (of !== number) choose(of);
    },
    update(changed) {
      const best = feed.summary.best;
      const isNews = number === null && shown && best && shown !== `${best.id} ${best.sequence}`;
      if (changed.has("study") && (isNews || (!shown && !best))) read();
    },
    close() {
      asked.abort();
      figures.forEach((each) => each.close());
    },
  };
}

function layerTable({ layers, counts }) {
  const most = Math.max(1, ...layers.map(({ params }) => params));
  const line = ({ index, op, shape, params }) =>
    element(
      "tr",
      {},
      element("td.number", {}, formatNumber(index)),
      element(`th.layer.${familyOf(op)}`, { scope: "row" }, element("span.swatch"), op),
      element("td", {}, element("code", {}, shape.join("×"))),
      element("td.wide", {}, params ? meter("", params / most, { text: `${formatNumber(params)} · ${formatShare(params / Math.max(1, counts.params))}` }) : null),
    );
  return element("div.scroller.layers", { tabindex: 0, role: "region", "aria-label": "Layers" }, element("table", {}, element("thead", {}, element("tr", {}, ["#", "layer", "output", "parameters"].map((name) => element("th", { scope: "col" }, name)))), element("tbody", {}, layers.map(line))));
}

function stageTable(stages, score) {
  const number = (value, text) => element("td.number", {}, value === undefined ? "–" : text(value));
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, STAGE_COLUMNS.map((name, index) => element("th", { scope: "col", class: index ? "number" : "" }, name === "score" ? score : name)))),
    element(
      "tbody",
      {},
      stages.map(({ name, metrics }) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, name),
          number(metrics[score], (value) => formatNumber(value, 4)),
          number(metrics.params, formatNumber),
          number(metrics.flops, formatNumber),
          number(metrics.weight_bytes, formatBytes),
          number(metrics.file_bytes, formatBytes),
          number(metrics.latency_p50_ms, milliseconds),
          number(metrics.latency_p95_ms, milliseconds),
          number(metrics.seconds, formatDuration),
        ),
      ),
    ),
  );
}

function milliseconds(value) {
  return `${formatNumber(value, 2)} ms`;
}

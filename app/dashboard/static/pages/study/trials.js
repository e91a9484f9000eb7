/** All trials in one table: filtered, sorted, with the columns one wants; a row opens its trial. */

import { csvOf, offer } from "../../core/download.js";
import { element, fill } from "../../core/element.js";
import { filterOf, readFilter, unknownNames } from "../../core/filter.js";
import { formatDuration, formatNumber, formatParameter, plural } from "../../core/format.js";
import { setQuery } from "../../core/route.js";
import { metricNames, secondsOf, TRIAL_STATES, valueOf } from "../../core/values.js";
import { variablesOf } from "../../core/variables.js";
import { chosenBar } from "../../parts/chosen_bar.js";
import { dropDown } from "../../parts/menu.js";
import { emptyPlace, statePill } from "../../parts/pieces.js";
import { virtualTable } from "../../parts/virtual_table.js";

const HIDDEN_AT_FIRST = new Set(["source", "attempt"]);

export function openTab({ api, feed, query, openTrial, fail }) {
  let asked = readQuery(query);
  const seldom = feed.parameters.map(({ name }) => name).filter((name) => name.startsWith("arch."));
  let hidden = new Set(asked.hidden ?? [...HIDDEN_AT_FIRST, ...seldom.map((name) => `parameter:${name}`)]);
  let columns = [];
  let rows = [];

  const input = element("input", {
    type: "search",
    value: asked.filter,
    spellcheck: "false",
    "aria-label": "Filter",
    placeholder: "lr < 0.01  optimizer = adam  state = completed",
    on: { input: () => change({ filter: input.value }) },
  });
  const hint = element("p.hint", { role: "status" });
  const states = element("div.choice-bar", { role: "group", "aria-label": "States" });
  const picker = element("div.actions");
  const save = element("button", { type: "button", on: { click: saveCsv } }, "Save CSV");
  const table = virtualTable({
    label: "Trials",
    onSort: sortBy,
    onOpen: openTrial,
    keyOf: (row) => row.number,
    classOf: (row) => (row.number === feed.summary.best?.number ? "best" : row.excluded ? "excluded" : ""),
  });
  const chosen = new Set(asked.chosen);
  const chosenActions = chosenBar({ api, feed, chosen, fail, onChange: showChosen });
  const nothing = element("div");
  const node = element(
    "div.trials",
    {},
    element(
      "div.filters",
      {},
      input,
      states,
      dropDown("Columns", picker),
      save,
      hint,
    ),
    chosenActions.node,
    table.node,
    nothing,
  );
  feed.wantRows();
  showStates();

  function change(changes) {
    asked = { ...asked, ...changes };
    setQuery({ filter: asked.filter, state: asked.states.join(","), sort: asked.sort });
    show();
  }

  function sortBy(key) {
    const first = bestFirst(key, feed.study.objectives);
    change({ sort: asked.sort === first ? flip(first) : first });
  }

  function showStates() {
    fill(
      states,
      TRIAL_STATES.map((state) =>
        element(
          "button",
          {
            type: "button",
            "aria-pressed": String(asked.states.includes(state)),
            on: { click: (event) => toggle(state, event.currentTarget) },
          },
          element(`span.swatch.${state}`),
          state,
        ),
      ),
    );
  }

  function toggle(state, button) {
    const states = asked.states.includes(state) ? asked.states.filter((each) => each !== state) : [...asked.states, state];
    button.setAttribute("aria-pressed", String(states.includes(state)));
    change({ states });
  }

  function showColumns() {
    const possible = columnsOf(feed);
    const names = possible.map(({ key }) => key).join();
    if (names === columns.names) return;
    columns = Object.assign(possible, { names });
    fill(
      picker,
      possible
        .filter(({ fixed }) => !fixed)
        .map(({ key, title }) =>
          element(
            "label",
            {},
            element("input", {
              type: "checkbox",
              checked: !hidden.has(key),
              on: { change: (event) => pick(key, event.target.checked) },
            }),
            title,
          ),
        ),
    );
    table.setColumns(shownColumns());
  }

  function shownColumns() {
    return [chooser(), ...columns.filter(({ key }) => !hidden.has(key))];
  }

  function chooser() {
    const cell = (row) =>
      element("input.chooser", {
        type: "checkbox",
        checked: chosen.has(row.number),
        "aria-label": `Choose trial ${row.number}`,
        on: { click: (event) => event.stopPropagation(), keydown: (event) => event.stopPropagation(), change: (event) => choose(row, event.target.checked) },
      });
    return { key: "chosen", title: element("span.unseen", {}, "Chosen"), width: 40, sortable: false, cell };
  }

  function choose(row, isChosen) {
    if (isChosen) chosen.add(row.number);
    else chosen.delete(row.number);
    chosenActions.update();
    keepChosen();
  }

  function showChosen() {
    keepChosen();
    table.setColumns(shownColumns());
  }

  function keepChosen() {
    setQuery({ chosen: [...chosen].join(",") });
  }

  function pick(key, isShown) {
    if (isShown) hidden.delete(key);
    else hidden.add(key);
    setQuery({ hidden: [...hidden].join(",") });
    table.setColumns(shownColumns());
  }

  function show() {
    showColumns();
    chosenActions.update();
    const clauses = readFilter(asked.filter);
    const items = new Map(feed.parameters.flatMap(variablesOf).map(({ parameter, of }) => [parameter.name, of]));
    const passes = filterOf(clauses, items);
    rows = feed.rows.all.filter((row) => (!asked.states.length || asked.states.includes(row.state)) && passes(row));
    const order = orderOf(asked.sort, columns);
    rows.sort(order.compare);
    table.setRows(rows, order);
    fill(hint, hintText(clauses, items));
    table.node.hidden = !rows.length && (feed.rowsComplete || feed.rows.size > 0);
    fill(nothing, table.node.hidden ? nothingText() : null);
  }

  function hintText(clauses, items) {
    const unknown = unknownNames(clauses, [
      ...feed.parameters.map(({ name }) => name),
      ...items.keys(),
      ...metricNames(feed.rows.all.slice(-500), feed.study.objectives),
    ]);
    if (unknown.length) return `unknown: ${unknown.join(", ")}`;
    const total = Object.values(feed.summary.trials).reduce((sum, count) => sum + count, 0);
    const loading = feed.rowsComplete ? "" : ` · reading ${formatNumber(feed.rows.size)} of ${formatNumber(total)}`;
    return `${rows.length === feed.rows.size ? plural(rows.length, "trial") : `${formatNumber(rows.length)} of ${plural(feed.rows.size, "trial")}`}${loading}`;
  }

  function nothingText() {
    return feed.rows.size
      ? emptyPlace("No trial fits", "Loosen the filter: every clause must hold.")
      : emptyPlace("No trials yet", "They appear here as workers claim them.");
  }

  function saveCsv() {
    const written = columns.filter(({ key }) => !hidden.has(key));
    offer(
      `${feed.study.name}-trials.csv`,
      csvOf({
        columns: written.map(({ title }) => title),
        rows: rows.map((row) => written.map(({ fact }) => fact(row) ?? null)),
      }),
      "text/csv",
    );
  }

  return {
    node,
    follow(next) {
      const now = readQuery(next);
      if (now.chosen.join() !== [...chosen].join()) {
        chosen.clear();
        for (const number of now.chosen) chosen.add(number);
        chosenActions.update();
        table.setColumns(shownColumns());
      }
      if (now.filter === asked.filter && now.sort === asked.sort && now.states.join() === asked.states.join()) return;
      asked = now;
      input.value = asked.filter;
      showStates();
      show();
    },
    update(changed) {
      if (changed.has("rows") || changed.has("study")) show();
    },
    close: table.close,
  };
}

function readQuery(query) {
  const list = (name) => query.get(name)?.split(",").filter(Boolean);
  return {
    filter: query.get("filter") ?? "",
    states: list("state") ?? [],
    sort: query.get("sort") ?? "-number",
    hidden: list("hidden"),
    chosen: (list("chosen") ?? []).filter((text) => /^\d+$/.test(text)).map(Number),
  };
}

/** The columns a study's trials have: what they are, what came out, what went in. */
function columnsOf({ study, parameters, rows }) {
  const metrics = metricNames(rows.all.slice(-500), study.objectives);
  return [
    {
      key: "number",
      title: "trial",
      width: 76,
      isNumeric: true,
      fixed: true,
      fact: (row) => row.number,
      cell: (row) => formatNumber(row.number),
    },
    { key: "state", title: "state", width: 136, fact: (row) => row.state, cell: (row) => statePill(row.state) },
    ...metrics.slice(0, study.objectives.length).map(metricColumn),
    ...parameters
      .filter(({ type }) => type !== "constant")
      .map((parameter) => ({
        key: `parameter:${parameter.name}`,
        title: parameter.name,
        width: 112,
        isNumeric: parameter.type === "float" || parameter.type === "int",
        fact: (row) => valueOf(row.parameters, parameter.name),
        cell: (row) => exact(valueOf(row.parameters, parameter.name)),
      })),
    ...metrics.slice(study.objectives.length).map(metricColumn),
    {
      key: "seconds",
      title: "took",
      width: 96,
      isNumeric: true,
      fact: (row) => secondsOf(row),
      cell: (row) => formatDuration(secondsOf(row)),
    },
    { key: "worker", title: "worker", width: 150, fact: (row) => row.worker, cell: (row) => row.worker ?? "–" },
    { key: "source", title: "source", width: 96, fact: (row) => row.source, cell: (row) => row.source },
    {
      key: "attempt",
      title: "attempt",
      width: 90,
      isNumeric: true,
      fact: (row) => row.attempt,
      cell: (row) => formatNumber(row.attempt),
    },
  ];
}

function metricColumn(name) {
  return {
    key: `metric:${name}`,
    title: name,
    width: 120,
    isNumeric: true,
    fact: (row) => valueOf(row.metrics, name),
    cell: (row) => exact(valueOf(row.metrics, name)),
  };
}

function exact(value) {
  if (value === undefined) return element("span.none", {}, "–");
  return typeof value === "number" ? element("span", { title: String(value) }, formatParameter(value)) : formatParameter(value);
}

function bestFirst(key, objectives) {
  const objective = objectives.find(({ metric }) => key === `metric:${metric}`);
  return objective?.goal === "maximize" ? `-${key}` : key;
}

function flip(sort) {
  return sort.startsWith("-") ? sort.slice(1) : `-${sort}`;
}

/** Absent values come last whichever way one sorts. */
function orderOf(sort, columns) {
  const isDescending = sort.startsWith("-");
  const key = isDescending ? sort.slice(1) : sort;
  const { fact } = columns.find((column) => column.key === key) ?? columns[0];
  const sign = isDescending ? -1 : 1;
  const compare = (a, b) => {
    const [left, right] = [fact(a) ?? null, fact(b) ?? null];
    if (left === null || right === null) return left === right ? b.number - a.number : left === null ? 1 : -1;
    if (left === right) return b.number - a.number;
    if (typeof left === "number" && typeof right === "number") return sign * (left - right);
    return sign * String(left).localeCompare(String(right));
  };
  return { key, isDescending, compare };
}

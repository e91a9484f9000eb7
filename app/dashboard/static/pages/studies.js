/** All studies: search, state, progress, best and how it came about. */

import { LONGEST_PAGE } from "../core/api.js";
import { calmly, followFeed } from "../core/live.js";
import { element, fill } from "../core/element.js";
import { formatAgo, formatResult, formatTime, plural } from "../core/format.js";
import { pointsFromColumns } from "../core/history_points.js";
import { noticeProblem } from "../core/notices.js";
import { address, setQuery } from "../core/route.js";
import { toSvg } from "../charts/scene.js";
import { sparkline } from "../charts/sparkline.js";
import { chosenStudies } from "../parts/chosen_studies.js";
import { choice, emptyPlace, progressBar, progressText, reasonText, statePill } from "../parts/pieces.js";

const PAGE = 50;
const AGO_MS = 15_000; // how often it is said anew how long ago a study has changed
const STATES = [
  ["", "All"],
  ["active", "Active"],
  ["paused", "Paused"],
  ["stopping", "Stopping"],
  ["completed", "Completed"],
  ["failed", "Failed"],
];
const COLUMNS = ["Study", "State", "Progress", "Best", "Trend", "Changed"];

export async function openPage({ api, route, fail, title }) {
  const ending = new AbortController();
  const sparks = new Sparks(api, ending.signal);
  const asked = askedIn(route.query);
  let studies = [];
  let next = null;
  let wanted = PAGE;

  const search = element("input", {
    type: "search",
    value: asked.name,
    placeholder: "Search by name",
    "aria-label": "Search by name",
    on: { input: () => ask({ name: search.value.trim() }) },
  });
  const states = choice("State", STATES, asked.state, (state) => ask({ state }));
  const body = element("tbody");
  const table = element(
    "table.studies",
    {},
    element("caption.unseen", {}, "Studies"),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        COLUMNS.map((name) => element("th", { scope: "col" }, name)),
      ),
    ),
    body,
  );
  const more = element(
    "button",
    {
      type: "button",
      hidden: true,
      on: {
        click: () => {
          wanted += PAGE;
          refresh().catch(noticeProblem);
        },
      },
    },
    "Show more",
  );
  const place = element("div.scroller");
  const chosen = new Set();
  const actions = chosenStudies({ api, chosen, fail, onDone: () => refresh().catch(noticeProblem) });
  const count = element("p.hint", { role: "status" });
  const label = element("span");
  const node = element(
    "div.page",
    {},
    element("header.page-head", {}, element("h1", {}, "Studies"), element("a.button.primary.writes", { href: "#/new" }, "New study")),
    element("div.filters", {}, search, states.node, label, count),
    actions.node,
    place,
    more,
  );
  title("Studies");
  showLabel();
  await refresh();
  keepFresh();
  const clock = setInterval(() => {
    for (const time of body.querySelectorAll("time")) time.textContent = formatAgo(time.dateTime);
  }, AGO_MS);

  function ask(changes) {
    Object.assign(asked, changes);
    setQuery({ search: asked.name, state: asked.state, label: asked.label });
    showLabel();
    refresh().catch((error) => fail(error));
  }

  /** The label that all studies of the list have, to be let go. */
  function showLabel() {
    const clear = () => element("button.plain", { type: "button", "aria-label": `Also without ${asked.label}`, on: { click: () => ask({ label: "" }) } }, "×");
    fill(label, asked.label ? element("span.chip", {}, asked.label.replace("=", ": "), clear()) : null);
  }

  async function refresh() {
    const wish = { ...asked };
    const found = [];
    let cursor;
    do {
      const page = await api.studies({
        limit: Math.min(LONGEST_PAGE, wanted - found.length),
        cursor,
        state: wish.state || undefined,
        name: wish.name || undefined,
        label: wish.label || undefined,
        signal: ending.signal,
      });
      found.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor && found.length < wanted);
    if (Object.keys(wish).some((key) => wish[key] !== asked[key])) return;
    [studies, next] = [found, cursor];
    show();
  }

  function show() {
    more.hidden = !next;
    showCount();
    if (studies.length) {
      fill(
        body,
        studies.map((study) => studyRow(study, sparks, chooserOf(study))),
      );
      if (place.firstChild !== table) fill(place, table);
    } else if (asked.name || asked.state || asked.label) {
      fill(place, emptyPlace("No study fits", "Try another name, state or label."));
    } else {
      fill(
        place,
        emptyPlace(
          "No studies yet",
          "A study is one search: a space, an objective and a budget. POST one to /v1/studies, or make one here.",
          element("a.button.primary", { href: "#/new" }, "New study"),
        ),
      );
    }
  }

  function showCount() {
    count.textContent = next ? `the first ${studies.length}` : plural(studies.length, "study", "studies");
  }

  function chooserOf({ name }) {
    return element("input.chooser", {
      type: "checkbox",
      checked: chosen.has(name),
      "aria-label": `Choose study ${name}`,
      on: {
        change: (event) => {
          if (event.target.checked) chosen.add(name);
          else chosen.delete(name);
          actions.update();
        },
      },
    });
  }

  /** Reads the list again when the feed tells of a study what is not known of it. */
  async function keepFresh() {
    if (api.isGuest) return;
    let known = null;
    const read = calmly(refresh, { signal: ending.signal, fail });
    const heard = (sequences) => {
      const isShort = !next && !asked.name && !asked.state && !asked.label;
      const shown = new Map(studies.map(({ id, sequence }) => [id, sequence]));
      const isNews = known
        ? ([id, sequence]) => known[id] !== sequence
        : ([id, sequence]) => (shown.has(id) ? shown.get(id) !== sequence : isShort);
      if (Object.entries(sequences).some(isNews)) read();
      known = { ...known, ...sequences };
    };
    const status = (state) => {
      if (state === "stale") count.textContent = "stale: the server does not answer";
      else if (state === "live") showCount();
    };
    await followFeed({ api, heard, status, signal: ending.signal }).catch(fail);
  }

  return {
    node,
    follow(kind, to) {
      if (kind !== "studies") return false;
      const wanted = askedIn(to.query);
      if (Object.keys(wanted).every((key) => wanted[key] === asked[key])) return true;
      search.value = wanted.name;
      states.choose(wanted.state);
      ask(wanted);
      return true;
    },
    close: () => {
      ending.abort();
      clearInterval(clock);
      sparks.close();
    },
  };
}

function askedIn(query) {
  return { name: query.get("search") ?? "", state: query.get("state") ?? "", label: query.get("label") ?? "" };
}

/** Labels that lead to all studies that have them. */
function labelLinks(labels) {
  return Object.entries(labels ?? {}).map(([name, value]) =>
    element("a.chip", { href: address("studies", null, null, { label: value ? `${name}=${value}` : name }) }, value ? `${name}: ${value}` : name),
  );
}

function studyRow(study, sparks, chooser) {
  const [objective, ...others] = study.objectives;
  const place = address("studies", study.name);
  return element(
    "tr",
    {},
    element(
      "td.name",
      {},
      chooser,
      element("a", { href: place }, study.name),
      study.description ? element("small.clamped", { title: study.description }, study.description) : null,
      labelLinks(study.labels),
    ),
    element(
      "td",
      { "data-name": "State" },
      statePill(study.state),
      study.reason ? element("small", {}, reasonText(study.reason)) : null,
    ),
    element(
      "td.wide",
      { "data-name": "Progress" },
      progressBar(study.trials ?? {}, study.planned_trials),
      element("small", {}, progressText(study.trials ?? {}, study.planned_trials)),
    ),
    element(
      "td",
      { "data-name": "Best" },
      study.best ? element("strong.figure", {}, formatResult(study.best.value)) : others.length ? element("a", { href: address("studies", study.name, "pareto") }, "Pareto front") : "–",
      element(
        "small",
        {},
        [objective, ...others].map(({ metric, goal }) => `${metric} ${goal === "maximize" ? "↑" : "↓"}`).join(", "),
      ),
    ),
    element("td", { "data-name": "Trend" }, sparks.of(study)),
    element(
      "td",
      { "data-name": "Changed" },
      element("time", { datetime: study.updated_at, title: formatTime(study.updated_at) }, formatAgo(study.updated_at)),
    ),
  );
}

/** Small pictures of histories: read when they come into view, a few at a time, again only when the study has changed. */
class Sparks {
  #drawn = new Map();
  #waiting = [];
  #running = 0;
  #seen = new IntersectionObserver((entries) =>
    entries.filter(({ isIntersecting }) => isIntersecting).forEach(({ target }) => this.#want(target)),
  );
  #studies = new WeakMap();

  constructor(api, signal) {
    this.api = api;
    this.signal = signal;
  }

  of(study) {
    const place = element("div.sparkplace");
    const drawn = this.#drawn.get(study.id);
    if (drawn) place.append(toSvg(drawn.scene));
    if (drawn?.sequence !== study.sequence) {
      this.#studies.set(place, study);
      this.#seen.observe(place);
    }
    return place;
  }

  close() {
    this.#seen.disconnect();
  }

  #want(place) {
    this.#seen.unobserve(place);
    this.#waiting.push(place);
    this.#work();
  }

  async #work() {
    if (this.#running >= 2 || !this.#waiting.length) return;
    this.#running += 1;
    const place = this.#waiting.shift();
    try {
      if (place.isConnected) await this.#draw(place, this.#studies.get(place));
    } catch {
      // The row stands without its picture; the page says itself when the server is gone.
    } finally {
      this.#running -= 1;
      if (!this.signal.aborted) this.#work();
    }
  }

  async #draw(place, study) {
    const points = pointsFromColumns(await this.api.history(study.id, { maxPoints: 100, signal: this.signal }));
    const scene = sparkline(
      { points, objective: study.objectives[0], trusted: Boolean(study.constraints?.length) },
      { width: 120, height: 32 },
    );
    this.#drawn.set(study.id, { sequence: study.sequence, scene });
    fill(place, toSvg(scene));
  }
}

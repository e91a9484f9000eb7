/** Makes a study from its definition: a template, a copy of another study, or one's own JSON, checked as one types. */

import { element, fill } from "../core/element.js";
import { formatNumber, formatParameter, formatShare } from "../core/format.js";
import { notice, noticeProblem } from "../core/notices.js";
import { address, setQuery } from "../core/route.js";
import { definitionOf } from "./study/space.js";
import { choice } from "../parts/pieces.js";
import { select } from "../parts/select.js";
import { fitsForm, studyForm } from "../parts/study_form.js";
import { TEMPLATES } from "./templates.js";

const STILL_MS = 400; // after the last key, before the server is asked

const WAYS = [
  ["form", "Form"],
  ["json", "JSON"],
];

export async function openPage({ api, route, fail, title }) {
  const origin = route.query.get("from");
  const [known, start] = await Promise.all([
    knownChoices(api),
    origin ? api.study(origin).then((study) => ({ ...definitionOf(study), name: `${origin}-2` })) : TEMPLATES[0].definition,
  ]);
  let definition = history.state?.draft ?? structuredClone(start);
  let way = route.query.get("as") === "json" ? "json" : "form";
  let form = null;
  let timer = null;
  let asked = new AbortController();

  const editor = element("textarea.editor", {
    rows: 26,
    spellcheck: "false",
    autocapitalize: "off",
    "aria-label": "Study definition (JSON)",
    on: { input: () => checkSoon() },
  });
  const place = element("div");
  const verdict = element("section.card.verdict", { "aria-label": "Check", "aria-live": "polite" });
  const create = element("button.primary", { type: "submit" }, "Create the study");
  const ways = choice("Written as", WAYS, way, turn);
  const template = select("Start from", TEMPLATES.map(({ name }) => name), TEMPLATES[0].name, (name) => {
    definition = structuredClone(TEMPLATES.find((each) => each.name === name).definition);
    show();
  });
  const node = element(
    "div.page",
    {},
    element("header.page-head", {}, element("h1", {}, origin ? `A study like “${origin}”` : "New study"), element("div.controls", {}, origin ? null : template.node, ways.node)),
    element("form.columns", { novalidate: true, on: { submit } }, element("div.card.main-card", {}, place, element("div.buttons", {}, create)), verdict),
  );
  title("New study");
  show();

  function show() {
    if (way === "json") {
      editor.value = JSON.stringify(tidy(definition), null, 2);
      fill(place, editor);
    } else {
      form = studyForm({ definition, known, changed: checkSoon });
      fill(place, form.node);
    }
    check();
  }

  /** What is not JSON yet, or no study, cannot become a form. */
  function turn(next) {
    if (next === way) return;
    const told = way === "json" ? readJson() : definition;
    if (told && !fitsForm(told)) fill(verdict, element("h2", {}, "Not a form yet"), element("p.problem", {}, "Space, task, algorithm, stopping and budget must be objects, parameters and objectives lists of objects."));
    if (!told || !fitsForm(told)) return ways.choose(way);
    definition = told;
    way = next;
    setQuery({ as: way === "json" ? "json" : null });
    show();
  }

  function checkSoon() {
    clearTimeout(timer);
    timer = setTimeout(check, STILL_MS);
  }

  async function check() {
    asked.abort();
    const { signal } = (asked = new AbortController());
    const told = read();
    if (!told) return;
    history.replaceState({ draft: told }, ""); // outlives a key that has ended, a reload, and a look at another page
    try {
      const checked = await api.checkSpace(told.space ?? {}, signal);
      form?.showFaults([]);
      fill(verdict, element("h2", {}, "The space fits"), element("p", {}, sizeText(checked)), samplesTable(checked.samples));
    } catch (error) {
      if (signal.aborted) return;
      if (error.needsKey) fail(error);
      else showProblem(error);
    }
  }

  function read() {
    return way === "json" ? readJson() : tidy(definition);
  }

  function readJson() {
    try {
      const told = JSON.parse(editor.value);
      if (told === null || typeof told !== "object" || Array.isArray(told)) throw new SyntaxError("a study is a JSON object");
      return told;
    } catch (error) {
      fill(verdict, element("h2", {}, "Not JSON yet"), element("p.problem", {}, error.message));
      return null;
    }
  }

  function showProblem({ message: whole, errors = [] }) {
    form?.showFaults(errors);
    fill(
      verdict,
      element("h2", {}, "Not yet"),
      errors.length
        ? element("ul.faults", {}, errors.map(({ pointer, message }) => element("li", {}, element("code", {}, pointer || "/"), " ", message)))
        : element("p.problem", {}, whole),
    );
  }

  async function submit(event) {
    event.preventDefault();
    const told = read();
    if (!told) return;
    create.disabled = true;
    try {
      const study = await api.createStudy(told);
      notice(`“${study.name}” is made.`);
      location.hash = address("studies", study.name);
    } catch (error) {
      if (error.needsKey) fail(error);
      else showRefusal(error);
    } finally {
      create.disabled = false;
    }
  }

  function showRefusal(error) {
    if (error.code === "name-taken") showProblem({ errors: [{ pointer: "/name", message: "is taken; choose another" }] });
    else if (error.errors?.length) showProblem(error);
    else return noticeProblem(error);
    return way === "form" ? form.focusFault() : undefined;
  }

  return {
    node,
    close() {
      clearTimeout(timer);
      asked.abort();
    },
  };
}

/** What a study may name; a form without it still takes what is typed. */
async function knownChoices(api) {
  const [algorithms, trainables] = await Promise.all([api.algorithms(), api.trainables()]);
  const named = (isRule) => algorithms.filter(({ kind }) => (kind === "engine") !== isRule).map(({ name }) => name);
  return { algorithms: named(false), rules: [...new Set(["none", ...named(true)])], trainables };
}

/** Without the parts that a form has left empty. */
function tidy(definition) {
  return Object.fromEntries(Object.entries(definition).filter(([, value]) => !(value && typeof value === "object" && !Array.isArray(value) && !Object.keys(value).length)));
}

function sizeText({ size, feasible_share: share }) {
  const choices =
    size === null || size === undefined ? "A continuum of configurations" : `${formatNumber(size)} configurations`;
  return share < 1 ? `${choices}; ${formatShare(share)} of them keep the constraints.` : `${choices}.`;
}

function samplesTable(samples) {
  const names = [...new Set(samples.flatMap(Object.keys))];
  return element(
    "div.scroller",
    { tabindex: 0, role: "region", "aria-label": "Samples" },
    element(
      "table",
      {},
      element("caption", {}, "Drawn at random"),
      element(
        "tbody",
        {},
        names.map((name) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, name),
            samples.map((sample) => element("td", {}, formatParameter(Object.hasOwn(sample, name) ? sample[name] : undefined))),
          ),
        ),
      ),
    ),
  );
}

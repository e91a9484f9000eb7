/** Small things that several pages show: states, progress, empty places, facts. */

import { element, fill } from "../core/element.js";
import { formatNumber, formatShare } from "../core/format.js";
import { TRIAL_STATES } from "../core/values.js";

const REASONS = {
  user: "by a person",
  budget: "budget spent",
  target: "target reached",
  converged: "converged",
  exhausted: "every configuration tried",
  max_failed: "too many trials failed",
};

/** A state as a coloured word. */
export function statePill(state) {
  return element(`span.pill.${state}`, {}, state);
}

/** Why a study is where it is, in words. */
export function reasonText(reason) {
  return reason ? (REASONS[reason] ?? reason) : "";
}

/** @param {Object<string, number>} counts trials by state */
export function finishedOf(counts) {
  return TRIAL_STATES.filter((state) => state !== "running" && state !== "waiting").reduce(
    (sum, state) => sum + (counts[state] ?? 0),
    0,
  );
}

/** A bar of trials by state against those planned; its title and its text say the same in numbers. */
export function progressBar(counts, planned) {
  const total = TRIAL_STATES.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const whole = Math.max(planned ?? total, 1);
  const told =
    TRIAL_STATES.filter((state) => counts[state])
      .map((state) => `${formatNumber(counts[state])} ${state}`)
      .join(", ") || "no trials yet";
  const bar = element("div.progress", { role: "img", "aria-label": told, title: told });
  for (const state of TRIAL_STATES) {
    if (!counts[state] || state === "waiting") continue;
    const piece = element(`span.${state}`);
    piece.style.width = `${(100 * counts[state]) / Math.max(whole, total)}%`;
    bar.append(piece);
  }
  return bar;
}

/** "84 of 100" and the share, or the count where no number is planned. */
export function progressText(counts, planned) {
  const done = finishedOf(counts);
  return planned
    ? `${formatNumber(done)} of ${formatNumber(planned)} · ${formatShare(Math.min(1, done / planned))}`
    : `${formatNumber(done)} finished`;
}

/** What stands where nothing is. */
export function emptyPlace(title, text, ...more) {
  return element("div.empty", {}, element("h2", {}, title), element("p", {}, text), more);
}

export function loadingPlace(text = "Loading…") {
  return element("p.loading", { role: "status" }, working(text));
}

/** That something is on its way. */
export function working(text) {
  return element("span.working", {}, text);
}

/** @param {[string, *][]} pairs those with an absent value are left out */
export function facts(pairs) {
  return element(
    "dl.facts",
    {},
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

/** One of several: a row of buttons of which one is pressed. @returns {{node: Node, choose: (value: string) => void}} */
export function choice(label, options, chosen, onChoose) {
  const buttons = new Map(
    options.map(([value, name]) => [
      value,
      element("button", { type: "button", "aria-pressed": String(value === chosen), on: { click: () => pick(value) } }, name),
    ]),
  );
  const pick = (value) => {
    choose(value);
    onChoose(value);
  };
  const choose = (value) => buttons.forEach((button, each) => button.setAttribute("aria-pressed", String(each === value)));
  return { node: element("div.choice-bar", { role: "group", "aria-label": label }, [...buttons.values()]), choose };
}

export function labelChips(labels) {
  return Object.entries(labels ?? {}).map(([name, value]) => element("span.chip", {}, value ? `${name}: ${value}` : name));
}

/** The shades from worst to best, with words at both ends. */
export function levelLegend() {
  const [low, high] = [element("span"), element("span")];
  const shades = Array.from({ length: 10 }, (_, level) => element(`span.level-${level}`));
  return {
    node: element("div.ramp", {}, low, element("span.levels", { "aria-hidden": "true" }, shades), high),
    update(worst, best) {
      fill(low, worst);
      fill(high, best);
    },
  };
}

/** Marks and their meaning, for the states that occur. */
export function stateLegend() {
  const node = element("ul.legend");
  const update = (states, isCut = false) =>
    fill(
      node,
      [...states].map((state) => element("li", {}, element(`span.swatch.${state}`), state)),
      isCut ? element("li", {}, "◆ beyond the range shown") : null,
    );
  return { node, update };
}

/** The trials of a study that this tab holds: one row each, ordered by number, brought up to date by what changed. */

/** What a row needs; everything else of a trial is read when somebody opens it. Columns tell all but the id. */
export const ROW_FIELDS = [
  "id",
  "number",
  "state",
  "parameters",
  "metrics",
  "worker",
  "source",
  "attempt",
  "step",
  "excluded",
  "labels",
  "reason",
  "sequence",
  "started_at",
  "finished_at",
].join(",");

const COLUMN_NAMES = ROW_FIELDS.split(",").filter((name) => name !== "id");

/** @typedef {{id: string | null, number: number, state: string, parameters: object, metrics: object, sequence: number,
 *   worker: string | null, source: string, attempt: number, step: number | null, excluded: boolean, labels: object,
 *   reason: string | null, startedAt: number | null, finishedAt: number | null}} Row */

/** @returns {Row} */
export function rowOf(trial) {
  return {
    id: trial.id ?? null,
    number: trial.number,
    state: trial.state,
    parameters: trial.parameters ?? {},
    metrics: trial.metrics ?? {},
    worker: trial.worker ?? null,
    source: trial.source ?? "",
    attempt: trial.attempt ?? 0,
    step: trial.step ?? null,
    excluded: trial.excluded ?? false,
    labels: trial.labels ?? {},
    reason: trial.reason ?? null,
    sequence: trial.sequence,
    startedAt: moment(trial.started_at),
    finishedAt: moment(trial.finished_at),
  };
}

export class TrialRows {
  #byNumber = new Map();
  #ordered = [];
  #isOrdered = true;

  get size() {
    return this.#byNumber.size;
  }

  /** All rows by number, oldest first. Do not change it. @returns {Row[]} */
  get all() {
    if (!this.#isOrdered) {
      this.#ordered = [...this.#byNumber.values()].sort((a, b) => a.number - b.number);
      this.#isOrdered = true;
    }
    return this.#ordered;
  }

  get(number) {
    return this.#byNumber.get(number);
  }

  /** Takes trials in; an older version than the one held is ignored, because pages and changes overtake each other. */
  take(trials) {
    for (const trial of trials) {
      const held = this.#byNumber.get(trial.number);
      if (held && held.sequence >= trial.sequence) continue;
      this.#byNumber.set(trial.number, rowOf(trial));
      this.#isOrdered = false;
    }
  }

  /** Takes in the columns of many trials. */
  takeColumns(columns) {
    this.take(columns.number.map((_, index) => trialAt(columns, index)));
  }

  clear() {
    this.#byNumber.clear();
    this.#isOrdered = false;
  }
}

function trialAt(columns, index) {
  return Object.fromEntries(COLUMN_NAMES.map((name) => [name, columns[name][index]]));
}

/** A time as milliseconds: trials tell it as text, columns in seconds since 1970. */
function moment(time) {
  if (typeof time === "number") return time * 1000;
  return time ? Date.parse(time) : null;
}

/** One study as this tab knows it, kept up to date: what changed is fetched, nothing else, and never in a hurry. */

import { isAbort, LONGEST_PAGE } from "./api.js";
import { formatNumber } from "./format.js";
import { pointsFromColumns, withTrials } from "./history_points.js";
import { followStudy, pause } from "./live.js";
import { ROW_FIELDS, TrialRows } from "./trial_rows.js";

const CATCH_UP_PAGES = 6; // more changes than this are cheaper to read anew
const CALM_MS = 500; // between two refreshes at least, and four times what the last one took: a busy server is left in peace
const SPREAD_MS = 250; // all open dashboards hear of a result at once; each waits a moment of its own, so that workers need not
const EVENTS_KEPT = 200;
const SHOWN_GROWTH = 1.5; // while pages come in, what is drawn anew is half as much again: few drawings, soon begun

/** @typedef {"study" | "history" | "rows" | "events" | "freshness"} Part */

export class StudyFeed {
  study = null;
  /** Every parameter that a trial may have, those of an architecture among them. @type {object[]} */
  parameters = [];
  summary = null;
  /** When the summary was read, in milliseconds: its elapsed time goes on from there. */
  summaryAt = 0;
  /** @type {import("./history_points.js").Point[] | null} */
  history = null;
  rows = new TrialRows();
  rowsComplete = false;
  /** The trials that the last refresh brought; null when they may be any. @type {Set<number> | null} */
  changedNumbers = new Set();
  events = [];
  eventsWanted = false;
  freshness = { state: "connecting", since: Date.now() };
  refused = null;

  #listeners = new Set();
  #ending = new AbortController();
  #known = 0;
  #heard = 0;
  #eventsKnown = 0;
  #reading = null;
  #busy = false;

  /** @param {import("./api.js").Api} api @param {string} name id or name of the study */
  constructor(api, name) {
    this.api = api;
    this.name = name;
  }

  /** @param {(changed: Set<Part>) => void} listener @returns {() => void} stops listening */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the study and follows it from then on. @throws {import("./api.js").Problem} */
  async open() {
    const signal = this.#ending.signal;
    const history = this.#readHistory(this.name);
    history.catch(() => {}); // told below, or by the study, whichever comes first
    const [study, summary] = await Promise.all([this.api.study(this.name, signal), this.api.summary(this.name, { signal })]);
    this.#known = this.#heard = Math.min(study.sequence, summary.sequence);
    await this.#takeStudy(study);
    Object.assign(this, { summary, summaryAt: Date.now() });
    this.#tell("study");
    this.#takeHistory(history).catch((error) => this.#lost(error));
    this.#follow();
  }

  close() {
    this.#ending.abort();
    this.#listeners.clear();
  }

  /** Reads all trials, newest first, page by page; pages show what has arrived. */
  wantRows() {
    this.#reading ??= this.#loadRows().catch((error) => {
      this.#reading = null;
      this.#lost(error);
    });
    return this.#reading;
  }

  get rowsWanted() {
    return this.#reading !== null;
  }

  /** Reads the last events, and keeps them up to date. */
  async wantEvents() {
    if (this.eventsWanted) return;
    this.eventsWanted = true;
    await this.#loadEvents().catch((error) => this.#lost(error));
  }

  /** What a trial came to, in words, as far as this tab knows it; "" where it does not. */
  resultOf(number) {
    const value = this.history?.find((point) => point.number === number)?.value ?? null;
    return value === null ? "" : `${this.study.objectives[0].metric} ${formatNumber(value, 5)}`;
  }

  /** The id behind a trial's number. @throws when there is no such trial */
  async trialId(number) {
    const known = this.rows.get(number)?.id ?? [this.summary.best].find((best) => best?.number === number)?.id;
    if (known) return known;
    const { items } = await this.api.trials(this.study.id, { number, fields: "id", signal: this.#ending.signal });
    if (!items.length) throw new Error(`There is no trial ${number}.`);
    return items[0].id;
  }

  /** Takes in the answer to a change made here, without waiting to hear of it. */
  tookStudy(study) {
    this.study = study;
    this.summary = { ...this.summary, state: study.state, reason: study.reason ?? null };
    this.#tell("study");
  }
  tookTrial(trial) {
    if (this.rowsWanted) this.rows.take([trial]);
    this.#tell("rows");
  }

  /** An architecture is told as one thing; what its trials hold of it, the server flattens. */
  async #takeStudy(study) {
    const isFlat = !study.space.architecture;
    const isKnown = this.study?.space_version === study.space_version && this.parameters.length;
    if (isFlat) this.parameters = study.space.parameters;
    else if (!isKnown) this.parameters = await this.api.parameters(study.id, this.#ending.signal);
    this.study = study;
  }

  #tell(...parts) {
    const changed = new Set(parts);
    for (const listener of this.#listeners) listener(changed);
  }

  async #follow() {
    try {
      await followStudy({
        api: this.api,
        study: this.study.id,
        after: this.#known,
        signal: this.#ending.signal,
        heard: (sequence) => {
          this.#heard = Math.max(this.#heard, sequence);
          this.#catchUp();
        },
        status: (state) => this.#fresh(state),
      });
    } catch (error) {
      this.refused = error;
      this.#fresh("stale");
    }
  }

  #fresh(state) {
    if (state === this.freshness.state) return;
    this.freshness = { state, since: Date.now() };
    this.#tell("freshness");
  }

  #lost(error) {
    if (isAbort(error)) return;
    if (error.needsKey) this.refused = error;
    this.#fresh("stale");
  }

  async #catchUp() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#heard > this.#known && !this.#ending.signal.aborted) {
        await pause(Math.random() * SPREAD_MS, this.#ending.signal);
        const began = performance.now();
        await this.#refresh(this.#heard);
        await pause(Math.max(CALM_MS, 4 * (performance.now() - began)), this.#ending.signal);
      }
    } catch (error) {
      this.#lost(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Asks as everybody does who has heard of this number, so that the server reads once for all of them. */
  async #refresh(target) {
    const signal = this.#ending.signal;
    const asked = this.api.summary(this.study.id, { atLeast: target, signal });
    const [summary, changed] = await Promise.all([asked, this.#changedTrials(target)]);
    const redefined =
      summary.state !== this.study.state ||
      (summary.max_trials ?? null) !== (this.study.budget?.max_trials ?? null) ||
      changed?.length === 0; // something has changed, and no trial
    if (redefined) await this.#takeStudy(await this.api.study(this.study.id, signal));
    Object.assign(this, { summary, summaryAt: Date.now() });
    // Not the newest sequence among the rows: a trial may have changed again behind the page that showed it.
    this.#known = target;
    if (changed === null) await this.#startOver();
    else await this.#takeIn(changed);
    if (this.eventsWanted) await this.#loadEvents();
    this.#tell("study", "rows", "history");
  }

  /** @returns trials changed since the last refresh, or null when they are too many to be worth it */
  async #changedTrials(atLeast) {
    const trials = [];
    let cursor;
    for (let page = 0; page < CATCH_UP_PAGES; page += 1) {
      const { items, next_cursor: next } = await this.#page({ since: this.#known, atLeast, sort: "number", cursor });
      trials.push(...items);
      if (!next) return trials;
      cursor = next;
    }
    return null;
  }

  async #takeIn(changed) {
    this.changedNumbers = new Set(changed.map(({ number }) => number));
    if (this.rowsWanted) this.rows.take(changed);
    if (!this.history) return;
    if (this.study.constraints?.length) await this.#loadHistory();
    else this.history = withTrials(this.history, changed, this.study.objectives[0].metric);
  }

  async #startOver() {
    this.changedNumbers = null;
    await this.#loadHistory();
    if (this.rowsWanted) await this.#loadRows();
  }

  #loadHistory() {
    return this.#takeHistory(this.#readHistory(this.study.id));
  }

  /** The server's history holds what has ended; what runs now is asked for beside it. */
  #readHistory(name) {
    const signal = this.#ending.signal;
    return Promise.all([
      this.api.history(name, { signal }),
      this.api.trials(name, { state: "running", fields: ROW_FIELDS, signal }),
    ]);
  }

  async #takeHistory(asked) {
    const [columns, running] = await asked;
    this.history = withTrials(pointsFromColumns(columns), running.items, this.study.objectives[0].metric);
    this.#tell("history");
  }

  async #loadRows() {
    let asked = this.#columns();
    let told = 0;
    while (asked && !this.#ending.signal.aborted) {
      const { next_cursor: next, ...columns } = await asked;
      asked = next ? this.#columns(next) : null; // on its way while these are taken in
      asked?.catch(() => {}); // told by the next turn
      this.rows.takeColumns(columns);
      this.rowsComplete = !next;
      if (!this.rowsComplete && this.rows.size < told * SHOWN_GROWTH) continue;
      told = this.rows.size;
      this.#tell("rows");
    }
  }

  async #loadEvents() {
    // Not every change is an event (a measurement is none), so the last ones may lie further back than their number.
    let after = Math.max(this.#eventsKnown, this.summary.sequence - 5 * EVENTS_KEPT);
    let page;
    do {
      page = await this.api.events(this.study.id, { after, signal: this.#ending.signal });
      after = this.#eventsKnown = page.sequence;
      this.events = [...this.events, ...page.items].slice(-EVENTS_KEPT);
    } while (page.items.length === LONGEST_PAGE);
    this.#tell("events");
  }

  #columns(cursor) {
    return this.api.columns(this.study.id, { cursor, signal: this.#ending.signal });
  }

  #page(asked) {
    return this.api.trials(this.study.id, { ...asked, fields: ROW_FIELDS, limit: LONGEST_PAGE, signal: this.#ending.signal });
  }
}

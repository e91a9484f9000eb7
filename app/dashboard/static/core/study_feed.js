/** One study as this tab knows it, kept up to date: what changed is fetched, nothing else, and never in a hurry. */

import { isAbort, LONGEST_PAGE } from "./api.js";
import { pointsFromColumns, withTrials } from "./history_points.js";
import { followStudy, pause } from "./live.js";
import { ROW_FIELDS, TrialRows } from "./trial_rows.js";

const CATCH_UP_PAGES = 6; // more changes than this are cheaper to read anew
const CALM_MS = 300; // between two refreshes at least, and twice what the last one took
const EVENTS_KEPT = 200;
const SHOWN_EVERY_MS = 700; // while many pages of trials come in

/** @typedef {"study" | "history" | "rows" | "events" | "freshness"} Part */

export class StudyFeed {
  study = null;
  summary = null;
  /** When the summary was read, in milliseconds: its elapsed time goes on from there. */
  summaryAt = 0;
  /** @type {import("./history_points.js").Point[] | null} */
  history = null;
  rows = new TrialRows();
  rowsWanted = false;
  rowsComplete = false;
  events = [];
  eventsWanted = false;
  freshness = { state: "connecting", since: Date.now() };
  refused = null;

  #listeners = new Set();
  #ending = new AbortController();
  #known = 0;
  #heard = 0;
  #eventsKnown = 0;
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
    const [study, summary] = await Promise.all([this.api.study(this.name, signal), this.api.summary(this.name, signal)]);
    this.#known = this.#heard = Math.min(study.sequence, summary.sequence);
    Object.assign(this, { study, summary, summaryAt: Date.now() });
    this.#tell("study");
    this.#takeHistory(history).catch((error) => this.#lost(error));
    this.#follow();
  }

  close() {
    this.#ending.abort();
    this.#listeners.clear();
  }

  /** Reads all trials, newest first, page by page; pages show what has arrived. */
  async wantRows() {
    if (this.rowsWanted) return;
    this.rowsWanted = true;
    try {
      await this.#loadRows();
    } catch (error) {
      this.rowsWanted = false;
      this.#lost(error);
    }
  }

  /** Reads the last events, and keeps them up to date. */
  async wantEvents() {
    if (this.eventsWanted) return;
    this.eventsWanted = true;
    await this.#loadEvents().catch((error) => this.#lost(error));
  }

  /** The id behind a trial's number. @throws when there is no such trial */
  async trialId(number) {
    const known = () => this.rows.get(number)?.id ?? [this.summary.best].find((best) => best?.number === number)?.id;
    if (!known()) await this.wantRows();
    if (!known()) throw new Error(`Trial ${number} cannot be found any more.`);
    return known();
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

  #tell(...parts) {
    const changed = new Set(parts);
    for (const listener of this.#listeners) listener(changed);
  }

  async #follow() {
    try {
      await followStudy({
        api: this.api, study: this.study.id, after: this.#known, signal: this.#ending.signal,
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
        const began = performance.now();
        await this.#refresh(this.#heard);
        await pause(Math.max(CALM_MS, 2 * (performance.now() - began)), this.#ending.signal);
      }
    } catch (error) {
      this.#lost(error);
    } finally {
      this.#busy = false;
    }
  }

  async #refresh(target) {
    const signal = this.#ending.signal;
    const [summary, changed] = await Promise.all([this.api.summary(this.study.id, signal), this.#changedTrials()]);
    const redefined = summary.state !== this.study.state || (summary.max_trials ?? null) !== (this.study.budget?.max_trials ?? null);
    if (redefined) this.study = await this.api.study(this.study.id, signal);
    Object.assign(this, { summary, summaryAt: Date.now() });
    // Not the newest sequence among the rows: a trial may have changed again behind the page that showed it.
    this.#known = target;
    if (changed === null) await this.#startOver();
    else await this.#takeIn(changed);
    if (this.eventsWanted) await this.#loadEvents();
    this.#tell("study", "rows", "history");
  }

  /** @returns trials changed since the last refresh, or null when they are too many to be worth it */
  async #changedTrials() {
    const trials = [];
    let cursor;
    for (let page = 0; page < CATCH_UP_PAGES; page += 1) {
      const { items, next_cursor: next } = await this.#page({ since: this.#known, sort: "number", cursor });
      trials.push(...items);
      if (!next) return trials;
      cursor = next;
    }
    return null;
  }

  async #takeIn(changed) {
    if (this.rowsWanted) this.rows.take(changed);
    if (!this.history) return;
    if (this.study.constraints?.length) await this.#loadHistory();
    else this.history = withTrials(this.history, changed, this.study.objectives[0].metric);
  }

  async #startOver() {
    await this.#loadHistory();
    if (this.rowsWanted) await this.#loadRows();
  }

  #loadHistory() {
    return this.#takeHistory(this.#readHistory(this.study.id));
  }

  /** The server's history holds what has ended; what runs now is asked for beside it. */
  #readHistory(name) {
    const signal = this.#ending.signal;
    return Promise.all([this.api.history(name, { signal }), this.api.trials(name, { state: "running", fields: ROW_FIELDS, signal })]);
  }

  async #takeHistory(asked) {
    const [columns, running] = await asked;
    this.history = withTrials(pointsFromColumns(columns), running.items, this.study.objectives[0].metric);
    this.#tell("history");
  }

  async #loadRows() {
    let cursor;
    let told = -Infinity;
    do {
      const page = await this.#page({ cursor });
      this.rows.take(page.items);
      cursor = page.next_cursor;
      this.rowsComplete = !cursor;
      if (this.rowsComplete || performance.now() - told > SHOWN_EVERY_MS) {
        this.#tell("rows");
        told = performance.now();
      }
    } while (cursor && !this.#ending.signal.aborted);
  }

  async #loadEvents() {
    const after = Math.max(this.#eventsKnown, this.summary.sequence - EVENTS_KEPT); // older ones would not be kept
    const { items, sequence } = await this.api.events(this.study.id, { after, signal: this.#ending.signal });
    this.#eventsKnown = sequence;
    this.events = [...this.events, ...items].slice(-EVENTS_KEPT);
    this.#tell("events");
  }

  #page(asked) {
    return this.api.trials(this.study.id, { ...asked, fields: ROW_FIELDS, limit: LONGEST_PAGE, signal: this.#ending.signal });
  }
}

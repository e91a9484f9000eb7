/** One trial beside the page: what it was given, what came out, how it got there, and what a person may do about it. */

import { element, fill } from "../core/element.js";
import { notice, noticeProblem } from "../core/notices.js";
import { address, setQuery } from "../core/route.js";
import { isFinal } from "../core/values.js";
import { ask } from "./dialog.js";
import { parameterList } from "./parameter_list.js";
import { loadingPlace, statePill } from "./pieces.js";
import { correctionForm, notesOf, tagEditor, tagField } from "./trial_edits.js";
import { aboutList, attemptsTable, curveFigure, metricsList } from "./trial_facts.js";
import { whyDetails } from "./why_details.js";

export class TrialDrawer {
  #dialog;
  #body = element("div.drawer-body");
  #id = null;
  #chart = null;
  #listening;
  trial = null;
  #asked = null;
  // What somebody is writing or reading outlives the news of a running trial.
  #note = null;
  #tag = null;
  #why = null;
  #looking = null;

  constructor({ api, feed, onClose }) {
    Object.assign(this, { api, feed, onClose });
    this.#dialog = element("dialog.drawer", {
      "aria-label": "Trial",
      on: { close: () => this.#closed(), click: (event) => event.target === this.#dialog && this.#dialog.close() },
    }, this.#body);
    document.body.append(this.#dialog);
    this.#listening = feed.subscribe((changed) => this.#changed(changed));
  }

  /** @param {string | null} id the trial to show; null closes the drawer */
  show(id) {
    if (id === this.#id) return;
    this.#id = id;
    this.trial = this.#note = this.#tag = this.#why = null;
    this.#leave();
    this.#looking = new AbortController();
    this.#chart?.close();
    if (id === null) return void this.#dialog.close();
    fill(this.#body, loadingPlace());
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#load();
  }

  close() {
    this.#id = null;
    this.#leave();
    this.#chart?.close();
    this.#listening();
    this.#dialog.remove();
  }

  #closed() {
    if (this.#id === null) return;
    this.#id = null;
    this.#leave();
    this.#chart?.close();
    this.onClose();
  }

  #leave() {
    this.#asked?.abort();
    this.#looking?.abort();
  }

  #changed(changed) {
    if (this.#id === null || !changed.has("rows") || this.trial?.id !== this.#id) return;
    if (this.feed.changedNumbers?.has(this.trial.number) ?? true) this.#load();
  }

  async #load() {
    const id = this.#id;
    this.#asked?.abort();
    const { signal } = (this.#asked = new AbortController());
    try {
      const [trial, measurements, attempts] = await Promise.all([
        this.api.trial(id, signal),
        this.api.measurements(id, signal),
        this.api.attempts(id, signal),
      ]);
      if (id === this.#id) this.#show(trial, measurements, attempts);
    } catch (error) {
      if (signal.aborted) return;
      fill(this.#body, this.#head("Trial"), element("p.problem", { role: "alert" }, error.message));
    }
  }

  #show(trial, measurements, attempts) {
    const hadFocus = document.activeElement?.dataset.keep;
    const scrolled = this.#dialog.scrollTop;
    if (this.trial?.state !== trial.state) this.#why = null; // what came out is a part of the answer
    this.trial = trial;
    this.#chart?.close();
    this.#chart = curveFigure(trial, measurements, this.feed.study.objectives);
    fill(
      this.#body,
      this.#head(`Trial ${trial.number}`, statePill(trial.state), trial.excluded ? element("span.chip", {}, "excluded") : null),
      trial.reason ? element("p.reason", {}, trial.reason, trial.failure ? ` (${trial.failure})` : "") : null,
      trial.stop_requested ? element("p.reason", {}, `Asked to stop: ${trial.stop_requested}`) : null,
      element("section", {}, element("h3", {}, "Metrics"), metricsList(trial, this.feed.study), this.api.isGuest ? null : this.#correction(trial)),
      element(
        "section",
        {},
        element("h3", {}, "Parameters"),
        trial.why ? element("p.hint", {}, trial.why) : null,
        parameterList(this.feed.parameters, trial.parameters),
        (this.#why ??= whyDetails({ api: this.api, trial, signal: this.#looking.signal })),
      ),
      this.#chart ? element("section", {}, this.#chart.node) : null,
      element("section", {}, element("h3", {}, "About"), aboutList(trial)),
      attempts.length ? element("section", {}, element("h3", {}, "Attempts"), attemptsTable(attempts)) : null,
      this.api.isGuest
        ? notesOf(trial)
        : [
            element("section", {}, element("h3", {}, "Tags"), this.#tags(trial)),
            element("section", {}, element("h3", {}, "Note"), this.#noteForm(trial)),
            element("div.buttons", {}, this.#buttons(trial)),
          ],
    );
    this.#dialog.scrollTop = scrolled;
    if (hadFocus) this.#dialog.querySelector(`[data-keep="${hadFocus}"]`)?.focus({ preventScroll: true });
  }

  #head(title, ...more) {
    return element(
      "div.drawer-head",
      {},
      element("h2", {}, title),
      more,
      element(
        "div.buttons",
        {},
        element(
          "button.plain",
          { type: "button", "aria-label": "Earlier trial", "data-keep": "earlier", on: { click: () => this.#step(-1) } },
          "↑",
        ),
        element(
          "button.plain",
          { type: "button", "aria-label": "Later trial", "data-keep": "later", on: { click: () => this.#step(1) } },
          "↓",
        ),
        element("button.plain", { type: "button", "aria-label": "Close", on: { click: () => this.#dialog.close() } }, "×"),
      ),
    );
  }

  async #step(by) {
    if (!this.trial) return;
    const number = this.trial.number + by;
    const last = Object.values(this.feed.summary.trials).reduce((sum, count) => sum + count, 0) - 1;
    if (number < 0 || number > last) return;
    try {
      const id = await this.feed.trialId(number);
      setQuery({ trial: id });
      this.show(id);
    } catch (error) {
      noticeProblem(error);
    }
  }

  #tags(trial) {
    const put = (labels) => this.api.changeTrial(trial.id, { labels });
    this.#tag ??= tagField();
    return tagEditor(trial, this.#tag, (labels, text) => this.#change(() => put(labels), text, () => this.#change(() => put(trial.labels), "Undone.")));
  }

  #correction(trial) {
    const put = (metrics) => this.api.changeTrial(trial.id, { metrics });
    return correctionForm(trial, this.feed.study.objectives, (metrics, text, before) =>
      this.#change(() => put(metrics), text, before ? () => this.#change(() => put(before), "Undone.") : undefined),
    );
  }

  #noteForm(trial) {
    const note = (this.#note ??= element(
      "textarea",
      { name: "note", rows: 2, maxlength: 4096, "aria-label": "Note", "data-keep": "note" },
      trial.note ?? "",
    ));
    return element(
      "form.note",
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            this.#change(() => this.api.changeTrial(trial.id, { note: note.value }), "Note saved.");
          },
        },
      },
      note,
      element("button", { type: "submit" }, "Save note"),
    );
  }

  #buttons(trial) {
    const button = (name, act, kind = "") => element(`button${kind}`, { type: "button", on: { click: act } }, name);
    if (isFinal(trial.state)) {
      return [
        trial.state === "completed" ? element("a.button", { href: address("studies", this.feed.name, "model", { of: trial.number }) }, "Open the model") : null,
        button(trial.excluded ? "Count it again" : "Exclude", () => this.#exclude(trial, !trial.excluded)),
        trial.state === "completed"
          ? null
          : button("Run again", () => this.#change(() => this.api.retryTrial(trial.id), "It will run again as a new trial.")),
      ];
    }
    return [
      trial.state === "running" && !trial.stop_requested ? button("Stop…", () => this.#stop(trial), ".danger") : null,
      button("Cancel…", () => this.#cancel(trial), ".danger"),
    ];
  }

  #exclude(trial, excluded) {
    const back = () => this.#change(() => this.api.changeTrial(trial.id, { excluded: !excluded }), "Undone.");
    return this.#change(
      () => this.api.changeTrial(trial.id, { excluded }),
      excluded ? "Excluded: the engine and the best no longer see it." : "It counts again.",
      back,
    );
  }

  async #stop(trial) {
    const answer = await ask({
      title: `Stop trial ${trial.number}?`,
      text: "Its worker is asked to end it; what it has measured so far is kept.",
      reason: true,
      action: "Stop the trial",
    });
    if (answer) await this.#change(() => this.api.stopTrial(trial.id, answer.reason), "Its worker is asked to stop.");
  }

  async #cancel(trial) {
    const answer = await ask({
      title: `Cancel trial ${trial.number}?`,
      text: "It ends now without a result, and its work is lost.",
      reason: true,
      action: "Cancel the trial",
    });
    if (answer) await this.#change(() => this.api.cancelTrial(trial.id, answer.reason), "Cancelled.");
  }

  /** @returns {Promise<boolean>} whether it was done */
  async #change(act, text, undo) {
    try {
      const trial = await act();
      this.feed.tookTrial(trial);
      notice(text, undo ? { undo } : {});
      if (trial.id === this.#id) this.#load();
      return true;
    } catch (error) {
      noticeProblem(error);
      return false;
    }
  }
}

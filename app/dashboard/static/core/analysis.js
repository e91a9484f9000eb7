/** One analysis of a study, read when somebody looks and again when the study has changed, never in a hurry. */

import { isAbort } from "./api.js";
import { fill } from "./element.js";
import { plural } from "./format.js";

const CALM_MS = 4000; // between two readings at least, and five times what the last one took

/**
 * @param {{api: import("./api.js").Api, feed: import("./study_feed.js").StudyFeed, kind: string, query?: object,
 *   show: (answer: Analysis) => void, fail: (error: Error) => void, hint?: Node}} options `hint`: where it is said that
 *   there is no answer, in place of that it is computed
 */
export function followAnalysis({ api, feed, kind, query = {}, show, fail, hint }) {
  const ending = new AbortController();
  let asked = query;
  let told = null;
  let readAt = null;
  let busy = false;
  let again = false;
  let timer = null;

  async function read() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    const began = performance.now();
    const mine = asked;
    readAt = feed.summary.sequence;
    try {
      const answer = await api.analysis(feed.study.id, kind, mine, ending.signal);
      if (mine === asked) show((told = answer));
    } catch (error) {
      if (isAbort(error) || ending.signal.aborted) return;
      if (error.needsKey || (!told && !hint)) fail(error);
      else if (!told) fill(hint, error.message);
    }
    const wait = mine === asked ? Math.max(CALM_MS, 5 * (performance.now() - began)) : 0;
    timer = setTimeout(() => {
      busy = false;
      if (again) read();
    }, wait);
  }

  read();
  return {
    get answer() {
      return told;
    },
    /** Asks another question. */
    ask(next) {
      asked = next;
      told = null;
      clearTimeout(timer);
      busy = false;
      read();
    },
    update(changed) {
      if (changed.has("study") && feed.summary.sequence !== readAt) read();
    },
    close() {
      clearTimeout(timer);
      ending.abort();
    },
  };
}

/** The rows of an answer's columns. @returns {object[]} */
export function rowsOf({ columns }) {
  const names = Object.keys(columns);
  return (columns[names[0]] ?? []).map((_, row) => Object.fromEntries(names.map((name) => [name, columns[name][row]])));
}

/** How many trials an answer rests on, and what to know about it. */
export function basisText({ used, total, is_sampled: isSampled, note, is_enough: isEnough }) {
  if (!isEnough) return note ?? "";
  const basis = isSampled ? `From ${plural(used, "trial")}, evenly taken out of more than ${plural(total, "trial")}.` : `From ${plural(used, "trial")}.`;
  return note ? `${basis} ${note}` : basis;
}

/** The table twin of an answer. */
export function tableOf(answer) {
  const names = answer ? Object.keys(answer.columns) : [];
  return { columns: names, rows: answer ? rowsOf(answer).map((row) => names.map((name) => row[name])) : [] };
}

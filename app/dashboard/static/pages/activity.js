/** What happens in all studies, newest first: the feed tells which have changed, and their last events are read. */

import { element, fill } from "../core/element.js";
import { plural } from "../core/format.js";
import { calmly, followFeed } from "../core/live.js";
import { address } from "../core/route.js";
import { eventLine } from "../parts/event_line.js";
import { freshnessBadge } from "../parts/freshness.js";
import { emptyPlace, loadingPlace, statePill } from "../parts/pieces.js";

const STUDIES_AT_ONCE = 8; // of very many that change at the same time, those that the server names first
const EVENTS_OF_EACH = 30;
const SHOWN = 200;

export async function openPage({ api, fail, title }) {
  const ending = new AbortController();
  const { signal } = ending;
  const studies = new Map(); // by id
  const known = {}; // sequence numbers that have been read
  let heard = {};
  let events = [];

  const freshness = freshnessBadge();
  const hint = element("p.hint", { role: "status" });
  const place = element("section.card", {}, loadingPlace());
  const list = element("ol.feed");
  const node = element("div.page", {}, element("header.page-head", {}, element("h1", {}, "Activity"), freshness.node), hint, place);
  title("Activity");
  freshness.update({ state: "connecting", since: Date.now() });
  const readChanges = calmly(takeChanges, { signal, fail });
  followFeed({
    api,
    signal,
    heard: (sequences) => {
      heard = { ...heard, ...sequences };
      readChanges();
    },
    status: (state) => freshness.update({ state, since: Date.now() }),
  }).catch(fail);

  async function takeChanges() {
    const asked = Object.entries(heard);
    heard = {};
    const changed = asked.filter(([id, sequence]) => sequence !== null && sequence !== known[id]);
    const reading = Promise.all(changed.slice(0, STUDIES_AT_ONCE).map(([id, sequence]) => readStudy(id, sequence)));
    const news = await reading.catch((error) => {
      heard = { ...Object.fromEntries(asked), ...heard };
      throw error;
    });
    for (const [id, sequence] of asked) {
      if (sequence === null) forget(id);
      else known[id] = sequence; // what was passed over is old by the next time
    }
    events = [...events, ...news.flat()].sort((a, b) => b.at.localeCompare(a.at) || b.sequence - a.sequence).slice(0, SHOWN);
    show();
  }

  async function readStudy(id, sequence) {
    const after = Math.max(known[id] ?? 0, sequence - EVENTS_OF_EACH);
    try {
      const [study, { items }] = await Promise.all([api.study(id, signal), api.events(id, { after, signal })]);
      studies.set(id, study);
      return items.filter((event) => !events.some((each) => each.study === id && each.sequence === event.sequence));
    } catch (error) {
      if (error.status === 404) return []; // it was deleted meanwhile
      throw error;
    }
  }

  function forget(id) {
    studies.delete(id);
    events = events.filter(({ study }) => study !== id);
  }

  function show() {
    fill(hint, events.length ? `${plural(events.length, "event")} of ${plural(studies.size, "study", "studies")}` : "");
    if (!events.length) return fill(place, emptyPlace("Nothing has happened yet", "What studies and their trials do appears here as they do it."));
    fill(list, events.filter(({ study }) => studies.has(study)).map(line));
    if (place.firstChild !== list) fill(place, list);
    return undefined;
  }

  function line(event) {
    const { name, state } = studies.get(event.study);
    const link = element("a", { href: address("studies", name) }, name);
    return eventLine(event, {
      before: element("span.of-study", {}, link, state === "active" ? null : statePill(state)),
      trialOf: ({ trial }, text) => element("a", { href: address("studies", name, null, { trial }) }, text),
    });
  }

  return { node, follow: (kind) => kind === "activity", close: () => ending.abort() };
}

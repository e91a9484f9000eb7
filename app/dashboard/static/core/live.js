/** Hears that a study has changed: by a stream of sequence numbers, or by long-poll where streams do not come through. */

import { isAbort } from "./api.js";
import { eventReader } from "./server_events.js";

const SILENCE_MS = 50_000; // a stream says something at least every 15 s; this much silence is a dead connection
const POLL_WAIT_S = 25;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Follows a study until `signal` aborts. A hidden tab rests; a lost connection is tried again, later each time.
 *
 * @param {object} follow
 * @param {import("./api.js").Api} follow.api
 * @param {number} follow.after the sequence number known so far
 * @param {(sequence: number) => void} follow.heard
 * @param {(status: "live" | "connecting" | "stale" | "resting", problem?: Error) => void} follow.status
 * @throws {import("./api.js").Problem} when trying again is of no use: the key or the study is refused
 */
export async function followStudy({ api, study, after, heard, status, signal, page = document }) {
  let last = after;
  let failures = 0;
  let streams = true;
  let patience = 0; // the first long-poll does not wait: its answer says that the connection stands
  const tell = (sequence) => {
    last = Math.max(last, sequence);
    failures = 0;
    heard(last);
  };

  while (!signal.aborted) {
    if (page.hidden) {
      status("resting");
      await shown(page, signal);
      status("connecting");
    }
    const connection = connectionWhileShown(page, signal);
    try {
      if (streams) streams = await listen(api, study, last, tell, () => status("live"), connection.signal);
      else patience = await poll(api, study, { after: last, waitS: patience, tell, signal: connection.signal });
      if (streams)
        await pause(1000, signal); // the server closed the stream in good order
      else status("live");
    } catch (error) {
      if (signal.aborted) return;
      if (error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429) throw error;
      if (page.hidden && isAbort(error)) continue;
      failures += 1;
      patience = 0;
      status("stale", error);
      await pause(backOff(failures), signal);
    } finally {
      connection.end();
    }
  }
}

/** How long to wait before try `failures + 1`: doubling, bounded, and spread so that many tabs do not come back at once. */
export function backOff(failures, random = Math.random) {
  return Math.min(LONGEST_PAUSE_MS, 500 * 2 ** Math.min(failures, 10)) * (0.5 + random() / 2);
}

export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

async function listen(api, study, after, tell, opened, signal) {
  const silence = watchdog(SILENCE_MS, signal);
  const stream = await api.eventStream(study, { after, signal: silence.signal });
  if (stream === null) return false;
  opened();
  const read = eventReader();
  for await (const text of stream) {
    silence.heard();
    for (const event of read(text)) tell(JSON.parse(event.data).sequence);
  }
  return true;
}

async function poll(api, study, { after, waitS, tell, signal }) {
  const events = await api.events(study, { after, waitS, signal });
  if (events.sequence > after) tell(events.sequence);
  return POLL_WAIT_S;
}

function watchdog(milliseconds, outer) {
  const controller = new AbortController();
  let timer = null;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error("the server has fallen silent")), milliseconds);
  };
  heard();
  outer.addEventListener(
    "abort",
    () => {
      clearTimeout(timer);
      controller.abort(outer.reason);
    },
    { once: true },
  );
  return { signal: controller.signal, heard };
}

function connectionWhileShown(page, outer) {
  const controller = new AbortController();
  const check = () => page.hidden && controller.abort();
  const stop = () => controller.abort();
  page.addEventListener("visibilitychange", check);
  outer.addEventListener("abort", stop);
  const end = () => {
    page.removeEventListener("visibilitychange", check);
    outer.removeEventListener("abort", stop);
    controller.abort();
  };
  return { signal: controller.signal, end };
}

function shown(page, signal) {
  return new Promise((resolve) => {
    const check = () => {
      if (page.hidden && !signal.aborted) return;
      page.removeEventListener("visibilitychange", check);
      resolve();
    };
    page.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check, { once: true });
  });
}

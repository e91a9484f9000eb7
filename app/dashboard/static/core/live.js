/** Hears that studies have changed: by a stream of sequence numbers, or by long-poll where streams do not come through. */

import { isAbort } from "./api.js";
import { eventReader } from "./server_events.js";

const SILENCE_MS = 50_000; // a stream says something at least every 15 s; this much silence is a dead connection
const POLL_WAIT_S = 25;
const LONGEST_PAUSE_MS = 30_000;
const CALM_MS = 1000;

/**
 * Follows a study until `signal` aborts.
 *
 * @param {object} follow as of `follow`, and
 * @param {import("./api.js").Api} follow.api
 * @param {number} follow.after the sequence number known so far
 * @param {(sequence: number) => void} follow.heard
 */
export function followStudy({ api, study, after, heard, ...rest }) {
  let last = after;
  const tell = ({ sequence }) => {
    if (sequence <= last) return;
    last = sequence;
    heard(last);
  };
  return follow({
    stream: (signal) => api.eventStream(study, { after: last, signal }),
    told: ({ data }) => tell(JSON.parse(data)),
    poll: async (waitS, signal) => tell(await api.events(study, { after: last, waitS, signal })),
    ...rest,
  });
}

/**
 * Follows all studies of the project: first how far each is, then those that have changed.
 *
 * @param {object} follow as of `follow`, and
 * @param {(sequences: Object<string, number | null>) => void} follow.heard by id; null for one that is gone
 */
export function followFeed({ api, heard, ...rest }) {
  let cursor;
  return follow({
    stream: (signal) => api.feedStream({ after: cursor, signal }),
    told: ({ id, data }) => {
      cursor = id;
      heard(JSON.parse(data).sequences);
    },
    poll: async (waitS, signal) => {
      const told = await api.feed({ after: cursor, waitS: cursor ? waitS : 0, signal });
      if (told.cursor !== cursor) heard(told.sequences);
      cursor = told.cursor;
    },
    ...rest,
  });
}

/**
 * Listens until `signal` aborts. A hidden tab rests; a lost connection is tried again, later each time.
 *
 * @param {object} door
 * @param {(signal: AbortSignal) => Promise<AsyncIterable<string> | null>} door.stream null where there are no streams
 * @param {(event: {id: string, data: string}) => void} door.told what the stream says
 * @param {(waitS: number, signal: AbortSignal) => Promise<void>} door.poll the same without a stream
 * @param {(status: "live" | "connecting" | "stale" | "resting", problem?: Error) => void} door.status
 * @throws {import("./api.js").Problem} when trying again is of no use: the key or the study is refused
 */
async function follow({ stream, told, poll, status, signal, page = document }) {
  let failures = 0;
  let streams = true;
  let patience = 0; // the first long-poll does not wait: its answer says that the connection stands
  const hear = (event) => {
    failures = 0;
    told(event);
  };

  while (!signal.aborted) {
    if (page.hidden) {
      status("resting");
      await shown(page, signal);
      status("connecting");
    }
    const connection = connectionWhileShown(page, signal);
    try {
      if (streams) streams = await listen(stream, hear, () => status("live"), connection.signal);
      else {
        await poll(patience, connection.signal);
        [patience, failures] = [POLL_WAIT_S, 0];
      }
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

/**
 * A reading that may be asked for at any time, and happens no sooner than `CALM_MS` and four times what it took after
 * the last one; what has failed is tried again, later each time.
 * @returns {() => void}
 */
export function calmly(read, { signal, fail, calmMs = CALM_MS }) {
  let isWanted = false;
  let isBusy = false;
  let failures = 0;
  return async () => {
    isWanted = true;
    if (isBusy) return;
    isBusy = true;
    while (isWanted && !signal.aborted) {
      isWanted = false;
      const began = performance.now();
      try {
        await read();
        failures = 0;
      } catch (error) {
        if (error.needsKey) fail(error);
        else [isWanted, failures] = [true, failures + 1];
      }
      const calm = Math.max(calmMs, 4 * (performance.now() - began));
      await pause(failures ? Math.max(calm, backOff(failures)) : calm, signal);
    }
    isBusy = false;
  };
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

async function listen(open, hear, opened, signal) {
  const silence = watchdog(SILENCE_MS, signal);
  const stream = await open(silence.signal);
  if (stream === null) return false;
  opened();
  const read = eventReader();
  for await (const text of stream) {
    silence.heard();
    for (const event of read(text)) hear(event);
  }
  return true;
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

/** The only file that fetches: the public REST API, one method for each route the dashboard uses. */

const PATIENCE_MS = 30_000;
const LONGEST_ANALYSIS_MS = 40_000;
export const LONGEST_PAGE = 500; // items; the server gives no more at once
const COLUMNS_AT_ONCE = 5000; // trials: few answers, and each is drawn while the next is on its way

/** What the server answered instead of what was asked for (RFC 9457), or that it could not be reached. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", detail, errors = [], request_id: requestId = null }) {
    const fields = errors.map(({ pointer, message }) => `${pointer || "/"}: ${message}`).join("; ");
    super(fields || detail);
    Object.assign(this, { status, code, errors, requestId });
  }

  /** Whether a key would help. */
  get needsKey() {
    return this.status === 401;
  }
}

export class Api {
  /** @param {{base: string, key: () => string | null, guest?: () => boolean, fetch?: typeof fetch}} door */
  constructor({ base, key, guest = () => false, fetch = globalThis.fetch.bind(globalThis) }) {
    this.base = base;
    this.key = key;
    this.guest = guest;
    this.fetch = fetch;
  }

  /** Whether the key is that of a share link: there is one study, and files, workers and keys are not for it. */
  get isGuest() {
    return this.guest();
  }

  studies({ limit = 50, cursor, state, name, label, signal } = {}) {
    return this.#read("v1/studies", { limit, cursor, state, name, label }, signal);
  }
  study(study, signal) {
    return this.#read(`v1/studies/${part(study)}`, {}, signal);
  }
  /** `atLeast`: an answer for this sequence number or a later one will do, which the server shares out. */
  summary(study, { atLeast, signal } = {}) {
    return this.#read(`v1/studies/${part(study)}/summary`, { at_least: atLeast }, signal);
  }
  history(study, { maxPoints = 3000, signal } = {}) {
    return this.#read(`v1/studies/${part(study)}/analyses/history`, { max_points: maxPoints }, signal);
  }
  pareto(study, signal) {
    return this.#read(`v1/studies/${part(study)}/pareto`, {}, signal);
  }
  analysis(study, kind, query = {}, signal) {
    return this.#read(`v1/studies/${part(study)}/analyses/${part(kind)}`, query, signal, LONGEST_ANALYSIS_MS);
  }
  trials(study, { since, atLeast, state, number, sort = "-number", fields, limit = LONGEST_PAGE, cursor, signal } = {}) {
    const query = { since, at_least: atLeast, state, number, sort, fields, limit, cursor };
    return this.#read(`v1/studies/${part(study)}/trials`, query, signal);
  }
  /** Many trials at once, newest first, as columns. */
  columns(study, { limit = COLUMNS_AT_ONCE, cursor, signal } = {}) {
    return this.#read(`v1/studies/${part(study)}/trials/columns`, { limit, cursor }, signal);
  }
  /** Every parameter of a study, those of its architecture among them. */
  parameters(study, signal) {
    return this.#all(`v1/studies/${part(study)}/parameters`, signal);
  }
  trial(trial, signal) {
    return this.#read(`v1/trials/${part(trial)}`, {}, signal);
  }
  attempts(trial, signal) {
    return this.#all(`v1/trials/${part(trial)}/attempts`, signal);
  }
  measurements(trial, signal) {
    return this.#all(`v1/trials/${part(trial)}/measurements`, signal);
  }
  network(trial, signal) {
    return this.#read(`v1/trials/${part(trial)}/network`, {}, signal);
  }
  explanation(trial, signal) {
    return this.#read(`v1/trials/${part(trial)}/explain`, {}, signal);
  }
  artifacts(trial, signal) {
    return this.#all(`v1/trials/${part(trial)}/artifacts`, signal);
  }
  /** What an artifact holds. @returns {Promise<Blob>} */
  async artifact(trial, { name, attempt }, signal) {
    const path = `v1/trials/${part(trial)}/artifacts/${name.split("/").map(part).join("/")}`;
    return (await this.#send("GET", path, { query: { attempt }, signal })).blob();
  }
  events(study, { after, waitS = 0, signal } = {}) {
    return this.#read(
      `v1/studies/${part(study)}/events`,
      { after, wait_s: waitS, limit: LONGEST_PAGE },
      signal,
      PATIENCE_MS + waitS * 1000,
    );
  }
  workers(signal) {
    return this.#all("v1/workers", signal);
  }
  algorithms(signal) {
    return this.#all("v1/algorithms", signal);
  }
  trainables(signal) {
    return this.#all("v1/trainables", signal);
  }
  ready(signal) {
    return this.#read("readyz", {}, signal);
  }
  openapi(signal) {
    return this.#read("openapi.json", {}, signal);
  }

  pause(study) {
    return this.#write("POST", `v1/studies/${part(study)}/pause`);
  }
  resume(study) {
    return this.#write("POST", `v1/studies/${part(study)}/resume`);
  }
  stop(study, { mode, reason }) {
    return this.#write("POST", `v1/studies/${part(study)}/stop`, reason ? { mode, reason } : { mode });
  }
  createStudy(definition) {
    return this.#write("POST", "v1/studies", definition);
  }
  checkSpace(space, signal) {
    return this.#write("POST", "v1/spaces/validate", { space, samples: 3 }, signal);
  }
  stopTrial(trial, reason) {
    return this.#write("POST", `v1/trials/${part(trial)}/stop`, reason ? { reason } : {});
  }
  cancelTrial(trial, reason) {
    return this.#write("POST", `v1/trials/${part(trial)}/cancel`, reason ? { reason } : {});
  }
  retryTrial(trial) {
    return this.#write("POST", `v1/trials/${part(trial)}/retry`);
  }
  changeTrial(trial, changes) {
    return this.#write("PATCH", `v1/trials/${part(trial)}`, changes);
  }

  changeWorker(worker, changes) {
    return this.#write("PATCH", `v1/workers/${part(worker)}`, changes);
  }
  keys(signal) {
    return this.#all("v1/keys", signal);
  }
  createKey(key) {
    return this.#write("POST", "v1/keys", key);
  }
  rotateKey(key, graceS) {
    return this.#write("POST", `v1/keys/${part(key)}/rotate`, { grace_s: graceS });
  }
  revokeKey(key) {
    return this.#write("DELETE", `v1/keys/${part(key)}`);
  }

  /** How far every study is. */
  feed({ after, waitS = 0, signal } = {}) {
    return this.#read("v1/events", { after, wait_s: waitS }, signal, PATIENCE_MS + waitS * 1000);
  }

  /** A study's events as a stream of text, for as long as the server keeps it open; null where it does not stream. */
  eventStream(study, { after, signal }) {
    return this.#stream(`v1/studies/${part(study)}/events`, { after }, after, signal);
  }
  /** The same of all studies. */
  feedStream({ after, signal }) {
    return this.#stream("v1/events", {}, after, signal);
  }

  /** By fetch and not by EventSource, which cannot send the key. */
  async #stream(path, query, after, signal) {
    const resumed = after === undefined ? {} : { "Last-Event-ID": String(after) };
    const answer = await this.#send("GET", path, { query, signal, headers: { Accept: "text/event-stream", ...resumed } });
    const streams = answer.headers.get("content-type")?.startsWith("text/event-stream") && answer.body;
    if (!streams) await answer.body?.cancel();
    return streams ? texts(answer.body) : null;
  }

  async #read(path, query, signal, patienceMs = PATIENCE_MS) {
    return (await this.#send("GET", path, { query, signal: within(patienceMs, signal) })).json();
  }

  async #all(path, signal) {
    const items = [];
    for (let cursor, page; !page || cursor; cursor = page.next_cursor) {
      page = await this.#read(path, { limit: LONGEST_PAGE, cursor }, signal);
      items.push(...page.items);
    }
    return items;
  }

  async #write(method, path, body, signal) {
    const isDelete = method === "DELETE";
    const headers = { "Idempotency-Key": uniqueKey(), ...(isDelete ? {} : { "Content-Type": "application/json" }) };
    const answer = await this.#send(method, path, {
      headers,
      body: isDelete ? undefined : JSON.stringify(body ?? {}),
      signal: within(PATIENCE_MS, signal),
    });
    return answer.status === 204 ? null : answer.json();
  }

  async #send(method, path, { query = {}, headers = {}, body, signal }) {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined && value !== null) url.searchParams.set(name, value);
    const key = this.key();
    const sent = key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
    let answer;
    try {
      answer = await this.fetch(url, { method, headers: sent, body, signal, credentials: "omit", cache: "no-store" });
    } catch (cause) {
      if (signal?.aborted && signal.reason?.name !== "TimeoutError") throw cause;
      throw new Problem({
        detail: "The server cannot be reached. Check that it runs and that this machine is on its network.",
      });
    }
    if (!answer.ok) throw await problemOf(answer);
    return answer;
  }
}

/** Whether an error only says that nobody waits for the answer any more. */
export function isAbort(error) {
  return error?.name === "AbortError";
}

async function problemOf(answer) {
  const told = await answer.json().catch(() => ({}));
  return new Problem({ code: "error", detail: `The server answered ${answer.status}.`, ...told, status: answer.status });
}

async function* texts(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read())
      yield decoder.decode(part.value, { stream: true });
  } finally {
    reader.cancel().catch(() => {});
  }
}

function part(name) {
  return encodeURIComponent(name);
}

function within(milliseconds, signal) {
  const timeout = AbortSignal.timeout(milliseconds);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

function uniqueKey() {
  // crypto.randomUUID exists on https and localhost only; a server on a plain-http network is common.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

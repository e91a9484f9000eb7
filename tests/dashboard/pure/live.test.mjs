import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, Problem } from "../../../app/dashboard/static/core/api.js";
import { backOff, calmly, followFeed, followStudy } from "../../../app/dashboard/static/core/live.js";
import { eventReader } from "../../../app/dashboard/static/core/server_events.js";

class Page extends EventTarget {
  hidden = false;
  set(hidden) {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

async function* stream(signal, ...sequences) {
  for (const sequence of sequences) yield `id: ${sequence}\ndata: {"sequence": ${sequence}}\n\n`;
  await new Promise((_, reject) => {
    const end = () => reject(new DOMException("aborted", "AbortError"));
    if (signal.aborted) end();
    signal.addEventListener("abort", end);
  });
}

/** Follows until `done(told)` says so; everything that was heard and every status, in order. */
async function follow(api, { done, page = new Page() }) {
  const ending = new AbortController();
  const told = [];
  const tell = (each) => {
    told.push(each);
    if (done(told)) ending.abort();
  };
  await followStudy({ api, study: "st_1", after: 4, heard: tell, status: tell, signal: ending.signal, page });
  return told;
}

test("events come whole, however the stream is cut", () => {
  const text = ': welcome\n\nid: 7\ndata: {"a":\ndata: 1}\n\nid: 8\r\ndata: x\r\n\r\n';
  for (const size of [1, 3, 1000]) {
    const read = eventReader();
    const events = (text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? []).flatMap(read);
    assert.deepEqual(
      events.map(({ id, data }) => [id, data]),
      [
        ["7", '{"a":\n1}'],
        ["8", "x"],
      ],
    );
  }
});

test("a follower hears each sequence number and says that it is live", async () => {
  const api = { eventStream: async (_, { signal }) => stream(signal, 5, 6) };
  assert.deepEqual(await follow(api, { done: (told) => told.includes(6) }), ["live", 5, 6]);
});

test("after a lost connection it goes on where it was", async () => {
  const asked = [];
  const api = {
    async eventStream(_, { after, signal }) {
      asked.push(after);
      if (asked.length === 2) throw new Problem({ detail: "gone" });
      return asked.length === 1
        ? (async function* once() {
            yield 'id: 9\ndata: {"sequence": 9}\n\n';
            throw new Problem({ detail: "cut" });
          })()
        : stream(signal, 10);
    },
  };
  const told = await follow(api, { done: (each) => each.includes(10) });
  assert.deepEqual(asked, [4, 9, 9]);
  assert.ok(told.indexOf("stale") > told.indexOf(9) && told.lastIndexOf("live") > told.lastIndexOf("stale"));
});

test("where streams do not come through it asks by long-poll", async () => {
  const api = { eventStream: async () => null, events: async (_, { after }) => ({ items: [], sequence: after + 1 }) };
  const told = await follow(api, { done: (each) => each.includes(6) });
  assert.deepEqual(told.filter(Number.isInteger), [5, 6]);
});

test("all studies are followed from where the feed was left", async () => {
  const asked = [];
  const feeds = [{ st_1: 4, st_2: 9 }, { st_2: 10 }];
  const api = {
    async feedStream({ after }) {
      asked.push(after);
      return (async function* once() {
        yield `id: c${asked.length}\ndata: ${JSON.stringify({ sequences: feeds[asked.length - 1] })}\n\n`;
        throw new Problem({ detail: "cut" });
      })();
    },
  };
  const ending = new AbortController();
  const told = [];
  const heard = (sequences) => told.push(sequences) === 2 && ending.abort();
  await followFeed({ api, heard, status: () => {}, signal: ending.signal, page: new Page() });
  assert.deepEqual(told, feeds);
  assert.deepEqual(asked, [undefined, "c1"]);
});

test("what is asked for often is read seldom, and once more after the last asking", async () => {
  const ending = new AbortController();
  let read = 0;
  const ask = calmly(async () => (read += 1), { signal: ending.signal, fail: assert.fail, calmMs: 1 });
  const first = ask();
  for (let times = 0; times < 100; times += 1) ask();
  await first;
  assert.equal(read, 2);
});

test("a reading that failed is tried again by itself", async () => {
  const ending = new AbortController();
  let tries = 0;
  const read = async () => {
    tries += 1;
    if (tries === 1) throw new Problem({ status: 503, detail: "not now" });
  };
  await calmly(read, { signal: ending.signal, fail: assert.fail, calmMs: 1 })();
  assert.equal(tries, 2);
});

test("a refused key ends it: trying again would not help", async () => {
  const api = {
    eventStream: async () => {
      throw new Problem({ status: 401, detail: "no" });
    },
  };
  await assert.rejects(follow(api, { done: () => false }), (error) => error.needsKey);
});

test("a hidden tab lets go of its connection and takes it up again when it is shown", async () => {
  const page = new Page();
  let opened = 0;
  const api = {
    async eventStream(_, { signal }) {
      opened += 1;
      if (opened === 1) setTimeout(() => page.set(true), 5);
      return stream(signal, 4 + opened);
    },
  };
  const told = await follow(api, {
    page,
    done: (each) => {
      if (each.at(-1) === "resting") setTimeout(() => page.set(false), 5);
      return each.includes(6);
    },
  });
  assert.deepEqual(
    told.filter((each) => each !== "connecting"),
    ["live", 5, "resting", "live", 6],
  );
});

test("the pause between tries grows, has an end, and differs from tab to tab", () => {
  const least = [1, 2, 3, 20].map((failures) => backOff(failures, () => 0));
  assert.ok(least.every((each, index) => index === 0 || each > least[index - 1]));
  assert.equal(
    backOff(50, () => 1),
    30_000,
  );
  assert.notEqual(
    backOff(3, () => 0.1),
    backOff(3, () => 0.9),
  );
});

test("a request carries the key in its header and nowhere else", async () => {
  const sent = [];
  const fetch = async (url, options) => {
    sent.push({ url: String(url), ...options });
    return new Response("{}");
  };
  await new Api({ base: "http://server/", key: () => "secret", fetch }).study("a/b c");
  assert.equal(sent[0].headers.Authorization, "Bearer secret");
  assert.equal(sent[0].url, "http://server/v1/studies/a%2Fb%20c");
  assert.equal(sent[0].credentials, "omit");
});

test("a problem says what the server said, field by field", async () => {
  const told = {
    detail: "does not fit",
    code: "validation",
    errors: [{ pointer: "/space", message: "missing" }],
    request_id: "r1",
  };
  const fetch = async () => new Response(JSON.stringify(told), { status: 422 });
  await assert.rejects(new Api({ base: "http://server/", key: () => "k", fetch }).createStudy({}), {
    message: "/space: missing",
    code: "validation",
    status: 422,
    requestId: "r1",
  });
});

test("an answer that is no problem document is still told", async () => {
  const fetch = async () => new Response("<html>", { status: 502 });
  await assert.rejects(new Api({ base: "http://server/", key: () => "k", fetch }).study("a"), {
    status: 502,
    message: "The server answered 502.",
  });
});

test("a server that cannot be reached is told with the next step", async () => {
  const fetch = async () => {
    throw new TypeError("failed to fetch");
  };
  await assert.rejects(new Api({ base: "http://server/", key: () => "k", fetch }).study("a"), /cannot be reached. Check/);
});

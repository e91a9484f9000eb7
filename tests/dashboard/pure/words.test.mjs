import assert from "node:assert/strict";
import { test } from "node:test";
import { csvOf } from "../../../app/dashboard/static/core/download.js";
import { filterOf, readFilter, unknownNames, writeFilter } from "../../../app/dashboard/static/core/filter.js";
import { formatAgo, formatDuration, formatNumber, formatResult } from "../../../app/dashboard/static/core/format.js";
import { keyInFragment } from "../../../app/dashboard/static/core/key.js";
import { address, readRoute } from "../../../app/dashboard/static/core/route.js";
import { rowOf, TrialRows } from "../../../app/dashboard/static/core/trial_rows.js";

const row = (fields) => rowOf({ id: "tr_1", number: 1, state: "completed", sequence: 1, ...fields });
const passes = (text, fields) => filterOf(readFilter(text))(row(fields));

test("numbers are as exact as they are short", () => {
  const shown = { 0.9897123: "0.9897", 12480: "12,480", 0.0000003217: "3.22e-7", 0: "0", 1234567.8: "1,234,568", 105279.3: "105,279", 7.3e9: "7.3e9", 0.1: "0.1" };
  for (const [value, text] of Object.entries(shown)) assert.equal(formatNumber(Number(value)), text);
});

test("a perfect result reads as a measurement", () => {
  assert.deepEqual(
    [1, 0, 0.98, 17].map((value) => formatResult(value)),
    ["1.0", "0.0", "0.98", "17"],
  );
});

test("durations have two units at most", () => {
  const shown = [
    [0.25, "250 ms"],
    [3.14159, "3.1 s"],
    [59.6, "60 s"],
    [61, "1 min 1 s"],
    [3600, "1 h"],
    [3661, "1 h 1 min"],
    [7199, "2 h"],
    [90000, "1 d 1 h"],
  ];
  for (const [seconds, text] of shown) assert.equal(formatDuration(seconds), text);
});

test("a moment in the future is not long ago", () => {
  assert.equal(formatAgo(2000, 1000), "just now");
  assert.equal(formatAgo(0, 3_700_000), "1 h ago");
});

test("clauses must all hold", () => {
  const trial = { parameters: { lr: 0.003, optimizer: "adam" }, metrics: { accuracy: 0.9 } };
  assert.ok(passes("lr < 0.01 optimizer=adam accuracy >= 0.9", trial));
  assert.ok(!passes("lr < 0.01 optimizer=sgd", trial));
  assert.ok(passes("optimizer = sgd|adam", trial));
  assert.ok(passes("optimizer != sgd state=completed", trial));
});

test("a trial without the parameter passes no comparison with it", () => {
  assert.ok(!passes("momentum < 1", { parameters: {} }));
  assert.ok(!passes("constructor < 1", { parameters: {} }));
});

test("a bare word looks into texts, and a bare number for the trial", () => {
  assert.ok(passes("GPU-3", { worker: "gpu-3" }));
  assert.ok(passes("1", {}));
  assert.ok(!passes("2", {}));
});

test("filters can be written and read back", () => {
  const clauses = readFilter('lr<=0.01 name="a b" "two words" state=completed|pruned');
  assert.deepEqual(readFilter(writeFilter(clauses)), clauses);
});

test("a mistyped name is told from a filter that fits nothing", () => {
  assert.deepEqual(unknownNames(readFilter("lr<1 lrr<1 state=failed"), ["lr"]), ["lrr"]);
});

test("every place has an address that leads back to it", () => {
  const fragment = address("studies", "a/b c%", "trials", { filter: "lr<0.1 & x=1", empty: "" });
  const route = readRoute(fragment);
  assert.deepEqual(
    [route.page, route.name, route.tab, route.query.get("filter"), route.query.has("empty")],
    ["studies", "a/b c%", "trials", "lr<0.1 & x=1", false],
  );
});

test("an address written by hand opens something", () => {
  assert.equal(readRoute("").page, "studies");
  assert.equal(readRoute("#/studies/100%").name, "100%");
});

test("a key in the address is found with the page it was given for", () => {
  assert.deepEqual(keyInFragment("#key=shk_1&page=/studies/digits"), { key: "shk_1", page: "/studies/digits", isGuest: false });
  assert.ok(keyInFragment("#key=shk_1&as=guest&page=/studies/digits").isGuest);
  assert.equal(keyInFragment("#/studies"), null);
});

test("a page that arrives late does not undo a newer change", () => {
  const rows = new TrialRows();
  rows.take([{ id: "tr", number: 3, state: "completed", sequence: 9 }]);
  rows.take([
    { id: "tr", number: 3, state: "running", sequence: 5 },
    { id: "t0", number: 0, state: "waiting", sequence: 1 },
  ]);
  assert.deepEqual(
    rows.all.map(({ number, state }) => [number, state]),
    [
      [0, "waiting"],
      [3, "completed"],
    ],
  );
});

test("a table for a spreadsheet carries no formula", () => {
  assert.equal(
    csvOf({
      columns: ["a", "b"],
      rows: [
        ["=1+1", -1],
        ['say "hi", twice', null],
      ],
    }),
    'a,b\r\n\'=1+1,-1\r\n"say ""hi"", twice",\r\n',
  );
});

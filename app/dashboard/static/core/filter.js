/**
 * One small language to choose trials, in the table, in parallel coordinates and in the address:
 * `lr < 0.01 optimizer = adam state = completed|pruned accuracy >= 0.9 gpu-worker`.
 * A clause is a name, a comparison and a value, in quotes where they have blanks (`"order: conv" <= 2`); a bare word looks
 * for its text. All clauses must hold. Pure.
 */

import { secondsOf, valueOf } from "./values.js";

const NAME = /^[A-Za-z_][\w./-]*$/;
const CLAUSE = /([A-Za-z_][\w./-]*|"(?:[^"\\]|\\.)*")\s*(<=|>=|!=|=|<|>)\s*("(?:[^"\\]|\\.)*"|[^\s,]+)|("(?:[^"\\]|\\.)*"|[^\s,]+)/g;
const COMPARISONS = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** @typedef {{name: string | null, sign: string, value: string}} Clause */

/** @returns {Clause[]} */
export function readFilter(text) {
  return [...text.matchAll(CLAUSE)].map(([, name, sign, value, word]) =>
    word === undefined
      ? { name: unquote(name), sign, value: unquote(value) }
      : { name: null, sign: "has", value: unquote(word).toLowerCase() },
  );
}

/** The text of clauses; `readFilter` reads it back. */
export function writeFilter(clauses) {
  return clauses
    .map(({ name, sign, value }) => (name === null ? quote(value) : `${quote(name, NAME)}${sign}${quote(String(value))}`))
    .join(" ");
}

/**
 * @param {Clause[]} clauses
 * @param {Map<string, (parameters: object) => *>} [items] what is drawn of lists, by its name
 * @returns {(row: import("./trial_rows.js").Row) => boolean}
 */
export function filterOf(clauses, items = new Map()) {
  const fact = (name) => (row) => {
    const found = factOf(row, name);
    return found === undefined ? items.get(name)?.(row.parameters) : found;
  };
  const tests = clauses.map(({ name, sign, value }) => (name === null ? hasText(value) : compares(fact(name), sign, value)));
  return (row) => tests.every((test) => test(row));
}

/** Names in a filter that no trial can have, so that a typing mistake does not look like "no trials". */
export function unknownNames(clauses, names) {
  const known = new Set([...Object.keys(FACTS), ...names]);
  return [...new Set(clauses.map(({ name }) => name).filter((name) => name !== null && !known.has(name)))];
}

const FACTS = {
  state: (row) => row.state,
  number: (row) => row.number,
  worker: (row) => row.worker,
  source: (row) => row.source,
  attempt: (row) => row.attempt,
  step: (row) => row.step,
  seconds: (row) => secondsOf(row),
  excluded: (row) => row.excluded,
};

/** What a name means for a trial: a parameter before a metric before a fact. */
export function factOf(row, name) {
  const chosen = valueOf(row.parameters, name); // null is a choice like any other
  return chosen === undefined ? (valueOf(row.metrics, name) ?? valueOf(FACTS, name)?.(row)) : chosen;
}

/** What the value of `=` allows: a choice may have a bar in its own text. */
export function alternatives(value) {
  return [value, ...value.split("|")];
}

function compares(fact, sign, value) {
  const wanted = alternatives(value);
  if (sign === "=") return (row) => wanted.some((each) => same(fact(row), each));
  if (sign === "!=") return (row) => !wanted.some((each) => same(fact(row), each));
  const limit = Number(value);
  return (row) => {
    const found = fact(row);
    return typeof found === "number" && COMPARISONS[sign](found, limit);
  };
}

function same(found, wanted) {
  if (typeof found === "number") return found === Number(wanted);
  return found !== undefined && String(found) === wanted;
}

function hasText(wanted) {
  return (row) => String(row.number) === wanted || textsOf(row).some((text) => text.toLowerCase().includes(wanted));
}

function textsOf(row) {
  const words = [...Object.values(row.parameters), ...Object.values(row.labels)].filter((value) => typeof value === "string");
  return [row.id, row.state, row.worker ?? "", row.source, row.reason ?? "", ...words];
}

function quote(text, plain = /^[^\s,"]+$/) {
  return plain.test(text) ? text : `"${text.replaceAll(/(["\\])/g, "\\$1")}"`;
}

function unquote(text) {
  return text.startsWith('"') && text.length > 1 ? text.slice(1, -1).replaceAll(/\\(.)/g, "$1") : text;
}

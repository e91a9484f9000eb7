/** An architecture as it is searched: blocks within blocks, what may vary in each, and how often it may be repeated. */

import { element } from "../core/element.js";
import { familyOf } from "../charts/network.js";

const OF_BLOCK = new Set(["op", "name", "body", "choice", "cell", "repeat", "optional", "tie", "residual"]);

/** @param {object} architecture as a study's space has it */
export function blocksOf({ input, output, body }) {
  return element("div.blocks", {}, end(`input ${input.join("×")}`), sequence(body), end(`head, ${output} outputs`));
}

function end(text) {
  return element("div.block.ends", {}, element("strong", {}, text));
}

function sequence(blocks) {
  return element("div.sequence", {}, blocks.map(blockOf));
}

function blockOf(block) {
  const inner = block.body ? sequence(block.body) : block.choice ? element("div.alternatives", {}, block.choice.map(blockOf)) : null;
  const kind = block.op ?? (block.choice ? "one of" : block.cell ? "cell" : "");
  return element(
    `div.block.${block.op ? familyOf(block.op) : "holds"}`,
    {},
    element("div.block-head", {}, element("strong", {}, [block.name, kind].filter(Boolean).join(" · ") || "in turn"), marksOf(block).map((mark) => element("span.chip", {}, mark))),
    attributesOf(block.cell ?? block).map(([name, text]) => element("small", {}, `${name} ${text}`)),
    inner,
  );
}

function marksOf({ repeat, optional, residual, tie }) {
  const often = repeat && repeat !== 1 ? `× ${domainText(repeat)}` : null;
  return [often, optional ? "or left out" : null, residual ? "residual" : null, tie ? "all alike" : null].filter(Boolean);
}

function attributesOf(block) {
  return Object.entries(block)
    .filter(([name, value]) => !OF_BLOCK.has(name) && value !== null)
    .map(([name, value]) => [name, domainText(value)]);
}

function domainText(value) {
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map((each) => each.op ?? domainText(each)).join(", ");
  const range = value.int ?? value.float;
  if (range) return `${range[0]} to ${range[1]}`;
  return value.choice ? value.choice.join(", ") : JSON.stringify(value);
}

/**
 * Blocks of known lines, for the tests of what a pane holds.
 */
import { Block, ruleBlock } from "../../../web/model/block.js";
import { lineStarts } from "../../../web/model/protocol.js";

/**
 * @param {string} source
 * @param {string[]} lines
 * @param {{start?: string, end?: string, t?: number, at?: number | null, number?: number | null}} [more]
 */
export function blockOf(source, lines, more = {}) {
  const text = lines.length > 0 ? lines.join("\n") : null;
  return new Block({
    source, text: text ?? "", starts: lineStarts(text), start: "", end: "", t: 0, at: null, number: null, ...more,
  });
}

/** @param {string} source @param {string} text */
export const rule = (source, text) => ruleBlock({ kind: "rotated", source, text }, "");

/** All rows in order: lines, and rules as "--text". @param {import("../../../web/model/blocks.js").Blocks} blocks */
export function rowsOf(blocks) {
  const rows = [];
  for (let ord = blocks.first; ord < blocks.end; ord += 1) {
    const at = blocks.at(ord);
    if (at) rows.push(at.block.rule ? `--${at.block.rule.text}` : at.block.line(at.i));
  }
  return rows;
}

/**
 * The rules in the text: what they say, and where those of gaps stand.
 *
 * Gaps that were told are kept beside what is held: a gap stays in the text when its lines are
 * dropped and loaded again, or shown through a filter.
 *
 *   wordsOf(rule, at, name) -> {strong, text}
 *   offersOf(rule) -> {text, action}[]    what one does about it
 *   new Losses()
 *     .told(rule)                 a gap; the next lines of its log say where it stands
 *     .passed(block, ms)          those lines
 *     .within(block, i -> ms, filtered) -> {rule, i}[]    gaps that stand before line i of a page
 *
 * Unfiltered, a gap is found by its byte place; under a filter, whose lines tell no places of their
 * own, by its time.
 *
 * @typedef {import("./block.js").Block} Block
 * @typedef {import("./block.js").Rule} Rule
 * @typedef {{rule: Rule, t: number, at: number | null, ms: number, open: boolean}} Loss
 */

import { bytes, plural } from "./words.js";

/** Why lines are lost, in words. @type {Record<string, string>} */
const REASONS = {
  truncated: "the file was truncated in place",
  rotated: "a rotated file was gone before it was read",
  lagging: "this browser was too far behind and was moved ahead",
  vanished: "the file was removed",
  gone: "the file is no longer kept",
  unreadable: "the file could not be read",
  binary: "they are not text",
  overwritten: "the file was written over",
};

/**
 * @param {Rule} rule @param {string} at " at 14:02:08", or "" @param {string} name of the log, in a merge
 * @returns {{strong: string, text: string}}
 */
export function wordsOf(rule, at, name) {
  const words = {
    rotated: `rotated${at}, goes on in a new ${rule.text || "file"}, nothing lost`,
    begin: "beginning of the log",
    missing: `the file is gone${at}; when it comes back it goes on here`,
    returned: `the file is back${at}`,
    truncated: `truncated${at}, goes on from its start`,
  };
  if (rule.kind === "hole") {
    const [lines, size] = JSON.parse(rule.text);
    return { strong: lines !== null ? plural(lines, "line") : size !== null ? bytes(size) : "Some lines", text: "not loaded" };
  }
  if (rule.kind !== "gap") return { strong: name, text: words[/** @type {keyof words} */ (rule.kind)] ?? rule.text };
  const [size, reason] = JSON.parse(rule.text);
  const much = size === null ? "some lines" : bytes(size);
  return { strong: name ? `Gap in ${name}` : "Gap", text: `${much} could not be read: ${REASONS[reason] ?? reason}` };
}

/** @type {{text: string, action: string}[]} */
const NOTHING = [];
const ACROSS = [{ text: "Load here", action: "load" }, { text: "Jump over", action: "over" }];

/** @param {Rule} rule */
export function offersOf(rule) {
  return rule.kind === "hole" ? ACROSS : NOTHING;
}

/** More gaps than anyone reads. */
const MOST = 200;

export class Losses {
  constructor() {
    /** @type {Loss[]} */
    this.all = [];
  }

  clear() {
    this.all = [];
  }

  /** @param {Rule} rule @param {number} t when it was told, ms */
  told(rule, t) {
    this.all.push({ rule, t, at: null, ms: NaN, open: true });
    if (this.all.length > MOST) this.all.shift();
  }

  /** @param {Block} block the next lines after a gap @param {number} ms the time of its first line, NaN without one */
  passed(block, ms) {
    for (const loss of this.all) {
      if (!loss.open || loss.rule.source !== block.source) continue;
      loss.open = false;
      loss.at = block.at;
      loss.ms = ms;
    }
  }

  /**
   * @param {Block} block
   * @param {(i: number) => number} timeOf
   * @param {boolean} filtered
   * @returns {{rule: Rule, t: number, i: number}[]} from the last to the first
   */
  within(block, timeOf, filtered) {
    /** @type {{rule: Rule, t: number, i: number}[]} */
    const found = [];
    for (const loss of this.all) {
      if (loss.open || loss.rule.source !== block.source) continue;
      const i = filtered || loss.at === null || block.at === null ? byTime(block, loss.ms, timeOf) : byPlace(block, loss.at);
      if (i >= 0) found.push({ rule: loss.rule, t: loss.t, i });
    }
    return found.sort((a, b) => b.i - a.i);
  }
}

/** @param {Block} block @param {number} at @returns {number} -1 when it is not in this block */
function byPlace(block, at) {
  let place = block.at ?? 0;
  for (let i = 0; i < block.count; i++) {
    if (place >= at) return i === 0 && place > at ? -1 : i;
    place += octets(block.line(i)) + 1;
  }
  return -1;
}

/** @param {Block} block @param {number} ms @param {(i: number) => number} timeOf */
function byTime(block, ms, timeOf) {
  let before = NaN;
  for (let i = 0; i < block.count; i++) {
    const t = timeOf(i);
    if (t !== t) continue;
    if (t >= ms) return before < ms ? i : -1;
    before = t;
  }
  return -1;
}

/** Bytes of a text in UTF-8. @param {string} text */
function octets(text) {
  let n = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) n += code > 0x7ff ? 2 : 1;
    // Both halves of a pair together are four bytes, not six.
    if (code >= 0xd800 && code <= 0xdfff) n -= 1;
  }
  return n;
}

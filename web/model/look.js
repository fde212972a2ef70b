/**
 * How each row looks: the runs of its text, its soft breaks, its height, and what stands before it.
 *
 * Only rows near the viewport are ever looked at. Heights are arithmetic on a cell grid, so that
 * what the layout counts is what the painter draws. Everything here follows from the line and from
 * the options; changing an option starts a new epoch, in which all is looked at again.
 *
 * @typedef {import("./blocks.js").Block} Block
 * @typedef {import("./blocks.js").Rule} Rule
 * @typedef {{text: string, cls: string, fg?: string, bg?: string, from: number, to: number}} Run
 * @typedef {{text: string, action: string, title?: string}} Chip
 * @typedef {object} Look
 * @property {string} cls
 * @property {Run[]} runs with soft breaks as "\n"
 * @property {number[]} breaks
 * @property {string} label
 * @property {string} colour
 * @property {Chip[]} chips
 * @property {{strong: string, text: string} | null} rule
 * @property {number} rows visual lines
 * @property {number} cells of the longest visual line
 * @property {string} level
 *
 * @typedef {object} Options
 * @property {boolean} wrap
 * @property {number} columns cells that fit a visual line
 * @property {number} line px
 * @property {boolean} numbers
 * @property {Map<string, {name: string, colour: string}> | null} names logs of a merged view
 * @property {string} zone
 */

import { Display } from "./cells.js";
import { levelOf } from "./levels.js";
import { bytes, clock, duration } from "./words.js";
import { breakRuns, wrap } from "./wrap.js";

/** Height of a rule in the text, px. */
export const RULE = 26;

/** Looks kept: those of a few screens. */
const KEPT = 600;

/** Why lines are lost, in words. @type {Record<string, string>} */
const REASONS = {
  truncated: "the file was truncated in place",
  rotated: "a rotated file was gone before it was read",
  lagging: "this browser was too far behind and was moved ahead",
  vanished: "the file was removed",
  unreadable: "the file could not be read",
  binary: "they are not text",
  overwritten: "the file was written over",
};

export class Looks {
  constructor() {
    /** @type {Options} */
    this.options = { wrap: false, columns: 120, line: 20, numbers: true, names: null, zone: "UTC" };
    /** What must be drawn again when it changes. */
    this.epoch = 1;
    /** @type {Map<Block, Map<number, Look>>} */
    this.kept = new Map();
    this.keptCount = 0;
  }

  /** @param {Partial<Options>} change */
  set(change) {
    const before = this.options;
    const after = { ...before, ...change };
    const keys = /** @type {(keyof Options)[]} */ (Object.keys(after));
    if (keys.every((key) => before[key] === after[key])) return;
    this.options = after;
    this.again();
  }

  /** Starts a new epoch. */
  again() {
    this.epoch++;
    this.kept.clear();
    this.keptCount = 0;
  }

  /** @param {Block} block @param {number} i @returns {number} px */
  height(block, i) {
    if (block.rule) return RULE;
    if (!this.options.wrap) return this.options.line;
    if (block.epoch !== this.epoch || block.heights?.length !== block.count) {
      block.heights = new Uint16Array(block.count);
      block.epoch = this.epoch;
    }
    const known = block.heights[i];
    if (known) return known * this.options.line;
    const rows = block.length(i) * 2 <= this.options.columns ? 1 : this.of(block, i).rows;
    block.heights[i] = rows;
    return rows * this.options.line;
  }

  /** @param {Block} block @param {number} i @returns {Look} */
  of(block, i) {
    let ofBlock = this.kept.get(block);
    const known = ofBlock?.get(i);
    if (known) return known;
    if (this.keptCount > KEPT) {
      this.kept.clear();
      this.keptCount = 0;
      ofBlock = undefined;
    }
    const look = block.rule ? this.#rule(block, block.rule) : this.#line(block, i);
    if (!ofBlock) {
      ofBlock = new Map();
      this.kept.set(block, ofBlock);
    }
    ofBlock.set(i, look);
    this.keptCount++;
    return look;
  }

  /** @param {Block} block @param {number} i @returns {Look} */
  #line(block, i) {
    const { names, numbers, columns } = this.options;
    const line = block.line(i);
    const display = new Display(line);
    const found = levelOf(line);
    const level = found?.level ?? "";
    if (found && found.to > found.from) {
      display.show(0, found.from);
      display.show(found.from, found.to, `lv-${level}`);
      display.show(found.to, line.length);
    } else {
      display.show(0, line.length);
    }
    /** @type {Run[]} */
    let runs = display.pieces;
    /** @type {number[]} */
    let breaks = [];
    if (this.options.wrap) {
      breaks = wrap(runs.map((run) => run.text).join(""), columns);
      runs = breakRuns(runs, breaks);
    }
    /** @type {Chip[]} */
    const chips = [];
    if (display.cut) chips.push({ text: `${bytes(display.cut)} more`, action: "expand" });
    const late = block.late?.get(i);
    if (late !== undefined) chips.push({ text: `${duration(late)} late`, action: "late", title: "It came after later lines of other logs" });
    const named = names?.get(block.source);
    const number = numbers && block.number !== null ? String(block.number + i) : "";
    return {
      cls: level === "error" || level === "warn" ? `is-${level}` : "",
      runs, breaks, chips, rule: null,
      label: named ? named.name : number,
      colour: named ? named.colour : "",
      rows: breaks.length + 1,
      cells: display.column,
      level,
    };
  }

  /** @param {Block} block @param {Rule} rule @returns {Look} */
  #rule(block, rule) {
    const at = block.t ? ` at ${clock(block.t, this.options.zone)}` : "";
    const name = this.options.names?.get(rule.source)?.name ?? "";
    let strong = name;
    let text = "";
    switch (rule.kind) {
      case "rotated":
        text = `rotated${at}, goes on in a new ${rule.text || "file"}, nothing lost`;
        break;
      case "gap": {
        const [size, reason] = JSON.parse(rule.text);
        strong = name ? `Gap in ${name}` : "Gap";
        text = `${size === null ? "some lines" : bytes(size)} could not be read: ${REASONS[reason] ?? reason}`;
        break;
      }
      case "begin":
        text = "beginning of the log";
        break;
      case "missing":
        text = `the file is gone${at}; when it comes back it goes on here`;
        break;
      case "returned":
        text = `the file is back${at}`;
        break;
      case "truncated":
        text = `truncated${at}, goes on from its start`;
        break;
      default:
        text = rule.text;
    }
    return {
      cls: `rule rule-${rule.kind}`, runs: [], breaks: [], chips: [], rule: { strong, text }, label: "",
      colour: this.options.names?.get(rule.source)?.colour ?? "", rows: 1, cells: 0, level: "",
    };
  }
}

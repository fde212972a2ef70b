/**
 * How each row looks: the runs of its text, its soft breaks, its height, and what stands before it.
 *
 * Only rows near the viewport are ever looked at. Heights are arithmetic on a cell grid, so that
 * what the layout counts is what the painter draws. Everything here follows from the line and from
 * the options; changing an option starts a new epoch, in which all is looked at again.
 *
 * @typedef {import("./block.js").Block} Block
 * @typedef {import("./fields.js").Format} Format
 * @typedef {import("./runs.js").Run} Run
 * @typedef {import("./runs.js").Row} Content
 * @typedef {import("./runs.js").Mark} Mark
 * @typedef {{text: string, action: string, title?: string}} Chip
 * @typedef {object} Look
 * @property {string} cls
 * @property {Run[]} runs with soft breaks as "\n"
 * @property {number[]} breaks
 * @property {Content | null} content null for a rule
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
 * @property {boolean} raw
 * @property {"dark" | "light"} theme
 * @property {number} columns cells that fit a visual line
 * @property {number} line px
 * @property {boolean} numbers whether lines have theirs
 * @property {Map<string, {name: string, colour: string}> | null} names logs of a merged view
 * @property {import("./times.js").TimeDisplay} times
 * @property {number} bookmark ms that times may be counted from
 * @property {string} zone
 */

import { Groups, fold, placeIn } from "./groups.js";
import { offersOf, wordsOf } from "./rules.js";
import { rowOf } from "./runs.js";
import { findTime, timeOf } from "./times.js";
import { levelOf } from "./levels.js";
import { bytes, clock, count, duration, localZone } from "./words.js";
import { broken, HANG } from "./layout.js";

/** Height of a rule in the text, px; and of a hole, whose buttons are for fingers too. */
export const RULE = 26;
export const HOLE = 44;

/** What the daemon writes in place of the rest of a line that is too long. */
const CUT = / \[tailws: line of (\d+) bytes cut here\]$/;

export class Looks {
  /**
   * @param {import("./blocks.js").Blocks} blocks
   * @param {() => number} clock ms; a time without a date is the nearest past one
   */
  constructor(blocks, clock) {
    this.blocks = blocks;
    this.groups = new Groups();
    this.clock = clock;
    /** Heads of groups that are shown whole although they are long. @type {Map<Block, Set<number>>} */
    this.open = new Map();
    /** Whether all groups are shown whole. */
    this.allOpen = false;
    /** @type {Options} */
    this.options = {
      wrap: false, raw: false, theme: "dark", columns: 120, line: 20, numbers: true, names: null,
      times: "file", bookmark: NaN, zone: "UTC",
    };
    /** Formats of the logs, as far as they are known. @type {Map<string, Format | null>} */
    this.formats = new Map();
    /** Zones of logs that have one of their own. @type {Map<string, string>} */
    this.zones = new Map();
    /** What is marked in a line: find hits, Mark chips. @type {((line: string) => Mark[]) | null} */
    this.marks = null;
    /** Rows that are opened, with the height of what is below them, px. @type {Map<Block, Map<number, number>>} */
    this.expanded = new Map();
    this.now = clock();
    /** What was told last of how times are read. @type {import("./times.js").Context} */
    this.told = { zone: "", now: 0 };
    /** What must be drawn again when it changes. */
    this.epoch = 1;
    /** Looks of this frame, and of the one before. @type {Map<Block, Map<number, Look>>} */
    this.kept = new Map();
    this.before = this.kept;
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
    this.now = this.clock();
    this.frame();
    this.frame();
  }

  /** A frame begins: only what the one before has looked at is kept, what lives long is dear to collect. */
  frame() {
    this.before = this.kept;
    this.kept = new Map();
  }

  /** @param {Block} block @param {number} i @returns {number} px */
  height(block, i) {
    if (block.rule) return block.rule.kind === "hole" ? HOLE : RULE;
    const rows = this.rowsOf(block, i);
    const below = rows && this.expanded.size ? (this.expanded.get(block)?.get(i) ?? 0) : 0;
    return rows * this.options.line + below;
  }

  /** Visual lines of a row; 0 when it is folded away. @param {Block} block @param {number} i */
  rowsOf(block, i) {
    const { wrap, raw } = this.options;
    if (!wrap && raw) return 1;
    if (block.epoch !== this.epoch || block.heights?.length !== block.count) {
      block.heights = new Uint16Array(block.count);
      block.epoch = this.epoch;
    }
    const known = block.heights[i];
    if (known) return known - 1;
    const { place, final } = this.place(block, i);
    let rows = place === "hidden" ? 0 : 1;
    // No character is wider than two cells, but fields of a formatted line may be.
    if (rows && wrap && block.length(i) * 4 > this.options.columns) rows = this.of(block, i).rows;
    if (final) block.heights[i] = rows + 1;
    return rows;
  }

  /**
   * Where a row is in its group of continued lines.
   * @param {Block} block @param {number} i
   * @returns {{place: "shown" | "chip" | "hidden", hidden: number, head: number, size: number,
   *   final: boolean}} final: whether it can change no more by what is loaded or arrives
   */
  place(block, i) {
    const { blocks } = this;
    const ord = block.base + i;
    if (this.options.raw) return { place: "shown", hidden: 0, head: ord, size: 1, final: true };
    const { first, end } = blocks;
    const { source } = block;
    const line = (/** @type {number} */ k) => {
      if (k >= block.base && k < block.base + block.count) return block.line(k - block.base);
      const at = blocks.at(k);
      return at && !at.block.rule && at.block.source === source ? at.block.line(at.i) : null;
    };
    const group = this.groups.of(line, ord, first, end, blocks.version);
    const head = group.size > 8 ? blocks.at(group.head) : null;
    const open = this.allOpen || (head !== null && (this.open.get(head.block)?.has(head.i) ?? false));
    const folded = fold(group.size, group.end >= end, open);
    return {
      place: placeIn(group, folded, ord), hidden: folded?.hidden ?? 0, head: group.head, size: group.size,
      final: group.end < end && group.head > first,
    };
  }

  /** Keeps a group open that is on screen; nothing changes by it now. @param {number} head ordinal */
  keepOpen(head) {
    const at = this.blocks.at(head);
    if (at) this.open.set(at.block, (this.open.get(at.block) ?? new Set()).add(at.i));
  }

  /** Shows a group whole, or folds it again. @param {number} head ordinal @param {boolean} open */
  openGroup(head, open) {
    const at = this.blocks.at(head);
    if (!at || (this.open.get(at.block)?.has(at.i) ?? false) === open) return;
    if (open) this.keepOpen(head);
    else this.open.get(at.block)?.delete(at.i);
    this.again();
  }

  /** What a time needs to be read. @param {string} source */
  context(source) {
    const zone = this.zones.get(source) ?? this.options.zone;
    const { now, told } = this;
    if (told.zone !== zone || told.now !== now) this.told = { zone, now, get local() { return localZone(); } };
    return this.told;
  }

  /** The time of a line, ms; NaN when it has none. @param {Block} block @param {number} i */
  timeOf(block, i) {
    return block.rule ? NaN : timeOf(block.line(i), this.context(block.source));
  }

  /**
   * The time of a line or, when it has none, of the nearest line above that has, within reach.
   * @param {Block} block @param {number} i
   */
  timeNear(block, i) {
    const t = this.timeOf(block, i);
    if (t === t) return t;
    const ord = block.base + i;
    for (let k = ord - 1; k > ord - 200; k--) {
      const at = this.blocks.at(k);
      if (!at || at.block.rule?.kind === "hole") break;
      if (at.block.source !== block.source) continue;
      const above = this.timeOf(at.block, at.i);
      if (above === above) return above;
    }
    return NaN;
  }

  /** @param {Block} block @param {number} i @returns {Look} */
  of(block, i) {
    let ofBlock = this.kept.get(block);
    const known = ofBlock?.get(i);
    if (known) return known;
    const look = this.before.get(block)?.get(i) ?? (block.rule ? this.#rule(block, block.rule) : this.#line(block, i));
    if (!ofBlock) this.kept.set(block, (ofBlock = new Map()));
    ofBlock.set(i, look);
    return look;
  }

  /** @param {Block} block @param {number} i @returns {Look} */
  #line(block, i) {
    const { names, numbers, columns, raw, theme, times } = this.options;
    const whole = block.line(i);
    const cut = whole.endsWith("cut here]") ? CUT.exec(whole) : null;
    const line = cut ? whole.slice(0, cut.index) : whole;
    const context = this.context(block.source);
    const content = rowOf(line, {
      raw, theme, times, context, format: this.formats.get(block.source) ?? null,
      reference: this.#reference(block, i), marks: this.marks?.(line) ?? [],
    });
    const group = this.place(block, i);
    const ord = block.base + i;
    const continued = group.size > 1 && ord !== group.head;
    /** @type {Chip[]} */
    const chips = [];
    if (content.cut) chips.push({ text: `${bytes(content.cut)} more`, action: "expand" });
    if (cut) chips.push({ text: `cut at ${bytes(cut.index)} of ${bytes(Number(cut[1]))}`, action: "cut", title: "The daemon shortens longer lines" });
    const late = block.late?.get(i);
    // Many logs tell whole seconds: less than one says nothing.
    if (late !== undefined && late >= 1000) {
      const title = "It came after later lines of the other logs";
      chips.push({ text: `${duration(late)} late`, action: "late", title });
    }
    let ground = content.ground;
    let cont = "";
    if (continued) {
      cont = "cont ";
      const head = this.blocks.at(group.head);
      const level = head && !head.block.rule ? (levelOf(head.block.line(head.i))?.level ?? null) : null;
      if (level === "error" || level === "warn") ground = level;
    }
    if (group.place === "chip") {
      chips.push({ text: `${count(group.hidden)} more lines`, action: "group", title: "Open this group" });
    }
    // Chips are in another type: this is the most that they take.
    const room = chips.reduce((sum, chip) => sum + chip.text.length + 6, 0);
    const deeper = continued ? HANG : 0; // what goes on with a line above hangs deeper
    const { runs, breaks } = this.options.wrap ? broken(content, columns - deeper, room) : { runs: content.runs, breaks: [] };
    const named = names?.get(block.source);
    const number = numbers && block.number !== null ? String(block.number + i) : "";
    const base = content.base || cont ? "base-val " : "";
    return {
      cls: `${cont}${base}${ground ? `is-${ground}` : ""}`,
      runs, breaks, content, chips, rule: null,
      label: named ? named.name : number,
      colour: named?.colour ?? "",
      rows: breaks.length + 1,
      cells: this.options.wrap ? 0 : content.cells + deeper + room,
      level: content.level ?? "",
    };
  }

  /** What the time of a line is counted from, where it is. @param {Block} block @param {number} i */
  #reference(block, i) {
    if (this.options.times === "bookmark") return this.options.bookmark;
    if (this.options.times !== "previous") return NaN;
    for (let k = i - 1; k >= 0 && k > i - 20; k--) {
      const found = findTime(block.line(k), this.context(block.source));
      if (found) return found.ms;
    }
    return NaN;
  }

  /** @param {Block} block @param {import("./block.js").Rule} rule @returns {Look} */
  #rule(block, rule) {
    const { names, zone } = this.options;
    return {
      cls: `rule rule-${rule.kind}`, runs: [], breaks: [], content: null, chips: offersOf(rule), label: "", colour: "", rows: 1, cells: 0,
      level: "", rule: wordsOf(rule, block.t ? ` at ${clock(block.t, zone)}` : "", names?.get(rule.source)?.name ?? ""),
    };
  }
}

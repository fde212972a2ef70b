/**
 * The lines that a pane holds: a window of consecutive lines of a log (or of several, merged), or two
 * with a hole between them, as a row of blocks. Rows are numbered by ordinals that run through all
 * blocks; prepending counts downwards, so that no ordinal changes.
 *
 * @typedef {import("./block.js").Block} Block
 * @typedef {import("./block.js").Ref} Ref
 */

import { extend, joins, resolve, splitOff } from "./block.js";

export class Blocks {
  /**
   * @param {{bytes: number, lines: number}} limits what is held at most of a window; whole blocks
   *   are dropped at the end that is farther from the eye
   */
  constructor(limits = { bytes: 8 << 20, lines: 200_000 }) {
    this.limits = limits;
    /** @type {Block[]} */
    this.list = [];
    this.weight = 0;
    this.rules = 0;
    /** Counts every change of content, for whoever keeps something derived from it. */
    this.version = 0;
  }

  /** Ordinal of the first row. */
  get first() {
    return this.list.length ? this.list[0].base : 0;
  }

  /** Ordinal behind the last row. */
  get end() {
    const last = this.list[this.list.length - 1];
    return last ? last.base + last.count : 0;
  }

  /** Rows held, rules included. */
  get rows() {
    return this.end - this.first;
  }

  /** Lines held, rules left out. */
  get lines() {
    return this.rows - this.rules;
  }

  /** @param {Block} block */
  append(block) {
    if (!block.count) return;
    const last = this.list[this.list.length - 1];
    this.version++;
    if (last && joins(last, block)) {
      this.weight -= last.weight;
      extend(last, block);
      this.weight += last.weight;
      return;
    }
    block.base = this.end;
    this.list.push(block);
    this.weight += block.weight;
    if (block.rule) this.rules++;
  }

  /** @param {Block} block */
  prepend(block) {
    if (!block.count) return;
    this.version++;
    block.base = this.first - block.count;
    this.list.unshift(block);
    this.weight += block.weight;
    if (block.rule) this.rules++;
  }

  /**
   * Puts a block before the row `ord`, splitting the block that is there. Ordinals behind it move.
   * @param {number} ord
   * @param {Block} block
   */
  insert(ord, block) {
    if (ord >= this.end) return this.append(block);
    if (ord <= this.first) return this.prepend(block);
    this.version++;
    const index = this.indexOf(ord);
    const there = this.list[index];
    const at = ord - there.base;
    const parts = [block];
    if (at > 0) {
      this.weight -= there.weight;
      const tail = splitOff(there, at);
      this.weight += there.weight + tail.weight;
      parts.push(tail);
    }
    this.list.splice(at > 0 ? index + 1 : index, 0, ...parts);
    this.weight += block.weight;
    if (block.rule) this.rules++;
    this.#renumber(at > 0 ? index + 1 : index);
    return undefined;
  }

  /** @param {number} from index of the first block whose base is wrong */
  #renumber(from) {
    for (let k = Math.max(1, from); k < this.list.length; k++) {
      this.list[k].base = this.list[k - 1].base + this.list[k - 1].count;
    }
  }

  /** Takes one rule away. @param {Block} block */
  remove(block) {
    const index = this.list.indexOf(block);
    if (index < 0) return;
    this.version++;
    this.weight -= block.weight;
    if (block.rule) this.rules--;
    block.held = false;
    if (index === 0) {
      this.list.shift();
    } else {
      this.list.splice(index, 1);
      this.#renumber(index);
    }
  }

  /** Puts one rule in the place of another. @param {Block} before @param {Block} after */
  swap(before, after) {
    this.version++;
    after.base = before.base;
    before.held = false;
    this.list[this.indexOf(before.base)] = after;
  }

  clear() {
    for (const block of this.list) block.held = false;
    this.list = [];
    this.weight = this.rules = 0;
    this.version++;
  }

  /**
   * Index of the block that holds the row `ord`, by bisection.
   * @param {number} ord
   */
  indexOf(ord) {
    let low = 0;
    let high = this.list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.list[middle].base <= ord) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** @param {number} ord @returns {Ref | null} */
  at(ord) {
    if (!this.list.length || ord < this.first || ord >= this.end) return null;
    const block = this.list[this.indexOf(ord)];
    return { block, i: ord - block.base };
  }

  /** @param {Ref} ref @returns {number} NaN when its block is no longer held */
  ord(ref) {
    const { block, i } = resolve(ref);
    return block.held ? block.base + i : NaN;
  }

  /** Keeps only some blocks. @param {number} from index of the first @param {number} to exclusive */
  keep(from, to) {
    const kept = this.list.slice(from, to);
    this.clear();
    for (const block of kept) {
      block.held = true;
      this.weight += block.weight;
      if (block.rule) this.rules++;
    }
    this.list = kept;
  }

  /**
   * Drops whole blocks of a window, from the end that is farther from the eye, until the bounds hold.
   * @param {number} eye ordinal that must stay
   * @param {boolean} [whole] drop a message only as a whole, also where a rule stands in it
   * @param {number} [from] index of the first block of the window
   * @param {number} [to] index behind its last
   * @returns {{above: Block[], below: Block[]}} what was dropped
   */
  trim(eye, whole = false, from = 0, to = this.list.length) {
    /** @type {{above: Block[], below: Block[]}} */
    const dropped = { above: [], below: [] };
    const { list, limits } = this;
    const all = to - from === list.length;
    let weight = all ? this.weight : 0;
    let rows = all ? this.rows : 0;
    for (let k = from; k < to && !all; k++) {
      weight += list[k].weight;
      rows += list[k].count;
    }
    let top = from;
    let bottom = to;
    let up = true;
    let torn = false; // the other part of a message has been dropped
    while (bottom - top > 1 && (torn || weight > limits.bytes || rows > limits.lines)) {
      const above = eye - (list[top].base + list[top].count);
      const below = list[bottom - 1].base - eye;
      if (above < 0 && below < 0) break;
      if (!torn) up = above >= below;
      const gone = up ? list[top++] : list[--bottom];
      if (up) dropped.above.push(gone);
      else dropped.below.unshift(gone);
      gone.held = false;
      rows -= gone.count;
      weight -= gone.weight;
      this.weight -= gone.weight;
      if (gone.rule) this.rules--;
      else torn = whole && gone.part !== null && !(up ? gone.part.last : gone.part.first);
    }
    if (top > from || bottom < to) {
      // In place: with each message at the live end a block goes, and a copy of the list is large.
      list.splice(bottom, to - bottom);
      list.splice(from, top - from);
      this.version++;
      // Ordinals stay where the live end is: those before a place where something is missing move.
      for (let k = list.length - 2; k >= 0 && !all; k--) {
        list[k].base = list[k + 1].base - list[k].count;
      }
    }
    return dropped;
  }

  /** Lines in an ordinal range. @param {number} from @param {number} to exclusive */
  linesIn(from, to) {
    let lines = 0;
    this.walk(from, to, () => lines++);
    return lines;
  }

  /** Whether a hole is in an ordinal range. @param {number} from @param {number} to */
  holed(from, to) {
    return this.rules > 0 && this.list.some(({ rule, base }) => rule?.kind === "hole" && base > from && base < to);
  }

  /**
   * Every line in an ordinal range, in order.
   * @param {number} from
   * @param {number} to exclusive
   * @param {(line: string, block: Block, i: number) => void} each
   */
  walk(from, to, each) {
    if (!this.list.length) return;
    const start = Math.max(from, this.first);
    const stop = Math.min(to, this.end);
    for (let k = this.indexOf(start); k < this.list.length; k++) {
      const block = this.list[k];
      if (block.base >= stop) return;
      if (block.rule) continue;
      const last = Math.min(block.count, stop - block.base);
      for (let i = Math.max(0, start - block.base); i < last; i++) each(block.line(i), block, i);
    }
  }
}

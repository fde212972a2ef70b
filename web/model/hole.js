/**
 * A hole: the lines between two windows of one log, which are in its files and are not held.
 *
 *   lines that were read | hole | lines up to the live end
 *
 * It is a rule in the row of blocks, and ends where the blocks beside it do: `start` is the cursor
 * behind the last line above it, `end` the one before the first line below it. Pages come from either
 * side, and never reach beyond the other one, for the daemon is told where to stop; when it says that
 * nothing is left, the rule goes, and the two windows are one.
 *
 * Whether there is a hole at all the daemon says too: until then what was read is put aside, or lines
 * might be held twice.
 *
 * @typedef {import("./block.js").Block} Block
 * @typedef {import("./blocks.js").Blocks} Blocks
 * @typedef {"above" | "below"} Direction of a page: "above" is one above the lower window, "below"
 *   one below the upper one
 * @typedef {{list: Block[], top: string | null, above: boolean}} Aside a window that was held: its
 *   upper edge, and whether there is more before it
 */

import { ruleBlock } from "./block.js";

export class Hole {
  /**
   * @param {Blocks} blocks
   * @param {string} source
   * @param {string} start
   * @param {string} end
   * @param {Aside | null} aside the upper window, where it is not among the blocks
   */
  constructor(blocks, source, start, end, aside = null) {
    this.blocks = blocks;
    this.source = source;
    this.start = start;
    this.end = end;
    this.aside = aside;
    /** The rule; another one whenever it says something else. @type {Block | null} */
    this.block = null;
    /** How much is not loaded, as far as that is known. @type {number | null} */
    this.lines = null;
    /** @type {number | null} */
    this.bytes = null;
    /** From where the user goes into it: there pages come as he comes near. @type {Set<Direction>} */
    this.entered = new Set();
  }

  /** Whether its rule is among the blocks. */
  get held() {
    return this.block?.held ?? false;
  }

  /** Ordinal of the rule. */
  get ord() {
    return this.block?.base ?? NaN;
  }

  /** Where a page is to be had from, and where it has to stop. @param {Direction} direction */
  place(direction) {
    const { start, end } = this;
    return direction === "below" ? { after: start, until: end } : { before: end, until: start };
  }

  /** Says how much there is. @param {number | null} [lines] @param {number | null} [bytes] */
  measure(lines = null, bytes = null) {
    this.lines = lines;
    this.bytes = bytes;
    const before = this.block;
    const rule = { kind: /** @type {const} */ ("hole"), source: this.source, text: JSON.stringify([lines, bytes]) };
    this.block = ruleBlock(rule, this.start);
    this.block.end = this.end;
    if (before?.held) this.blocks.swap(before, this.block);
    return this.block;
  }

  /**
   * Puts a page in at its side, and the rule away when nothing is left.
   * @param {Block} page
   * @param {Direction} direction
   * @param {import("./pager.js").Where} place where it was asked for
   * @param {import("./protocol.js").History} head
   * @returns {boolean} whether it belongs here: an edge may have moved since
   */
  fill(page, direction, place, { more, left, left_lines }) {
    const down = direction === "below";
    if ((down ? place.after : place.before) !== (down ? this.start : this.end) || !this.block) return false;
    const whole = place.until === (down ? this.end : this.start);
    if (down) this.start = page.end;
    else this.end = page.start;
    if (page.count) this.blocks.insert(down ? this.ord : this.ord + 1, page);
    if (more || !whole) this.measure(whole ? left_lines : null, whole ? left : null);
    else this.close();
    return true;
  }

  /** Nothing is left of it. */
  close() {
    if (this.block) this.blocks.remove(this.block);
    this.block = null;
  }

  /**
   * The bounds dropped lines beside it: they are a part of it now.
   * @param {Block[]} above the last ones above it @param {Block[]} below the first ones below it
   * @param {boolean} filtered
   */
  grow(above, below, filtered) {
    const lost = [...above, ...below].filter((block) => !block.rule);
    if (!lost.length) return;
    this.start = above.find((block) => !block.rule)?.start ?? this.start;
    this.end = below.findLast((block) => !block.rule)?.end ?? this.end;
    let { lines, bytes } = this;
    for (const { count, text } of lost) {
      if (lines !== null) lines += count;
      if (bytes !== null) bytes += text.length + 1;
    }
    this.measure(filtered ? null : lines, bytes);
  }

  /**
   * What was put aside is the upper window now. @param {Block} page its next lines
   * @param {boolean} closed whether they reach the lower window
   * @param {import("./protocol.js").History} head
   */
  join(page, closed, { left, left_lines }) {
    const { blocks, aside } = this;
    this.aside = null;
    this.start = page.end;
    if (!closed) blocks.prepend(this.measure(left_lines, left));
    blocks.prepend(page);
    for (const block of (aside?.list ?? []).reverse()) {
      block.held = true;
      blocks.prepend(block);
    }
  }
}

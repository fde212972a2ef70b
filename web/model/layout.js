/**
 * Where a line breaks, and where its row stands on the paper: arithmetic, never measured.
 *
 *   wrap(text, columns, indent?) -> number[]     offsets in display text at which a new visual line
 *                                                begins; [] when it fits
 *   breakRuns(runs, breaks) -> runs              the same runs with "\n" put in at the breaks
 *   toDisplay(offset, breaks) -> offset          from an offset in broken text (what a DOM selection
 *                                                tells) to one in display text
 *
 * Breaks come after a space and `,;&?/|`; a word longer than the line is cut at the cell. Lines
 * after the first hang by `indent` cells, which are the style sheet's work (padding and a negative
 * text-indent), not text.
 *
 * The paper is a tall empty area that a native scroller moves. Layout grows from an anchor (a row
 * and its y): rows after it go down, rows before it go up into free paper. So putting history in
 * front never changes the scroll position, and no height has to be known for a row that is not near
 * the viewport. While following, the anchor is the last row and its bottom is the paper's end.
 *
 * @typedef {import("./block.js").Ref} Ref
 * @typedef {import("./block.js").Block} Block
 * @typedef {{block: Block, i: number, ord: number, y: number, h: number}} Placed
 * @typedef {(block: Block, i: number) => number} HeightOf px of one row; 0 hides it
 */

import { resolve } from "./block.js";
import { cells, cellWidth } from "./cells.js";

export const HANG = 2;
/** Narrower than this nothing can be read anyway, and each character would be a line. */
const MIN_COLUMNS = 8;

/** @param {number} code */
const breaksAfter = (code) =>
  code === 0x20 || code === 0x2c || code === 0x3b || code === 0x26 || code === 0x3f ||
  code === 0x2f || code === 0x7c;

/**
 * @param {string} text display text: no tabs, no controls
 * @param {number} columns cells of a visual line
 * @param {number} [indent] cells by which lines after the first hang
 * @returns {number[]}
 */
export function wrap(text, columns, indent = HANG) {
  const first = Math.max(MIN_COLUMNS, Math.floor(columns) || MIN_COLUMNS);
  // One unit is never wider than two cells, so most lines need no look at their characters.
  if (text.length * 2 <= first) return [];
  const rest = Math.max(MIN_COLUMNS / 2, first - indent);
  /** @type {number[]} */
  const breaks = [];
  let width = first;
  let column = 0;
  let start = 0;
  let chance = 0; // offset behind the last place where a break is welcome
  for (let i = 0; i < text.length; ) {
    const code = text.charCodeAt(i);
    let size = 1;
    let cell = 1;
    if (code >= 0x300) {
      const cp = text.codePointAt(i) ?? code;
      size = cp > 0xffff ? 2 : 1;
      cell = cellWidth(cp);
    }
    if (column + cell > width) {
      // One or two spaces that do not fit hang over the edge, where nobody sees them. Else what
      // stands behind the break is looked at again: less than a line, and each line only once.
      if (code === 0x20) i += text.charCodeAt(i + 1) === 0x20 ? 2 : 1;
      else if (chance > start) i = chance;
      breaks.push(i);
      start = chance = i;
      column = 0;
      width = rest;
      continue;
    }
    column += cell;
    i += size;
    // The two slashes of an address stay together, and with what is behind them.
    if (breaksAfter(code) && !(code === 0x2f && (text[i] === "/" || text[i - 2] === "/"))) chance = i;
  }
  if (breaks[breaks.length - 1] === text.length) breaks.pop();
  return breaks;
}

/**
 * @template {{text: string}} R
 * @param {readonly R[]} runs whose texts together are the display text
 * @param {readonly number[]} breaks ascending
 * @returns {R[]}
 */
export function breakRuns(runs, breaks) {
  if (breaks.length === 0) return [...runs];
  let next = 0;
  let at = 0;
  return runs.map((run) => {
    const end = at + run.text.length;
    let text = "";
    let from = at;
    for (; next < breaks.length; next += 1) {
      const place = /** @type {number} */ (breaks[next]);
      if (place >= end) break;
      text += `${run.text.slice(from - at, place - at)}\n`;
      from = place;
    }
    text += run.text.slice(from - at);
    at = end;
    return text === run.text ? run : { ...run, text };
  });
}

/**
 * A line in visual lines; chips that have no room behind it get one of their own.
 * @param {{text: string, runs: readonly import("./runs.js").Run[]}} content @param {number} columns @param {number} room cells that the chips take
 * @returns {{runs: import("./runs.js").Run[], breaks: number[]}}
 */
export function broken({ text, runs }, columns, room) {
  const breaks = wrap(text, columns);
  const width = breaks.length ? columns - HANG : columns;
  if (!room || cells(text, breaks[breaks.length - 1] ?? 0) + room <= width) return { runs: breakRuns(runs, breaks), breaks };
  return { runs: [...breakRuns(runs, breaks), { text: "\n", cls: "", fg: "", bg: "", href: "" }], breaks: [...breaks, text.length] };
}

/**
 * @param {number} offset in text that breakRuns made
 * @param {readonly number[]} breaks
 */
export function toDisplay(offset, breaks) {
  // The k-th break stands at breaks[k] + k in the broken text, and takes one place there.
  let low = 0;
  let high = breaks.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (/** @type {number} */ (breaks[mid]) + mid < offset) low = mid + 1;
    else high = mid;
  }
  return offset - low;
}

/** Where the end of the log lies on the paper while following: room above for all that is held. */
export const END = 3_000_000;

/** Where a jump puts its target: this part of the height from the top. */
export const THIRD = 1 / 3;

/** Rows kept above and below the viewport, so that a short scroll shows no blank. */
const OVER = 4;

export class Layout {
  /**
   * @param {import("./blocks.js").Blocks} blocks
   * @param {HeightOf} heightOf
   */
  constructor(blocks, heightOf) {
    this.blocks = blocks;
    this.heightOf = heightOf;
    /** @type {Ref | null} */
    this.anchor = null;
    this.y = 0;
  }

  /** Fixes a row at a place. @param {Ref} ref @param {number} y */
  fix(ref, y) {
    this.anchor = resolve(ref);
    this.y = y;
  }

  /**
   * Fixes the last row so that it ends at `bottom`. Returns false when there is none.
   * @param {number} bottom
   */
  pinEnd(bottom) {
    let ord = this.blocks.end - 1;
    let last = this.blocks.at(ord);
    while (last && this.heightOf(last.block, last.i) === 0) last = this.blocks.at(--ord);
    if (!last) {
      this.anchor = null;
      return false;
    }
    this.fix(last, bottom - this.heightOf(last.block, last.i));
    return true;
  }

  /** The anchor's ordinal; the nearest held row's when its block was dropped. */
  #start() {
    if (this.anchor) {
      const ord = this.blocks.ord(this.anchor);
      if (!Number.isNaN(ord)) return ord;
    }
    return this.blocks.rows ? this.blocks.first : NaN;
  }

  /**
   * The rows that cover `top` to `top + height`, and a few more at both sides.
   * @param {number} top y on the paper
   * @param {number} height
   * @param {number} [over] how many more
   * @returns {{rows: Placed[], above: number, below: number, topY: number | null,
   *   endY: number | null}} above, below: rows held beyond those placed; topY and endY: the edge of
   *   what is held, where it was reached
   */
  place(top, height, over = OVER) {
    const { blocks, heightOf } = this;
    /** @type {Placed[]} */
    const rows = [];
    let ord = this.#start();
    if (Number.isNaN(ord)) return { rows, above: 0, below: 0, topY: null, endY: null };
    let y = this.y;
    const bottom = top + height;
    // Up to the first row wanted, then down through the last one.
    let extra = 0;
    let cursor = /** @type {Ref | null} */ (blocks.at(ord));
    while (cursor && ord > blocks.first && (y > top || extra < over)) {
      ord--;
      cursor = cursor.i > 0 ? { block: cursor.block, i: cursor.i - 1 } : blocks.at(ord);
      if (!cursor) break;
      const h = heightOf(cursor.block, cursor.i);
      y -= h;
      if (y + h <= top && h > 0) extra++;
    }
    const firstOrd = ord;
    const topY = ord === blocks.first ? y : null;
    let beyond = 0;
    while (cursor && ord < blocks.end) {
      const h = heightOf(cursor.block, cursor.i);
      if (h > 0) rows.push({ block: cursor.block, i: cursor.i, ord, y, h });
      y += h;
      ord++;
      if (y >= bottom && h > 0 && ++beyond > over) break;
      cursor = cursor.i + 1 < cursor.block.count
        ? { block: cursor.block, i: cursor.i + 1 }
        : blocks.at(ord);
    }
    // Far above the viewport may be many rows when the anchor lay there: keep only those near it.
    let keep = 0;
    while (keep + over < rows.length && rows[keep + over].y + rows[keep + over].h <= top) keep++;
    return {
      rows: keep ? rows.slice(keep) : rows,
      above: (rows.length ? rows[keep].ord : firstOrd) - blocks.first,
      below: blocks.end - ord,
      topY,
      endY: ord >= blocks.end ? y : null,
    };
  }

  /** Moves all rows by the same amount. @param {number} dy */
  shift(dy) {
    this.y += dy;
  }

  /**
   * The y of a row, by walking from the anchor; NaN when it is not held.
   * @param {Ref} ref
   */
  yOf(ref) {
    const from = this.#start();
    const to = this.blocks.ord(ref);
    if (Number.isNaN(from) || Number.isNaN(to)) return NaN;
    let y = this.y;
    for (let ord = from; ord < to; ord++) y += this.#height(ord);
    for (let ord = from - 1; ord >= to; ord--) y -= this.#height(ord);
    return y;
  }

  /** @param {number} ord */
  #height(ord) {
    const at = this.blocks.at(ord);
    return at ? this.heightOf(at.block, at.i) : 0;
  }
}

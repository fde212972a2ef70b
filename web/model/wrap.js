/**
 * Line breaking on a grid of cells, so that the height of a row is arithmetic, never measured.
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
 */
import { cellWidth } from "./cells.js";

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
    if (breaksAfter(code)) chance = i;
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

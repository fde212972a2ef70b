/**
 * How many cells a character takes, and how a line's characters become ones that can be seen.
 *
 *   cellWidth(codePoint)            0, 1 or 2
 *   cells(text, from?, to?)         sum of widths of display text
 *   new Display(line, limit?)       collects the pieces of one row:
 *     .show(from, to, cls?, fg?, bg?)   a part of the line, controls as labels, tabs as spaces
 *     .put(text, from, to, cls?, fg?, bg?)  text of ours that stands for a part of the line
 *     .putDecoded(char, from, to, cls?)  a character that an escape of the line stands for
 *     .hide(from, to)                   a part of the line that is not drawn
 *     .pieces  .column  .cut            the result; `cut`: characters left out behind the limit
 *   label(codePoint)                how an invisible character is drawn: "␛", "⟨U+202E⟩"
 *
 * A piece is `{text, from, to, cls, fg, bg}`: display text and the columns of the line that it
 * stands for. It is verbatim when `text === line.slice(from, to)`. All pieces of a row together,
 * in the order of `from`, cover the line exactly once.
 *
 * Terminals and pagers have been fooled by invisible characters for decades; here none is: what
 * would reorder, hide or overprint text is drawn as a label (class "ctl").
 */

/** Rows show no more than this; the rest is told as a size and opened on request. */
export const MAX_CELLS = 4096;
const TAB = 8;
/** Marks that may hang on one base character. Enough for any script, not for "zalgo" text. */
const MAX_MARKS = 8;

/**
 * @typedef {{text: string, from: number, to: number, cls: string, fg: string, bg: string}} Piece
 */

const PLAIN = /^[\x20-\x7e]*$/;

/** East Asian wide and full width (UAX #11), and what is drawn as a picture by default. */
const WIDE = new RegExp(
  "^[\\u1100-\\u115f\\u2329\\u232a\\u2630-\\u2637\\u268a-\\u268f\\u2e80-\\u303e\\u3041-\\u3247" +
    "\\u3250-\\u4dbf\\u4e00-\\ua4cf\\ua960-\\ua97c\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe10-\\ufe19" +
    "\\ufe30-\\ufe6b\\uff01-\\uff60\\uffe0-\\uffe6\\u{16fe0}-\\u{18dff}\\u{1aff0}-\\u{1b2fb}" +
    "\\u{1f200}-\\u{1f265}\\u{20000}-\\u{3fffd}\\p{Emoji_Presentation}]$",
  "u",
);
const MARK = /^[\p{M}\u{1f3fb}-\u{1f3ff}]$/u; // skin tones join the picture before them

/**
 * Characters that show nothing or change how others are drawn: controls, direction, zero width,
 * separators, fillers, tags, lone surrogates. Variation selectors and marks stay marks.
 */
const INVISIBLE = new RegExp(
  "[\\0-\\x1f\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b-\\u200f" +
    "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb\\p{Cs}\\u{e0000}-\\u{e007f}]",
  "u",
);

/** @param {number} cp code point of a character that can be seen */
export function cellWidth(cp) {
  if (cp < 0x300) return 1;
  if (cp >= 0x1f1e6 && cp <= 0x1f1ff) return 1; // regional indicators: two make one flag
  const char = String.fromCodePoint(cp);
  if (MARK.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}

/**
 * @param {string} text display text
 * @param {number} [from]
 * @param {number} [to]
 */
export function cells(text, from = 0, to = text.length) {
  let sum = 0;
  for (let i = from; i < to; ) {
    const cp = text.codePointAt(i) ?? 0;
    sum += cellWidth(cp);
    i += cp > 0xffff ? 2 : 1;
  }
  return sum;
}

/** @param {number} cp */
export function label(cp) {
  if (cp < 0x20) return String.fromCharCode(0x2400 + cp);
  if (cp === 0x7f) return "\u2421";
  return `⟨U+${cp.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

export class Display {
  /** @type {Piece[]} */ pieces = [];
  /** Cells taken so far. */
  column = 0;
  /** Characters of the line that stand behind the limit. */
  cut = 0;
  /** Marks on the last base; -1 while there is no base yet. */
  #marks = -1;

  /**
   * @param {string} line
   * @param {number} [limit] cells
   */
  constructor(line, limit = MAX_CELLS) {
    this.line = line;
    this.limit = limit;
    // A carriage return at the very end belongs to the line ending of another system.
    this.end = line.endsWith("\r") ? line.length - 1 : line.length;
  }

  /** Cells that are left. */
  get room() {
    return Math.max(0, this.limit - this.column);
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  hide(from, to) {
    if (from < to) this.pieces.push({ text: "", from, to, cls: "", fg: "", bg: "" });
  }

  /**
   * Our own words for a part of the line; `from === to` when they stand for nothing in it.
   * @param {string} text without invisible characters
   * @param {number} from
   * @param {number} to
   * @param {string} [cls]
   * @param {string} [fg]
   * @param {string} [bg]
   */
  put(text, from, to, cls = "", fg = "", bg = "") {
    if (this.room === 0) {
      this.#cutAt(from, to);
      return;
    }
    this.pieces.push({ text, from, to, cls, fg, bg });
    this.column += PLAIN.test(text) ? text.length : cells(text);
    this.#marks = 0;
  }

  /**
   * A decoded escape. What could not be seen, or would hang on the text before it, is a label.
   * @param {string} text one character
   * @param {number} from
   * @param {number} to
   * @param {string} [cls]
   */
  putDecoded(text, from, to, cls = "") {
    const odd = INVISIBLE.test(text) || MARK.test(text);
    this.put(odd ? label(text.codePointAt(0) ?? 0) : text, from, to, odd ? "ctl" : cls);
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #cutAt(from, to) {
    this.hide(from, to);
    this.cut += to - from;
  }

  /**
   * @param {number} from
   * @param {number} to
   * @param {string} [cls]
   * @param {string} [fg]
   * @param {string} [bg]
   */
  show(from, to, cls = "", fg = "", bg = "") {
    if (from >= to) return;
    const end = Math.min(to, this.end);
    const verbatim = (/** @type {number} */ a, /** @type {number} */ b) => {
      if (a < b) this.pieces.push({ text: this.line.slice(a, b), from: a, to: b, cls, fg, bg });
    };
    // Nearly all log text is plain ASCII: a cell a character, and nothing to look at twice.
    const plainTo = Math.min(end, from + this.room);
    if (PLAIN.test(this.line.slice(from, plainTo))) {
      verbatim(from, plainTo);
      this.column += plainTo - from;
      if (plainTo > from) this.#marks = 0;
      if (plainTo < end) this.#cutAt(plainTo, end);
    } else {
      this.#showOdd(from, end, cls, verbatim);
    }
    if (end < to) this.hide(Math.max(from, end), to); // the carriage return
  }

  /**
   * @param {number} from
   * @param {number} end
   * @param {string} cls
   * @param {(a: number, b: number) => void} verbatim
   */
  #showOdd(from, end, cls, verbatim) {
    const line = this.line;
    let kept = from;
    let i = from;
    while (i < end) {
      const cp = codePointIn(line, i, end);
      const next = i + (cp > 0xffff ? 2 : 1);
      const plain = cp >= 0x20 && cp < 0x7f;
      const char = plain ? "" : line.slice(i, next);
      const mark = cp >= 0x300 && MARK.test(char);
      if (this.room === 0 && !(mark && this.#marks < MAX_MARKS)) break;
      if (plain) {
        this.column += 1;
        this.#marks = 0;
      } else if (cp === 9) {
        verbatim(kept, i);
        const width = TAB - (this.column % TAB);
        this.put(" ".repeat(width), i, next, cls);
        kept = next;
      } else if (INVISIBLE.test(char)) {
        verbatim(kept, i);
        this.put(label(cp), i, next, "ctl");
        kept = next;
      } else if (mark && this.#marks >= 0 && this.#marks < MAX_MARKS) {
        this.#marks += 1;
      } else if (mark) {
        verbatim(kept, i);
        const stop = this.#pastMarks(i, end);
        this.put(this.#marks < 0 ? `◌${char}` : `⟨+${countMarks(line, i, stop)} marks⟩`, i,
          this.#marks < 0 ? next : stop, "ctl");
        kept = this.pieces[this.pieces.length - 1]?.to ?? next;
        this.#marks = MAX_MARKS;
        i = kept;
        continue;
      } else {
        this.column += cellWidth(cp);
        this.#marks = 0;
      }
      i = next;
    }
    verbatim(kept, i);
    if (i < end) this.#cutAt(i, end);
  }

  /**
   * @param {number} from
   * @param {number} end
   */
  #pastMarks(from, end) {
    let i = from;
    while (i < end) {
      const cp = codePointIn(this.line, i, end);
      const next = i + (cp > 0xffff ? 2 : 1);
      const char = this.line.slice(i, next);
      if (cp < 0x300 || !MARK.test(char) || INVISIBLE.test(char)) break;
      i = next;
    }
    return i;
  }
}

/**
 * The code point at i; half a pair when its other half stands at `end` or behind.
 * @param {string} line
 * @param {number} i
 * @param {number} end
 */
function codePointIn(line, i, end) {
  return (i + 1 < end ? line.codePointAt(i) : line.charCodeAt(i)) ?? 0;
}

/**
 * @param {string} line
 * @param {number} from
 * @param {number} to
 */
function countMarks(line, from, to) {
  let n = 0;
  for (let i = from; i < to; n += 1) i += (line.codePointAt(i) ?? 0) > 0xffff ? 2 : 1;
  return n;
}

/**
 * A line as a row shows it: at most eight coloured runs, and the way back to the file's columns.
 *
 *   rowOf(line, options) -> Row
 *     options  {raw?, format?, theme?, times?, context?, reference?, marks?, limit?}
 *       format     of the log (fields.js), null for plain text     times, context, reference: times.js
 *       marks      {from, to, cls}[] in columns of the line: cls "find-cur", "find", "mk1" … "mk4"
 *     Row {runs, text, base, level, ground, time, cells, cut, pieces}
 *       runs       {text, cls, fg, bg, href}[]; cls "" is a bare text node; fg, bg "" or "#rrggbb"
 *       text       all runs together: display text, what wrap.js breaks
 *       base       "val" when bare text is values (dimmer than a message), else ""
 *       level      Level or null      ground  "error" | "warn" | "": the row's colour
 *       time       what findTime found, or null      cut  characters left out behind the limit
 *   fileColumn(row, offset) -> column of the line that stands at an offset of the display text
 *   fileRange(row, a, b) -> {from, to}    the part of the line that display text a…b shows
 *
 * Classes: time dim key msg val str num ctl link, lv-error lv-warn lv-info lv-debug,
 * st1 … st5 (HTTP status), find find-cur mk1 … mk4, and those of ansi.js. They come from tables,
 * never from the line.
 */
import { ansiSpans, paint } from "./ansi.js";
import { Display } from "./cells.js";
import { formatted } from "./formatted.js";
import { levelOf } from "./levels.js";
import { findLinks } from "./extract.js";

/** @typedef {import("./cells.js").Piece} Piece */
/** @typedef {{from: number, to: number, cls: string}} Mark */
/** @typedef {{text: string, cls: string, fg: string, bg: string, href: string}} Run */
/**
 * @typedef {{raw?: boolean, format?: import("./fields.js").Format | null,
 *   theme?: import("./ansi.js").Theme, times?: import("./times.js").TimeDisplay,
 *   context?: import("./times.js").Context, reference?: number, marks?: readonly Mark[],
 *   limit?: number}} RowOptions
 */
/**
 * @typedef {{runs: Run[], text: string, base: string, level: import("./levels.js").Level | null,
 *   ground: "error" | "warn" | "", time: import("./times.js").FoundTime | null, cells: number,
 *   cut: number, pieces: Piece[]}} Row
 */

export const MAX_RUNS = 8;
const MAX_MARKS = 128;

/**
 * What is worth a run when there are too many: where one looks for, then what carries meaning,
 * then what only pleases.
 * @type {Record<string, number>}
 */
const WORTH = {
  "find-cur": 5, find: 4, mk1: 4, mk2: 4, mk3: 4, mk4: 4,
  link: 3, "lv-error": 3, "lv-warn": 3, st5: 3, st4: 3,
  time: 2, "lv-info": 2, "lv-debug": 2, msg: 2, ctl: 2,
  key: 0, str: 0, num: 0, dim: 0, val: 0,
};

/**
 * @param {string} line
 * @param {RowOptions} [options]
 * @returns {Row}
 */
export function rowOf(line, options = {}) {
  const display = new Display(line, options.limit);
  const found = levelOf(line);
  const shown = options.raw
    ? rawPieces(line, display, options)
    : formatted(line, display, options, found);
  const level = found?.level ?? null;
  const runs = toRuns(display.pieces, line, options.marks ?? []);
  return {
    runs,
    text: runs.map((run) => run.text).join(""),
    base: shown.base,
    level,
    ground: !options.raw && (level === "error" || level === "warn") ? level : "",
    time: shown.time,
    cells: display.column,
    cut: display.cut,
    pieces: display.pieces,
  };
}

/**
 * The line as it is: colours obeyed, every other sequence drawn as what it is made of.
 * @param {string} line
 * @param {Display} display
 * @param {RowOptions} options
 */
function rawPieces(line, display, options) {
  const spans = ansiSpans(line);
  if (!spans) display.show(0, line.length);
  for (const { from, to, kind, style } of spans ?? []) {
    if (kind === "sgr") {
      display.hide(from, to);
    } else {
      const { cls, fg, bg } = paint(style, options.theme ?? "dark");
      display.show(from, to, kind === "other" ? "ctl" : cls, fg, bg);
    }
  }
  return { base: "", time: null };
}

/**
 * @param {readonly Piece[]} pieces
 * @param {string} line
 * @param {readonly Mark[]} marks
 * @returns {Run[]}
 */
function toRuns(pieces, line, marks) {
  const links = findLinks(line);
  if (marks.length + links.length > 0) return bounded(overlaid(pieces, line, marks, links));
  // Most lines: fifty of them in a frame are to leave no garbage.
  /** @type {Run[]} */
  const runs = [];
  for (const { text, cls, fg, bg } of pieces) if (text !== "") put(runs, text, cls, fg, bg, "");
  return bounded(runs);
}

/**
 * Pieces with marks and links over them.
 * @param {readonly Piece[]} pieces
 * @param {string} line
 * @param {readonly Mark[]} marks
 * @param {ReturnType<typeof findLinks>} links
 * @returns {Run[]}
 */
function overlaid(pieces, line, marks, links) {
  const over = marks.slice(0, MAX_MARKS).map((mark) => snap(mark, line));
  /** @type {Run[]} */
  const runs = [];
  /** @param {string} text @param {Piece} piece @param {string} mark @param {string} href */
  const add = (text, piece, mark, href) => {
    const own = mark === "" && href === "";
    const cls = mark || (href ? "link" : piece.cls);
    put(runs, text, cls, own ? piece.fg : "", own ? piece.bg : "", href);
  };
  for (const piece of pieces) {
    if (piece.text === "") continue;
    /** @param {{from: number, to: number}} range */
    const touches = ({ from, to }) => from < piece.to && to > piece.from;
    const here = over.filter(touches);
    // What stands in an escape sequence is nothing that somebody wrote to be followed.
    const linked = piece.cls === "ctl" ? [] : links.filter(touches);
    const at = (/** @type {number} */ column) => {
      let best = "";
      for (const { from, to, cls } of here) {
        if (from <= column && column < to && worth(cls) > worth(best)) best = cls;
      }
      const link = linked.find(({ from, to }) => from <= column && column < to);
      return { mark: best, href: link?.href ?? "" };
    };
    if (here.length + linked.length === 0) {
      add(piece.text, piece, "", "");
    } else if (piece.text !== line.slice(piece.from, piece.to)) {
      // A label or a decoded escape has no inside: it is marked as a whole.
      const { mark } = at(Math.max(piece.from, here[0]?.from ?? piece.from));
      add(piece.text, piece, mark, "");
    } else {
      const edges = [...here, ...linked].flatMap(({ from, to }) => [from, to])
        .filter((edge) => edge > piece.from && edge < piece.to);
      const cuts = [piece.from, ...new Set(edges.sort((a, b) => a - b)), piece.to];
      for (let i = 0; i + 1 < cuts.length; i += 1) {
        const [from, to] = [/** @type {number} */ (cuts[i]), /** @type {number} */ (cuts[i + 1])];
        const { mark, href } = at(from);
        add(line.slice(from, to), piece, mark, href);
      }
    }
  }
  return runs;
}

/**
 * Adds a run; what looks like the one before becomes a part of it.
 * @param {Run[]} runs @param {string} text @param {string} cls @param {string} fg @param {string} bg @param {string} href
 */
function put(runs, text, cls, fg, bg, href) {
  const last = runs[runs.length - 1];
  if (last && last.cls === cls && last.fg === fg && last.bg === bg && last.href === href) last.text += text;
  else runs.push({ text, cls, fg, bg, href });
}

/** @param {string} cls */
const worth = (cls) => (cls === "" ? -1 : (WORTH[cls] ?? 1));

/** @param {Run} run */
const isBare = (run) => run.cls === "" && run.fg === "" && run.bg === "" && run.href === "";

/**
 * Keeps the eight runs that are worth most, the first of equals; the others become bare text.
 * @param {Run[]} runs
 */
function bounded(runs) {
  if (runs.length <= MAX_RUNS) return runs;
  const coloured = runs.filter((run) => !isBare(run));
  if (coloured.length <= MAX_RUNS) return runs;
  // The sort is stable: of equals, the first stays.
  const best = coloured.sort((a, b) => worth(b.cls || "own") - worth(a.cls || "own"));
  const keep = new Set(best.slice(0, MAX_RUNS));
  /** @type {Run[]} */
  const kept = [];
  for (const run of runs) {
    const { text, cls, fg, bg, href } = run;
    if (keep.has(run)) put(kept, text, cls, fg, bg, href);
    else put(kept, text, "", "", "", "");
  }
  return kept;
}

/** A mark never cuts a character in half. @param {Mark} mark @param {string} line @returns {Mark} */
function snap({ from, to, cls }, line) {
  const kind = (/** @type {number} */ i) => line.charCodeAt(i) & 0xfc00;
  const inside = (/** @type {number} */ i) => kind(i) === 0xdc00 && kind(i - 1) === 0xd800;
  return { from: inside(from) ? from - 1 : from, to: inside(to) ? to + 1 : to, cls };
}

/** @param {Piece} piece */
const isVerbatim = (piece) => piece.text.length === piece.to - piece.from;

/**
 * @param {Pick<Row, "pieces">} row
 * @param {number} offset in the display text
 * @returns {number}
 */
export function fileColumn(row, offset) {
  let start = 0;
  let column = 0;
  for (const piece of row.pieces) {
    if (piece.text === "") continue;
    const inside = offset - start;
    if (inside < piece.text.length) {
      return isVerbatim(piece) ? piece.from + Math.max(0, inside) : piece.from;
    }
    start += piece.text.length;
    column = piece.to;
  }
  return column;
}

/**
 * Display text may stand in another order than the file: then this is the smallest part of the line
 * that has all of it. The whole row is the whole line.
 * @param {Pick<Row, "pieces">} row
 * @param {number} a
 * @param {number} b
 * @returns {{from: number, to: number}}
 */
export function fileRange(row, a, b) {
  let start = 0;
  let from = Infinity;
  let to = 0;
  let length = 0;
  let end = 0;
  for (const piece of row.pieces) length += piece.text.length;
  for (const piece of row.pieces) {
    end = Math.max(end, piece.to);
    const stop = start + piece.text.length;
    if (start < b && stop > a && piece.from < piece.to) {
      const verbatim = isVerbatim(piece);
      from = Math.min(from, verbatim ? piece.from + Math.max(0, a - start) : piece.from);
      to = Math.max(to, verbatim ? piece.to - Math.max(0, stop - b) : piece.to);
    }
    start = stop;
  }
  if (a <= 0 && b >= length) return { from: 0, to: end };
  if (from > to) {
    const column = fileColumn(row, a);
    return { from: column, to: column };
  }
  return { from, to };
}

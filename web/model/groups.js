/**
 * Lines that belong to the line before them: stack traces, wrapped messages, pretty-printed data.
 *
 *   continues(line, previous) -> boolean           whether a line belongs to the record of the one before
 *   groupOf(line, i, first, end) -> {head, end, size}    the group that row i is part of; `line(k)` gives
 *                                                  a row's text, rows first…end-1 are held. A row
 *                                                  that stands alone is a group of one
 *   new Groups().of(line, i, first, end, version)    the same, remembering the last one
 *   fold(size, growing?, open?) -> {top, hidden, bottom} | null    how many rows of the group show; null:
 *                                                  all of them
 *   placeIn(group, fold, i) -> "shown" | "chip" | "hidden"     "chip": shown, and the chip with the
 *                                                  count of hidden lines stands behind it
 *
 * It is decided from a line and the one before it alone, so groups are the same from whichever row one
 * asks. The daemon, whose filters show whole records, goes by the same rules; tests/text/records.txt
 * holds both to the same traces.
 */

/** Rows of a group that are looked for on either side of the one that is asked for. */
const REACH = 1000;
/** Groups up to this size are shown whole. */
const WHOLE = 8;
const TOP = 3;
const BOTTOM = 1;

/** @typedef {{head: number, end: number, size: number}} Group `end` is the row behind the last */
/** @typedef {{top: number, hidden: number, bottom: number}} Fold */

/** @param {string} source */
const sticky = (source) => new RegExp(source, "y");

/**
 * What a container runtime or syslog puts before a line of the program; lines of one record have the
 * same tag (the stream, or host and process).
 */
const WRAPPED = sticky(
  '\\{"log":"' +
    "|\\d{4}-\\d\\d-\\d\\dT[\\d:.]+(?:Z|[+-]\\d\\d:\\d\\d) (?<stream>std(?:out|err)) (?<flag>[FP]) " +
    "|(?:<\\d+>)?(?:[A-Z][a-z]{2} [ \\d]\\d [\\d:]{8}|\\d{4}-\\d\\d-\\d\\dT[\\d:.]+(?:Z|[+-]\\d\\d:?\\d\\d))" +
    " (?<app>[\\w.-]+ [^\\s:[]+\\[\\d+\\]): ",
);
const MAY_BE_WRAPPED = /^[{2<JFMASOND]/;

/** The end of the line, or of the one in Docker's JSON. */
const END = '(?:\\r?$|\\\\n")';
/** A continuation by its own looks. */
const OWN = sticky(
  [
    "(?:[ \\t]|\\\\t)+\\S", // indented
    "at [\\w$.<>/]+\\(", // Java without its tab
    "(?:Caused by|Suppressed|Wrapped by): ",
    "\\.\\.\\. \\d+ (?:more|common frames)",
    "Traceback \\(most recent call last\\):",
    "During handling of the above exception, another",
    "The above exception was the direct cause",
    "--- End of (?:inner exception )?stack trace",
    "goroutine \\d+ \\[|created by \\S+", // Go
    "stack backtrace:|note: run with `RUST_BACKTRACE", // Rust
    `Stack trace:${END}|#\\d+ +\\S`, // PHP, gdb
    `[\\])}]+[;,]?${END}`, // the end of pretty-printed data
  ].join("|"),
);
/** Java's first line of a trace: under what was logged, or by itself, as printStackTrace() writes it. */
const THROWN = sticky(`(?:[a-z_$][\\w$]*\\.)+[A-Z][\\w$]*(?:Exception|Error|Throwable)\\b(?::|${END})`);
/** What is logged has a time or a level, or is a wrapped line of it; no frame of a trace. */
const LOGGED = sticky("(?!(?:[ \\t]|\\\\t)*(?:at |\\.\\.\\. \\d))(?:[ \\t]|\\\\t|.{0,120}?(?:\\d\\d:\\d\\d|\\b[A-Z]{4,}\\b))");
const FRAME = sticky(' +File \\\\?"| {4}(?! *at )');
/** Python's last line: `ValueError: x`, `requests.exceptions.Timeout`, but no level's label. */
const RAISED = sticky(
  "(?!(?:Error|Warning|Info|Debug|Notice|Trace|Fatal|Critical|Alert|Panic): )" +
    `(?:[A-Za-z_]\\w*\\.)*[A-Z](?=\\w*[a-z])\\w*(?:: |:?${END})`,
);
const GO_FRAME = sticky(`[\\w./*\\-[\\]{}]+\\(.*\\)${END}`);
const GO_BEFORE = sticky("goroutine \\d+ \\[|\\t|\\\\t");
const BLANK = sticky(END);
const INDENTED = sticky("[ \\t]|\\\\t");
const BEFORE_BLANK = sticky("[\\w.]*(?:Error|Exception|Exit|Interrupt)\\b|panic: |fatal error: ");

/** @param {RegExp} re @param {string} text @param {number} at */
function matches(re, text, at) {
  re.lastIndex = at;
  return re.test(text);
}

/** @param {string} line @returns {RegExpExecArray | null} */
function wrapping(line) {
  if (!MAY_BE_WRAPPED.test(line)) return null;
  WRAPPED.lastIndex = 0;
  return WRAPPED.exec(line);
}

/**
 * @param {string} line
 * @param {string | null} previous null: there is none
 */
export function continues(line, previous) {
  let text = 0;
  let before = 0;
  const wrapped = previous === null ? null : wrapping(line);
  if (wrapped && previous !== null) {
    const led = wrapping(previous);
    const same = led && led.groups?.stream === wrapped.groups?.stream && led.groups?.app === wrapped.groups?.app;
    if (!led || !same) return false;
    if (led.groups?.flag === "P") return true; // the runtime cut one line in two
    text = wrapped[0].length;
    before = led[0].length;
  }
  if (matches(OWN, line, text)) return true;
  if (previous === null) return false;
  if (matches(THROWN, line, text) && matches(LOGGED, previous, before)) return true;
  if (matches(BLANK, line, text)) {
    return matches(BEFORE_BLANK, previous, before) ||
      (matches(OWN, previous, before) && !matches(INDENTED, previous, before));
  }
  if (matches(FRAME, previous, before)) return matches(RAISED, line, text);
  return matches(GO_BEFORE, previous, before) && matches(GO_FRAME, line, text);
}

/**
 * @param {(row: number) => string | null} line null for a rule in the text, which ends every group
 * @param {number} i
 * @param {number} first
 * @param {number} end
 * @returns {Group}
 */
export function groupOf(line, i, first, end) {
  let head = i;
  let text = line(i);
  if (text === null) return { head: i, end: i + 1, size: 1 };
  while (head > first && i - head < REACH) {
    const previous = line(head - 1);
    if (previous === null || !continues(text, previous)) break;
    text = previous;
    head -= 1;
  }
  let stop = i + 1;
  let last = /** @type {string} */ (line(i));
  while (stop < end && stop - i < REACH) {
    const next = line(stop);
    if (next === null || !continues(next, last)) break;
    last = next;
    stop += 1;
  }
  return { head, end: stop, size: stop - head };
}

/**
 * The same, remembering the last group: going through the rows of a long trace reads it once.
 */
export class Groups {
  /** @type {Group} */ #group = { head: 0, end: 0, size: 0 };
  #version = NaN;

  /**
   * @param {(row: number) => string | null} line
   * @param {number} i
   * @param {number} first
   * @param {number} end
   * @param {number} version of what is held: another one may have other groups
   * @returns {Group}
   */
  of(line, i, first, end, version) {
    if (version !== this.#version || i < this.#group.head || i >= this.#group.end) {
      this.#group = groupOf(line, i, first, end);
      this.#version = version;
    }
    return this.#group;
  }
}

/**
 * @param {number} size
 * @param {boolean} [growing] it is the last group of a log that is being followed
 * @param {boolean} [open] by the user, or because a hit is in it
 * @returns {Fold | null}
 */
export function fold(size, growing = false, open = false) {
  if (size <= WHOLE || growing || open) return null;
  return { top: TOP, hidden: size - TOP - BOTTOM, bottom: BOTTOM };
}

/**
 * @param {Group} group
 * @param {Fold | null} folded
 * @param {number} i
 * @returns {"shown" | "chip" | "hidden"}
 */
export function placeIn(group, folded, i) {
  if (!folded) return "shown";
  const k = i - group.head;
  if (k === folded.top - 1) return "chip";
  return k < folded.top || k >= group.size - folded.bottom ? "shown" : "hidden";
}

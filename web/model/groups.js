/**
 * Lines that belong to the line before them: stack traces and what else is continued.
 *
 *   groupOf(line, i, first, end) -> {head, end, size}    the group that row i is part of; `line(k)` gives
 *                                                  a row's text, rows first…end-1 are held. A row
 *                                                  that stands alone is a group of one
 *   fold(size, growing?, open?) -> {top, hidden, bottom} | null    how many rows of the group show; null:
 *                                                  all of them
 *   placeIn(group, fold, i) -> "shown" | "chip" | "hidden"     "chip": shown, and the chip with the
 *                                                  count of hidden lines stands behind it
 *   continues(line, state) -> boolean              one step of the reader; see newState
 *
 * A line is a continuation when it is indented, or is one of the lines that Java, Python, Node, Go, Rust
 * and .NET write at the margin within a trace. Reading backwards from a row stops at the first line that
 * cannot be one, after 400 lines at the latest.
 */

const BACK = 400;
const MAX_GROUP = 2000;
/** Groups up to this size are shown whole. */
const WHOLE = 8;
const TOP = 3;
const BOTTOM = 1;

/** @typedef {{head: number, end: number, size: number}} Group `end` is the row behind the last */
/** @typedef {{top: number, hidden: number, bottom: number}} Fold */
/** @typedef {{python: boolean, indented: boolean, go: boolean}} State */

/** Lines that go on wherever they stand. */
const MARGIN = new RegExp(
  "^(?:at |Caused by: |Suppressed: |\\.\\.\\. \\d+ (?:more|common frames)|Traceback \\(most recent call last\\):|" +
    "During handling of the above exception|The above exception was the direct cause|" +
    "--- End of (?:inner exception )?stack trace|stack backtrace:|note: run with `RUST_BACKTRACE|" +
    "goroutine \\d+ \\[|created by |Stack trace:|#\\d+ |" +
    "(?:[a-z_][\\w$]{0,60}\\.){1,12}[A-Z][\\w$]{0,80}(?:Exception|Error|Throwable)(?:: |$))",
);
const PYTHON = /^(?:Traceback \(most recent call last\):|During handling of the above|The above exception was)/;
/** The line that ends a Python trace: a dotted name, alone or before a colon. */
const PYTHON_LAST = /^[A-Za-z_][\w.]{0,200}(?:: |$)/;
/** Go writes the function at the margin and its place below, indented. */
const GO_FRAME = /^[\w./*()\-[\]{}…]{1,300}\(.{0,300}\)$/;

/** @returns {State} that of a line that begins a record */
export function newState() {
  return { python: false, indented: false, go: false };
}

/**
 * Whether `line` goes on from the line before it; `state` follows.
 * @param {string} line
 * @param {State} state
 */
export function continues(line, state) {
  const first = line.charCodeAt(0);
  if (first === 0x20 || first === 0x09) {
    if (/\S/.test(line.slice(0, 512))) {
      state.indented = true;
      return true;
    }
    return state.python || state.go; // blank lines separate the chained traces
  }
  const head = line.length > 600 ? line.slice(0, 600) : line;
  if (MARGIN.test(head)) {
    state.python ||= PYTHON.test(head);
    state.go ||= head.startsWith("goroutine ");
    state.indented = false;
    return true;
  }
  if (head === "") return state.python || state.go;
  if (state.python && state.indented && PYTHON_LAST.test(head)) {
    state.indented = false;
    return true;
  }
  if (state.go && GO_FRAME.test(head)) return true;
  Object.assign(state, newState());
  return false;
}

/** Whether a line may be a continuation at all, seen alone. @param {string} line */
function mayContinue(line) {
  if (line === "" || /^[ \t]/.test(line)) return true;
  const head = line.length > 600 ? line.slice(0, 600) : line;
  return MARGIN.test(head) || PYTHON_LAST.test(head) || GO_FRAME.test(head);
}

/**
 * @param {(row: number) => string | null} line null for a rule in the text, which ends every group
 * @param {number} i
 * @param {number} first
 * @param {number} end
 * @returns {Group}
 */
export function groupOf(line, i, first, end) {
  // Back to a line that begins a record for certain, then forward with what was learned.
  let head = i;
  while (head > first && i - head < BACK) {
    const text = line(head);
    if (text === null || !mayContinue(text) || line(head - 1) === null) break;
    head -= 1;
  }
  const state = newState();
  const opening = line(head);
  if (opening !== null) continues(opening, state); // a trace may stand alone, without a record
  let at = head;
  for (let row = head + 1; row <= i; row += 1) {
    const text = line(row);
    if (text === null || !continues(text, state)) {
      at = row;
      Object.assign(state, newState());
    }
  }
  let stop = i + 1;
  if (line(at) !== null) {
    while (stop < end && stop - at < MAX_GROUP) {
      const text = line(stop);
      if (text === null || !continues(text, state)) break;
      stop += 1;
    }
    // Blank lines at its end belong to nobody.
    while (stop > i + 1 && line(stop - 1) === "") stop -= 1;
  }
  return { head: at, end: stop, size: stop - at };
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

/**
 * Seeded random values for property tests: the same cases on every run, so a failure is repeatable.
 */

/** mulberry32: small, good enough to vary test inputs. @param {number} seed */
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  /** An integer from low to high, both included. */
  const int = (/** @type {number} */ low, /** @type {number} */ high) =>
    low + Math.floor(next() * (high - low + 1));
  /** @template T @param {readonly T[]} values @returns {T} */
  const pick = (values) => /** @type {T} */ (values[int(0, values.length - 1)]);
  /** A string of pieces: some plain, some that break parsers. */
  const text = (/** @type {number} */ max, /** @type {readonly string[]} */ pieces = HOSTILE) => {
    let out = "";
    for (let n = int(0, max); n > 0; n -= 1) out += pick(pieces);
    return out;
  };
  return { next, int, pick, text };
}

/** What hostile or merely odd log lines are made of. */
export const HOSTILE = [
  "a", "b", "Z", "7", "0", " ", " ", "  ", "\t", "\r", "\0", "\x07", "\x1b", "\x1b[31m", "\x1b[0m",
  "\x1b[38;5;196m", "\x1b[48;2;1;2;3m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x1bP", "\x1b[2J",
  "\x1b[", "\x9b1m", "\x9d", "\x90", "\u061c", "\u200b", "\u202e", "\u2066", "\u2028", "\ufeff",
  "\ud800", "\udc00", "\u{e0041}", "\u{1f600}", "漢字", "한", "é", "e\u0301", "\u0301", "\u0301\u0301",
  "\u200d", "{", "}", "[", "]", "(", ")", "<", ">", "\"", "\\", "\\\"", "\\u0041", "'", ":", ",", "=", "|",
  "&", ";", "?", "/", "%", "%zz", "#", "ERROR", "error", "[error]", "level=", "\"level\":", "<3>", "E0112 ",
  "http://", "https://a.b/c(d).", "javascript:", "2026-11-22T14:02:06.480Z", "Nov 22 14:02:06", "14:02",
  "22/Nov/2026:14:02:06 +0000", "1763820126", "at ", "Caused by:", "Traceback", "key=value", "\"k\":\"v\"",
  "null", "-", "+", ".*", "(a+)+", "$", "^", "\u{10ffff}", "\uffff",
];

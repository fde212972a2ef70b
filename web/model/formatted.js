/**
 * The formatted look of a line: what stands out, what steps back, and fields in a readable order.
 *
 *   formatted(line, display, options, level) -> {base, time}    fills `display`; see runs.js for the rest
 *
 * JSON and logfmt become `time LEVEL message  key=value …`; access logs and syslog are coloured in
 * place; in other text the time steps back, the level stands out and `key=value` pairs are coloured.
 * Lines with colours of their own keep them. A line that does not parse is shown as it is.
 */
import { ansiSpans, paint } from "./ansi.js";
import { jsonEscapes, parseLine, valueOf } from "./fields.js";
import { levelWord } from "./levels.js";
import { findTime, showTime } from "./times.js";

/** @typedef {import("./cells.js").Display} Display */
/** @typedef {import("./fields.js").Parsed} Parsed */
/** @typedef {import("./runs.js").RowOptions} RowOptions */
/** @typedef {import("./times.js").FoundTime} FoundTime */
/** @typedef {import("./levels.js").Found | null} Level */
/** @typedef {{base: string, time: FoundTime | null}} Shown */

const NOWHEN = Object.freeze({ zone: "UTC", now: 0 });
/** Pairs behind this column, or beyond so many, are not coloured: eight runs are long used up. */
const PAIR_REACH = 2048;
const MOST_KEYS = 8;
const PAIR = /(?:^|[\s,;([{])([A-Za-z_@][\w.@-]{0,63})=(?=[^\s=])/g;

/**
 * @param {string} line
 * @param {Display} display
 * @param {RowOptions} options
 * @param {Level} level of the line, as levels.js found it
 * @returns {Shown}
 */
export function formatted(line, display, options, level) {
  const spans = ansiSpans(line);
  if (spans?.some((span) => span.kind !== "text")) return coloured(line, display, spans, options);
  const parsed = options.format ? parseLine(line, options.format) : null;
  if (!parsed) return text(line, display, options, level);
  return parsed.fields.length > 0 || parsed.format === "json"
    ? structured(line, display, parsed, options)
    : inPlace(line, display, parsed, options, level);
}

/**
 * @param {string} line
 * @param {Display} display
 * @param {import("./ansi.js").Span[]} spans
 * @param {RowOptions} options
 * @returns {Shown}
 */
function coloured(line, display, spans, options) {
  const time = findTime(line, options.context ?? NOWHEN);
  for (const { from, to, kind, style } of spans) {
    if (kind !== "text") {
      display.hide(from, to);
      continue;
    }
    const { cls, fg, bg } = paint(style, options.theme ?? "dark");
    const own = cls !== "" || fg !== "" || bg !== "";
    if (time && time.from >= from && time.to <= to) {
      display.show(from, time.from, cls, fg, bg);
      showTimeAt(display, time, options, own ? cls : "time", fg, bg);
      display.show(time.to, to, cls, fg, bg);
    } else {
      display.show(from, to, cls, fg, bg);
    }
  }
  return { base: "", time };
}

/**
 * @param {Display} display
 * @param {FoundTime} time
 * @param {RowOptions} options
 * @param {string} [cls]
 * @param {string} [fg]
 * @param {string} [bg]
 */
function showTimeAt(display, time, options, cls = "time", fg = "", bg = "") {
  const { times = "file", context = NOWHEN, reference } = options;
  const instead = showTime(time, times, context, reference);
  if (instead === null) display.show(time.from, time.to, cls, fg, bg);
  else display.put(instead, time.from, time.to, cls, fg, bg);
}

/**
 * Colours parts of the line where they stand. Parts are in order; one that begins before the end
 * of the one before it is left out.
 * @param {Display} display
 * @param {{from: number, to: number, cls: string}[]} parts
 * @param {FoundTime | null} time
 * @param {RowOptions} options
 */
function paintParts(display, parts, time, options) {
  let at = 0;
  for (const { from, to, cls } of parts) {
    if (from < at) continue;
    display.show(at, from);
    if (time && cls === "time") showTimeAt(display, time, options);
    else display.show(from, to, cls);
    at = to;
  }
  display.show(at, display.line.length);
}

/**
 * @param {string} line
 * @param {Display} display
 * @param {RowOptions} options
 * @param {Level} level
 * @returns {Shown}
 */
function text(line, display, options, level) {
  const time = findTime(line, options.context ?? NOWHEN);
  const parts = [];
  if (time) parts.push({ from: time.from, to: time.to, cls: "time" });
  if (level && level.from < level.to) {
    parts.push({ from: level.from, to: level.to, cls: `lv-${level.level}` });
  }
  parts.sort((a, b) => a.from - b.from);
  const head = Math.max(0, ...parts.map((part) => part.to));
  // An indented line goes on from another: code of a trace, in which `a=b` is no field.
  const pairs = /^\s/.test(line) ? [] : pairKeys(line, head);
  const first = pairs[0];
  if (first && first.from > head) parts.push({ from: head, to: first.from, cls: "msg" });
  parts.push(...pairs);
  paintParts(display, parts, time, options);
  return { base: first ? "val" : "", time };
}

/**
 * @param {string} line
 * @param {number} from
 */
function pairKeys(line, from) {
  const keys = [];
  const reach = line.length > PAIR_REACH ? line.slice(0, PAIR_REACH) : line;
  PAIR.lastIndex = from;
  for (let hit = PAIR.exec(reach); hit && keys.length < MOST_KEYS; hit = PAIR.exec(reach)) {
    const key = hit[1] ?? "";
    const to = hit.index + hit[0].length - 1;
    keys.push({ from: to - key.length, to, cls: "key" });
  }
  return keys;
}

/**
 * @param {string} line
 * @param {Display} display
 * @param {Parsed} parsed
 * @param {RowOptions} options
 * @param {Level} level
 * @returns {Shown}
 */
function inPlace(line, display, parsed, options, level) {
  const at = parsed.time;
  const time = at ? findTime(line, options.context ?? NOWHEN, at.from, at.to) : null;
  const inside = time && at && time.to <= at.to ? time : null;
  const parts = parsed.parts.flatMap((part) => {
    if (part.cls === "time" && inside) return [{ from: inside.from, to: inside.to, cls: "time" }];
    return [part];
  });
  if (level && level.from < level.to) {
    // The word stands within the message: the message steps aside for it.
    const word = { from: level.from, to: level.to, cls: `lv-${level.level}` };
    const i = parts.findIndex(({ from, to, cls }) => cls === "msg" && from <= word.from && word.to <= to);
    const around = parts[i];
    if (around) {
      parts.splice(i, 1, ...[{ ...around, to: word.from }, word, { ...around, from: word.to }]
        .filter((part) => part.from < part.to));
    }
  }
  paintParts(display, parts, inside, options);
  return { base: "val", time: inside };
}

/**
 * @param {string} line
 * @param {Display} display
 * @param {Parsed} parsed
 * @param {RowOptions} options
 * @returns {Shown}
 */
function structured(line, display, parsed, options) {
  /** Columns that are shown; the rest is hidden at the end. @type {[number, number][]} */
  const used = [];
  const use = (/** @type {number} */ from, /** @type {number} */ to) => void used.push([from, to]);
  const gap = (/** @type {string} */ space, /** @type {number} */ at) => {
    if (used.length > 0) display.put(space, at, at);
  };
  const at = parsed.time;
  const found = at ? findTime(line, options.context ?? NOWHEN, at.from, at.to) : null;
  // Only a value that is a time and nothing else: the rest of it would be lost from sight.
  const whole = found && at && found.from <= at.from + 1 && found.to >= at.to - 1 && found.to <= at.to;
  const inside = whole ? found : null;
  if (inside) {
    showTimeAt(display, inside, options);
    use(inside.from, inside.to);
  }
  if (parsed.level) {
    const word = valueOf(line, parsed.level);
    const level = levelWord(word);
    gap(" ", parsed.level.from);
    if (level) {
      const name = /^\d+$/.test(word) || word.length === 1 ? level : word;
      display.put(name.toUpperCase().padEnd(5), parsed.level.from, parsed.level.to, `lv-${level}`);
      use(parsed.level.from, parsed.level.to);
    } else {
      use(...showValue(line, display, parsed.level, "val"));
    }
  }
  if (parsed.message) {
    gap(" ", parsed.message.from);
    use(...showValue(line, display, parsed.message, "msg"));
  }
  let space = parsed.message ? "  " : " ";
  for (const field of parsed.fields) {
    const { from, to } = field;
    if ([parsed.level, parsed.message, inside && parsed.time].some((role) => role?.from === from)) continue;
    gap(space, field.keyFrom);
    space = " ";
    display.show(field.keyFrom, field.keyTo, "key");
    use(field.keyFrom, field.keyTo);
    display.put("=", field.keyTo, field.keyTo);
    if (field.kind === "string" && !/[\s="\\]|^..$/.test(line.slice(from + 1, to - 1) || "..")) {
      use(...showValue(line, display, field, ""));
    } else {
      display.show(from, to);
      use(from, to);
    }
  }
  let seen = 0;
  for (const [from, to] of used.sort((a, b) => a[0] - b[0])) {
    display.hide(seen, from);
    seen = to;
  }
  display.hide(seen, line.length);
  return { base: "val", time: inside };
}

/**
 * A value without its quotes, its escapes decoded and what is invisible in them as labels.
 * @param {string} line
 * @param {Display} display
 * @param {{from: number, to: number}} value
 * @param {string} cls
 * @returns {[number, number]} the columns that are shown
 */
function showValue(line, display, { from, to }, cls) {
  const quoted = line.charCodeAt(from) === 0x22 && to - from >= 2;
  const [a, b] = quoted ? [from + 1, to - 1] : [from, to];
  if (!quoted || !line.slice(a, b).includes("\\")) {
    display.show(a, b, cls);
    return [a, b];
  }
  const pieces = jsonEscapes(line, a, b);
  // A newline that ends a message is the line's end, as Docker writes it, not a sign in it.
  const end = pieces.findLastIndex(({ text }) => text !== "\n" && text !== "\r");
  for (const [i, piece] of pieces.entries()) {
    if (i > end) display.hide(piece.from, piece.to);
    else if (piece.text === line.slice(piece.from, piece.to)) display.show(piece.from, piece.to, cls);
    else display.putDecoded(piece.text, piece.from, piece.to, cls);
  }
  return [a, b];
}

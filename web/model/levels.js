/**
 * How serious a line is, read where loggers put it, never from a word of the message.
 *
 *   levelOf(line) -> {level, from, to} | null      columns of the word, from === to when implied
 *   levelWord(word) -> Level | null                "WARNING" -> "warn", "50" -> "error" (pino)
 *   countLevels(text, from?, lines?) -> {errors, warnings, next}    for a block of many lines
 *   LEVEL_PATTERNS {error, warn}                   RE2 patterns for a find in the whole log; a little
 *                                                  wider than levelOf, which has the last word
 *   Level = "error" | "warn" | "info" | "debug"    fatal, critical, alert count as error; trace as debug
 *
 * Places, in this order: a syslog priority `<3>`, a glog letter `E0112`, a JSON or logfmt field
 * (`level`, `severity`, …), the first level word before the message: in capitals or in brackets,
 * within 120 characters. "0 errors found" is not an error, nor is "the server said ERROR". In a line
 * with colours of its own the level is known, not its columns.
 */
import { stripControls } from "./ansi.js";

/** @typedef {"error" | "warn" | "info" | "debug"} Level */
/** @typedef {{level: Level, from: number, to: number}} Found */

/** Where a level may stand in text: behind that, it is the message. */
const REACH = 120;
/** Fields are looked for in this many characters. */
const FIELD_REACH = 2048;

/** @type {Record<string, Level>} */
const WORDS = {
  emergency: "error", emerg: "error", panic: "error", alert: "error", critical: "error",
  crit: "error", fatal: "error", severe: "error", error: "error", err: "error", failure: "error",
  warning: "warn", warn: "warn",
  notice: "info", information: "info", info: "info", log: "info", statement: "info",
  config: "debug", fine: "debug", finer: "debug", finest: "debug",
  debug: "debug", dbg: "debug", verbose: "debug", trace: "debug",
};
/** Single letters stand for levels only in brackets, glog heads and fields. @type {Record<string, Level>} */
const LETTERS = {
  f: "error", c: "error", e: "error", w: "warn", n: "info", i: "info",
  d: "debug", t: "debug", v: "debug",
};

/** Syslog severities 0-7 (RFC 5424). @param {number} n @returns {Level} */
const bySeverity = (n) => (n <= 3 ? "error" : n === 4 ? "warn" : n <= 6 ? "info" : "debug");

/**
 * The level that a field's value names: a word, a letter, a syslog severity, or a number of ten and
 * more as in pino and bunyan.
 * @param {string} word
 * @returns {Level | null}
 */
export function levelWord(word) {
  if (word.length > 12) return null;
  if (/^\d+$/.test(word)) {
    const n = Number(word);
    if (n < 8) return bySeverity(n);
    if (n < 10 || n > 60) return null;
    return n >= 50 ? "error" : n >= 40 ? "warn" : n >= 30 ? "info" : "debug";
  }
  const lower = word.toLowerCase();
  return own(WORDS, lower) ?? own(LETTERS, lower);
}

/** @param {Record<string, Level>} table @param {string} key @returns {Level | null} */
const own = (table, key) => (Object.hasOwn(table, key) ? /** @type {Level} */ (table[key]) : null);

const KEY = "level|severity|lvl|levelname|loglevel|log\\.level|log_level|severity_text|PRIORITY";
const JSON_LEVEL = new RegExp(
  `"(?:${KEY})"\\s{0,8}:\\s{0,8}(?:"([A-Za-z]{1,12}|\\d{1,2})"|(\\d{1,2})\\b)`,
  "id",
);
const LOGFMT_LEVEL = new RegExp(
  `(?:^|[\\s\\[{,])(?:${KEY})=(?:"([A-Za-z]{1,12})"|([A-Za-z]{1,12}|\\d{1,2})(?![\\w.%]))`,
  "id",
);
const PRIORITY = /^<(\d{1,3})>/;
const GLOG = /^([IWEF])\d{4} \d\d:\d\d:\d\d/;
const CAPITALS = "EMERGENCY|EMERG|PANIC|ALERT|CRITICAL|CRIT|FATAL|SEVERE|ERROR|ERR|WARNING|WARN|NOTICE|" +
  "INFORMATION|INFO|LOG|STATEMENT|CONFIG|FINEST|FINER|FINE|DEBUG|DBG|VERBOSE|TRACE";
/** A word with what stands around it; the gap decides whether the message has begun. */
const TOKEN = /\S+/y;
const IN_TOKEN = new RegExp(
  `(?:^|[[(<|.:/\\-])(?:(${CAPITALS})(?=$|[\\])>|:,;./\\-\\[(]|\\d)|(?<=[[(<](?:[\\w-]{1,30}:)?)([A-Za-z]{1,11})(?=[\\])>]))`,
  "dg",
);
const PLAIN_WORD = /^[a-z]{2,}[,.!]?$/;

/**
 * @param {string} line
 * @returns {Found | null}
 */
export function levelOf(line) {
  if (line.includes("\x1b")) {
    const found = levelOf(stripControls(line.slice(0, FIELD_REACH)).text);
    return found && { level: found.level, from: 0, to: 0 };
  }
  const first = line.charCodeAt(0);
  if (first === 0x3c) {
    const priority = PRIORITY.exec(line);
    if (priority) {
      return { level: bySeverity(Number(priority[1]) & 7), from: 0, to: priority[0].length };
    }
  }
  if (first <= 0x57 && GLOG.test(line)) {
    return { level: /** @type {Level} */ (own(LETTERS, line.charAt(0).toLowerCase())), from: 0, to: 1 };
  }
  return fieldLevel(line, first === 0x7b) ?? textLevel(line);
}

/**
 * @param {string} line
 * @param {boolean} json
 * @returns {Found | null}
 */
function fieldLevel(line, json) {
  const head = line.length > FIELD_REACH ? line.slice(0, FIELD_REACH) : line;
  const hit = json ? JSON_LEVEL.exec(head) : head.includes("=") ? LOGFMT_LEVEL.exec(head) : null;
  const word = hit?.[1] ?? hit?.[2];
  const level = word === undefined ? null : levelWord(word);
  const place = hit?.indices?.[1] ?? hit?.indices?.[2];
  return level && place ? { level, from: place[0], to: place[1] } : null;
}

/**
 * Goes through the words before the message. It has begun at the second plain word in a row, or at
 * one behind a colon: `host app: got ERROR …`.
 * @param {string} line
 * @returns {Found | null}
 */
function textLevel(line) {
  const head = line.length > REACH ? line.slice(0, REACH) : line;
  let afterPlain = false;
  for (let at = skipSpace(head, 0); at < head.length; ) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(head)?.[0] ?? "";
    for (const hit of token.matchAll(IN_TOKEN)) {
      const place = hit.indices?.[1] ?? hit.indices?.[2];
      const level = own(WORDS, (hit[1] ?? hit[2] ?? "").toLowerCase());
      if (level && place) return { level, from: at + place[0], to: at + place[1] };
    }
    if (PLAIN_WORD.test(token)) {
      if (afterPlain) return null;
      afterPlain = true;
    } else {
      afterPlain = token.endsWith(":") && !/\d:$/.test(token);
    }
    at = skipSpace(head, at + token.length);
  }
  return null;
}

/** @param {string} text @param {number} from */
function skipSpace(text, from) {
  let at = from;
  while (at < text.length && /\s/.test(text.charAt(at))) at += 1;
  return at;
}

const ERROR_WORDS = "EMERG(?:ENCY)?|PANIC|ALERT|CRIT(?:ICAL)?|FATAL|SEVERE|ERR(?:OR)?";
const WARN_WORDS = "WARN(?:ING)?";

/**
 * @param {string} words
 * @param {string} letters glog
 * @param {string} severities
 * @param {string} numbers pino
 */
function pattern(words, letters, severities, numbers) {
  const any = `(?i:${words})`;
  return [
    `^<[0-9]{0,2}${severities}>`,
    `^[${letters}][0-9]{4} [0-9]{2}:`,
    `"(?i:${KEY})"\\s*:\\s*(?:"(?:${any})"|"?${numbers}\\b)`,
    `(?:^|[\\s\\[{,])(?i:${KEY})="?(?:${any})\\b`,
    `^.{0,${REACH}}?(?:^|[\\s\\[(<|.:/-])(?:${words})(?:$|[\\s\\])>|:,;./\\[(-])`,
    `^.{0,${REACH}}?[\\[(<](?:[\\w-]{1,30}:)?(?:${any})[\\])>:]`,
  ].join("|");
}

/**
 * What `e` and `w` look for in the whole log. Priorities with three digits are left to levelOf.
 */
export const LEVEL_PATTERNS = Object.freeze({
  error: pattern(ERROR_WORDS, "EF", "[0-3]", "(?:[0-3]|[56]0)"),
  warn: pattern(WARN_WORDS, "W", "4", "(?:4|40)"),
});

/** Cheap signs that a line may be a warning or an error; only such lines are looked at. */
const SIGN = new RegExp(
  `${ERROR_WORDS}|FAILURE|${WARN_WORDS}|(?:^|\\n)(?:[EFW]\\d{4} |<\\d)` +
    `|(?:${KEY})"?\\s{0,8}[:=]\\s{0,8}"?(?:\\d|[efcw]\\b)|" 5\\d\\d `,
  "gi",
);
/** The request and status of an access log line: HTTP 5xx counts as an error. */
const STATUS_5XX = /" 5\d\d (?:\d+|-)(?: |$)/;

/**
 * The level of a line that counts: as levelOf, and HTTP 5xx of an access log.
 * @param {string} line
 * @returns {Level | null}
 */
export function countedLevel(line) {
  const found = levelOf(line);
  if (found) return found.level;
  return STATUS_5XX.test(line.length > FIELD_REACH ? line.slice(0, FIELD_REACH) : line) ? "error" : null;
}

/**
 * Counts errors and warnings in lines joined by "\n". Looks at no more than `lines` suspicious lines,
 * so that a caller can spread the work over frames: go on from `next` until it is the text's length.
 * @param {string} text
 * @param {number} [from] offset of the start of a line
 * @param {number} [lines]
 * @returns {{errors: number, warnings: number, next: number}}
 */
export function countLevels(text, from = 0, lines = Infinity) {
  let errors = 0;
  let warnings = 0;
  let at = from;
  for (let looked = 0; at < text.length; looked += 1) {
    if (looked >= lines) return { errors, warnings, next: at };
    SIGN.lastIndex = Math.max(0, at - 1); // with the line end before it
    const sign = SIGN.exec(text);
    if (!sign) break;
    // A sign that begins with "\n" belongs to the line behind it.
    const place = sign.index + (text.charCodeAt(sign.index) === 10 ? 1 : 0);
    const start = place === 0 ? 0 : text.lastIndexOf("\n", place - 1) + 1;
    let end = text.indexOf("\n", place);
    if (end < 0) end = text.length;
    const level = countedLevel(text.slice(Math.max(start, from), end));
    if (level === "error") errors += 1;
    else if (level === "warn") warnings += 1;
    at = end + 1;
  }
  return { errors, warnings, next: text.length };
}

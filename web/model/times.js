/**
 * Times in log lines: found, and shown in another way. (Asked for by people: goto.js.)
 *
 *   findTime(line, context, from?, to?) -> {from, to, ms, digits} | null
 *   timeOf(line, context) -> ms or NaN        the same, JSON aware, for merging
 *   showTime(found, display, context, reference?) -> text that stands for the found one, or null
 *   Context = {zone, now}      zone of times without one (IANA, "UTC", "+01:00"); now in ms
 *
 * Known: ISO 8601 and its relatives (space, comma, slashes, no separators), nginx and Apache, BIND,
 * RFC 2822, syslog without a year, ctime, glog, epoch in s, ms, us and ns, a bare clock. A time
 * without a year is the nearest past one; a bare clock belongs to the last 24 hours.
 */
import { clock, dayTime, duration, MONTHS, offsetAt } from "./words.js";

/** @typedef {{zone: string, now: number, local?: string}} Context local: the reader's own zone */
/** @typedef {{from: number, to: number, ms: number, digits: number}} FoundTime */
/** @typedef {"file" | "local" | "utc" | "previous" | "bookmark"} TimeDisplay */

/** A time stands in front: behind this many characters it belongs to the message. */
const REACH = 160;
export const DAY = 86_400_000;
/** A writer's clock may be ahead of ours by this much before "the nearest past" goes back a year. */
const AHEAD = DAY;

const MONTH = MONTHS.join("|");
const CLOCK = "(?<h>\\d\\d):(?<mi>\\d\\d):(?<s>\\d\\d)(?:[.,](?<f>\\d{1,9}))?";
const ZONE = "(?<z> ?(?:[Zz]\\b|UTC\\b|GMT\\b|[+-]\\d\\d:\\d\\d\\b|[+-]\\d{4}\\b)|[+-]\\d\\d\\b)?";

/** @param {string} source */
const sticky = (source) => new RegExp(source, "y");

const YEAR_FORMS = [
  sticky(`(?<y>\\d{4})[-/](?<mo>\\d\\d)[-/](?<d>\\d\\d)[Tt _]${CLOCK}${ZONE}`),
  sticky(`(?<y>\\d{4})-(?<mo>\\d\\d)-(?<d>\\d\\d)[Tt ](?<h>\\d\\d):(?<mi>\\d\\d)(?!:\\d)${ZONE}`),
  sticky(`(?<y>\\d{4})-(?:W(?<w>\\d\\d)-(?<wd>[1-7])|(?<yd>\\d{3}))T${CLOCK}${ZONE}`),
];
const DAY_FORMS = [
  sticky(`(?<d>\\d\\d)[/ -](?<mon>${MONTH})[/ -](?<y>\\d{4})[: ]${CLOCK}${ZONE}`),
];
const BASIC_FORMS = [
  sticky(
    "(?<y>20\\d\\d)(?<mo>\\d\\d)(?<d>\\d\\d)[T ](?<h>\\d\\d):?(?<mi>\\d\\d):?(?<s>\\d\\d)" +
      `(?:[.,](?<f>\\d{1,9}))?${ZONE}`,
  ),
];
const LETTER_FORMS = [
  sticky(`(?<mon>${MONTH}) {1,2}(?<d>\\d{1,2}) ${CLOCK}(?:(?: [A-Z]{3,4})? (?<y>\\d{4})\\b)?`),
  sticky(
    `(?<mon>${MONTH}) (?<d>\\d{1,2}), (?<y>\\d{4}),? (?<h>\\d{1,2}):(?<mi>\\d\\d):(?<s>\\d\\d)` +
      "(?:[.,](?<f>\\d{1,9}))? (?<half>[AP]M)\\b",
  ),
  sticky(`[IWEF](?<mo>\\d\\d)(?<d>\\d\\d) ${CLOCK}`),
];
/** The kernel's audit log has its epoch in brackets. */
const AUDIT = /audit\((?=\d{10}\.\d{1,3}:)/y;
const BARE_CLOCK = sticky(`${CLOCK}(?![\\d:])`);
const EPOCH = /(?:\d{19}|\d{16}|\d{13}|\d{10}(?:\.(\d{1,9}))?)(?![\d.])/y;
const NAMES =
  "@?timestamp|ts|time|t|datetime|date|asctime|eventTime|event_time|__REALTIME_TIMESTAMP";
const JSON_TIME = new RegExp(`"(?:${NAMES})"\\s{0,8}:\\s{0,8}"?`, "g");
const LOGFMT_TIME = new RegExp(`(?:^|\\s)(?:${NAMES})="?`, "g");

/** @param {number} code */
const isDigit = (code) => code >= 0x30 && code <= 0x39;
/** @param {number} code */
const isWord = (code) => isDigit(code) || code === 0x5f || ((code |= 0x20) >= 0x61 && code <= 0x7a);

/**
 * The first time that stands at the beginning of a word.
 * @param {string} line
 * @param {Context} context
 * @param {number} [from]
 * @param {number} [to] looked at until here, at most 160 characters
 * @returns {FoundTime | null}
 */
export function findTime(line, context, from = 0, to = line.length) {
  const end = Math.min(to, from + REACH);
  let inWord = false;
  let start = from;
  for (let at = from; at < end; at += 1) {
    const code = line.charCodeAt(at);
    if (!isWord(code)) {
      inWord = false;
      if (code === 0x1b) {
        const past = pastColour(line, at);
        if (at - start <= 2) start = past;
        at = past - 1;
      }
      continue;
    }
    if (inWord) continue;
    inWord = true;
    const found = isDigit(code) ? digitTime(line, at, start, context) : letterTime(line, at, context);
    if (found) return found;
  }
  return null;
}

const COLOUR = /\x1b\[[\d;:]{0,64}m/y;

/** A colour in front of a time is no part of a word. @param {string} line @param {number} at */
function pastColour(line, at) {
  COLOUR.lastIndex = at;
  return COLOUR.test(line) ? COLOUR.lastIndex : at + 1;
}

/**
 * @param {string} line
 * @param {number} at
 * @param {number} start of the line's text
 * @param {Context} context
 */
function digitTime(line, at, start, context) {
  // What stands behind the first two, four or eight digits tells which forms it can be.
  const [second, fourth, eighth] = [line.charAt(at + 2), line.charAt(at + 4), line.charAt(at + 8)];
  const forms = fourth === "-" || fourth === "/" ? YEAR_FORMS
    : second === "/" || second === " " || second === "-" ? DAY_FORMS
    : eighth === "T" || eighth === " " ? BASIC_FORMS : [];
  for (const form of forms) {
    const found = match(form, line, at, context);
    if (found) return found;
  }
  if (at > start + 2) return null; // a bare number or clock later in the line is a value
  return match(BARE_CLOCK, line, at, context) ?? epochTime(line, at);
}

/**
 * @param {string} line
 * @param {number} at
 * @param {Context} context
 */
function letterTime(line, at, context) {
  // Every word of a line is asked for: the forms begin with a capital letter, and one with an "a".
  if (line.charCodeAt(at) > 0x61) return null;
  AUDIT.lastIndex = at;
  if (AUDIT.test(line)) return epochTime(line, AUDIT.lastIndex);
  for (const form of LETTER_FORMS) {
    const found = match(form, line, at, context);
    if (found) return found;
  }
  return null;
}

/**
 * @param {RegExp} form
 * @param {string} line
 * @param {number} at
 * @param {Context} context
 * @returns {FoundTime | null}
 */
function match(form, line, at, context) {
  form.lastIndex = at;
  const hit = form.exec(line);
  if (!hit) return null;
  const g = /** @type {Record<string, string | undefined>} */ (hit.groups ?? {});
  const fraction = g.f ?? "";
  const seconds = Number(g.s ?? 0) + (fraction === "" ? 0 : Number(`0.${fraction}`));
  const hour = g.half ? (Number(g.h) % 12) + (g.half === "PM" ? 12 : 0) : Number(g.h);
  if (hour > 23 || Number(g.mi) > 59 || seconds >= 61) return null;
  const clockMs = ((hour * 60 + Number(g.mi)) * 60 + seconds) * 1000;
  const hasDate = g.y !== undefined || g.d !== undefined;
  const ms = hasDate ? dateTime(g, clockMs, context) : pastClock(clockMs, context);
  if (!Number.isFinite(ms)) return null;
  return { from: at, to: at + hit[0].length, ms, digits: Math.min(6, fraction.length) };
}

/**
 * @param {Record<string, string | undefined>} g named groups of a form with a date
 * @param {number} clockMs since midnight
 * @param {Context} context
 * @returns {number} NaN when there is no such day
 */
function dateTime(g, clockMs, context) {
  const zone = g.z ? zoneName(g.z) : context.zone;
  const year = Number(g.y);
  if (g.w !== undefined) {
    // Week 1 is the one with 4 January, weeks begin on Monday (ISO 8601).
    const fourth = Date.UTC(year, 0, 4);
    const monday = fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * DAY;
    return toUtc(monday + ((Number(g.w) - 1) * 7 + Number(g.wd) - 1) * DAY + clockMs, zone);
  }
  if (g.yd !== undefined) return toUtc(Date.UTC(year, 0, Number(g.yd)) + clockMs, zone);
  const month = g.mo !== undefined ? Number(g.mo) - 1 : MONTHS.indexOf(g.mon ?? "");
  const inYear = (/** @type {number} */ y) => {
    const date = new Date(Date.UTC(y, month, Number(g.d)));
    return date.getUTCMonth() === month ? toUtc(date.getTime() + clockMs, zone) : NaN;
  };
  if (g.y !== undefined) return inYear(year);
  const latest = new Date(Number.isFinite(context.now) ? context.now : 0).getUTCFullYear() + 1;
  for (let y = latest; y > latest - 10; y -= 1) {
    const ms = inYear(y); // 29 February is not in every year
    if (ms <= context.now + AHEAD) return ms;
  }
  return NaN;
}

/** @param {string} text as matched by ZONE */
function zoneName(text) {
  const zone = text.trim();
  return /^[+-]/.test(zone) ? (zone.length === 3 ? `${zone}:00` : zone) : "UTC";
}

/**
 * @param {number} local ms as if the clock on the wall were UTC
 * @param {string} zone
 */
export function toUtc(local, zone) {
  const guess = local - offsetAt(local, zone) * 60_000;
  return local - offsetAt(guess, zone) * 60_000;
}

/**
 * The last moment, not after now (and an hour for clocks that differ), with this clock.
 * @param {number} clockMs since midnight
 * @param {Context} context
 */
export function pastClock(clockMs, { zone, now }) {
  const wall = now + offsetAt(now, zone) * 60_000;
  const today = toUtc(Math.floor(wall / DAY) * DAY + clockMs, zone);
  return today <= now + 3_600_000 ? today : toUtc(Math.floor(wall / DAY - 1) * DAY + clockMs, zone);
}

/**
 * Seconds, milli-, micro- or nanoseconds since 1970, for the years 2001 to 2286.
 * @param {string} line
 * @param {number} at
 * @returns {FoundTime | null}
 */
export function epochTime(line, at) {
  EPOCH.lastIndex = at;
  const hit = EPOCH.exec(line);
  if (!hit) return null;
  const whole = hit[0].split(".")[0]?.length ?? 10;
  const ms = Number(hit[0]) * (whole === 10 ? 1000 : whole === 13 ? 1 : whole === 16 ? 1e-3 : 1e-6);
  const digits = hit[1]?.length ?? (whole > 10 ? 3 : 0);
  return { from: at, to: at + hit[0].length, ms, digits };
}

/**
 * @param {string} line
 * @param {Context} context
 * @returns {number} ms since 1970, NaN when the line has no time
 */
export function timeOf(line, context) {
  if (line.charCodeAt(0) !== 0x7b) {
    return findTime(line, context)?.ms ?? fieldTime(line.slice(0, 2048), LOGFMT_TIME, context);
  }
  // Docker writes the time last, so both ends are looked at, and nothing between.
  const ends = line.length > 4096 ? [line.slice(0, 2048), line.slice(-2048)] : [line];
  for (const part of ends) {
    const ms = fieldTime(part, JSON_TIME, context);
    if (Number.isFinite(ms)) return ms;
  }
  return NaN;
}

/**
 * @param {string} text
 * @param {RegExp} name of the field, global
 * @param {Context} context
 */
function fieldTime(text, name, context) {
  for (const hit of text.matchAll(name)) {
    const at = (hit.index ?? 0) + hit[0].length;
    const found = findTime(text, context, at, at + 40);
    if (found && found.from <= at + 2) return found.ms;
  }
  return NaN;
}

/**
 * The text that stands for a time, or null when the file's own is shown.
 * @param {{ms: number, digits: number}} found
 * @param {TimeDisplay} display
 * @param {Context} context
 * @param {number} [reference] ms of the line before, or of the bookmark
 * @returns {string | null}
 */
export function showTime(found, display, context, reference = NaN) {
  if (display === "file") return null;
  if (display === "previous" || display === "bookmark") {
    if (!Number.isFinite(reference)) return display === "bookmark" ? null : "".padStart(10);
    const delta = found.ms - reference;
    const size = Math.abs(delta);
    const text = size < 100_000 ? `${(size / 1000).toFixed(3)} s` : duration(size);
    return `${delta < 0 ? "-" : "+"}${text}`.padStart(10);
  }
  const zone = display === "utc" ? "UTC" : (context.local ?? context.zone);
  const fraction = ((found.ms % 1000) + 1000) % 1000;
  const text = clock(Math.floor(found.ms / 1000) * 1000, zone);
  const sub = found.digits > 0 ? `.${String(Math.floor(fraction)).padStart(3, "0")}` : "";
  // The day is told where it is not today's; the status bar has the whole date of the current line.
  const day = dayTime(found.ms, zone).slice(0, -9);
  const today = dayTime(context.now, zone).slice(0, -9);
  const isToday = day === today && Math.abs(context.now - found.ms) < 2 * DAY;
  return isToday ? text + sub : `${day.slice(4)} ${text}${sub}`;
}

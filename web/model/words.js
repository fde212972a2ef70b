/**
 * Numbers, sizes, durations and dates as people read them: one place for every figure on the page.
 *
 *   count(n)            "1,284"          short(n)         "9.4k"
 *   bytes(n)            "1.2 GB"         plural(n, word)  "1 line", "1,284 lines"
 *   rate(perSecond)     "38/s"           percent(share)   "62 %"
 *   duration(ms)        "0.2 s", "4 min", "3 h 20 min"
 *   dateTime(ms, zone)  "22 Nov 2026 14:02:06"    date(ms, zone)  "22 Nov 2026"
 *   clock(ms, zone)     "14:02:06"       clockShort(ms, zone)  "14:02"
 *   dayLabel(ms, zone)  "Fri 20"         dayTime(ms, zone)  "Sat 21 Nov 18:00:00"
 *   middle(text, max)   "orders…api.log"
 *   offsetAt(ms, zone)  minutes east of UTC       localZone()  the reader's own
 *
 * `zone` is an IANA name, "UTC", or a fixed offset such as "+01:00"; an unknown one means UTC.
 * Every function takes any number, also NaN and infinities, and always returns text.
 */

export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const UNKNOWN = "?";

/** @param {number} n */
export function count(n) {
  return Number.isFinite(n) ? n.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",") : UNKNOWN;
}

/**
 * At most four characters up to a billion: what fits beside a name in a list.
 * @param {number} n
 */
export const short = (n) => scaled(n, ["", "k", "M", "G", "T"]);

/**
 * Sizes in powers of 1000 (SI), as `ls --si` and disk makers count.
 * @param {number} n
 */
export const bytes = (n) => (Math.abs(n) < 1000 ? plural(n, "byte") : scaled(n, ["", " kB", " MB", " GB", " TB", " PB"]));

/** @param {number} n @param {string[]} units of powers of 1000 */
function scaled(n, units) {
  if (!Number.isFinite(n)) return UNKNOWN;
  let unit = 0;
  let value = n;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return digits(value, unit === 0 ? 0 : 1) + units[unit];
}

/**
 * One decimal below ten, none from there on, so that the eye compares widths, not digits.
 * @param {number} value
 * @param {number} decimals
 */
function digits(value, decimals) {
  const fixed = Math.abs(value) < 9.95 ? value.toFixed(decimals) : value.toFixed(0);
  return fixed.replace(/\.0$/, "");
}

/**
 * @param {number} n
 * @param {string} word singular
 * @param {string} [many] plural, when it is not word + "s"
 */
export function plural(n, word, many = `${word}s`) {
  return `${count(n)} ${n === 1 ? word : many}`;
}

/** @param {number} perSecond */
export function rate(perSecond) {
  if (!Number.isFinite(perSecond)) return `${UNKNOWN}/s`;
  return `${perSecond >= 1000 ? short(perSecond) : digits(perSecond, 1)}/s`;
}

/** @param {number} share from 0 to 1 */
export function percent(share) {
  if (!Number.isFinite(share)) return `${UNKNOWN} %`;
  return `${Math.floor(Math.min(1, Math.max(0, share)) * 100)} %`;
}

/**
 * The two largest units that matter. Negative durations are told by their size.
 * @param {number} ms
 */
export function duration(ms) {
  if (!Number.isFinite(ms)) return UNKNOWN;
  const size = Math.abs(ms);
  if (size < 100) return `${Math.round(size)} ms`;
  const seconds = size / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  const days = Math.floor(hours / 24);
  return pair(days, days === 1 ? "day" : "days", hours % 24, "h");
}

/**
 * @param {number} a
 * @param {string} unitA
 * @param {number} b
 * @param {string} unitB
 */
function pair(a, unitA, b, unitB) {
  return b === 0 || a >= 10 ? `${count(a)} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;
}

let local = "";

/** The reader's own zone. Asked for when needed: Intl takes its time at first use. */
export function localZone() {
  return (local ||= Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
}

/** @type {Map<string, (ms: number) => number>} */
const zones = new Map();

/**
 * Minutes east of UTC at a moment. Asking Intl costs some 20 us, so answers are kept per quarter of
 * an hour, the finest grid on which zones change.
 * @param {number} ms since 1970 UTC
 * @param {string} zone
 * @returns {number}
 */
export function offsetAt(ms, zone) {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return 0;
  let offset = zones.get(zone);
  if (offset === undefined) {
    if (zones.size >= 32) zones.clear();
    zones.set(zone, (offset = zoneOffset(zone)));
  }
  return offset(ms);
}

/** Minutes in "GMT+05:45" or "-0330"; 0 where there are none. @param {string} text */
function minutesIn(text) {
  const [, sign, hours, minutes] = /([+-])(\d\d):?(\d\d)/.exec(text) ?? [];
  return (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1) || 0;
}

/**
 * @param {string} zone
 * @returns {(ms: number) => number}
 */
function zoneOffset(zone) {
  const fixed = minutesIn(zone);
  if (fixed || !/[a-z]/.test(zone)) return () => fixed;
  /** @type {Intl.DateTimeFormat} */
  let format;
  try {
    format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
  } catch {
    return () => 0;
  }
  let lastKey = NaN;
  let lastOffset = 0;
  return (ms) => {
    const key = Math.floor(ms / 900_000);
    if (key !== lastKey) {
      lastKey = key;
      lastOffset = minutesIn(format.format(ms));
    }
    return lastOffset;
  };
}

/**
 * A moment in words, told by a Date whose UTC fields are those of a zone.
 * @param {number} ms @param {string} zone @param {(at: Date) => string} tell
 */
function told(ms, zone, tell) {
  const at = new Date(ms + offsetAt(ms, zone) * 60_000);
  return Number.isNaN(at.getTime()) ? UNKNOWN : tell(at);
}

/** @param {Date} at */
const clockOf = (at) => at.toISOString().slice(-13, -5);
/** @param {Date} at */
const dateOf = (at) => `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
/** @param {Date} at */
const dayOf = (at) => `${DAYS[at.getUTCDay()]} ${at.getUTCDate()}`;

/** "14:02:06" @param {number} ms @param {string} [zone] */
export const clock = (ms, zone = "UTC") => told(ms, zone, clockOf);

/** "14:02" @param {number} ms @param {string} [zone] */
export const clockShort = (ms, zone = "UTC") => clock(ms, zone).slice(0, 5);

/** "22 Nov 2026" @param {number} ms @param {string} [zone] */
export const date = (ms, zone = "UTC") => told(ms, zone, dateOf);

/** "22 Nov 2026 14:02:06" @param {number} ms @param {string} [zone] */
export const dateTime = (ms, zone = "UTC") => told(ms, zone, (at) => `${dateOf(at)} ${clockOf(at)}`);

/** "Sun 22" @param {number} ms @param {string} [zone] */
export const dayLabel = (ms, zone = "UTC") => told(ms, zone, dayOf);

/** "Sun 22 Nov 14:02:06" @param {number} ms @param {string} [zone] */
export const dayTime = (ms, zone = "UTC") => told(ms, zone, (at) => `${dayOf(at)} ${MONTHS[at.getUTCMonth()]} ${clockOf(at)}`);

/**
 * Shortens in the middle, because names of logs differ at both ends.
 * @param {string} text
 * @param {number} max characters, at least 3
 */
export function middle(text, max) {
  const long = text.length > 4 * max + 64;
  const all = Array.from(long ? text.slice(0, 2 * max) + text.slice(-2 * max) : text);
  if (all.length <= max) return text;
  const keep = Math.max(2, max - 1);
  const head = Math.ceil(keep / 2);
  return `${all.slice(0, head).join("")}…${all.slice(all.length - (keep - head)).join("")}`;
}

/**
 * The time that a person types under "Go to time".
 *
 *   parseGoTo(text, context) -> {ms, echo} | {error}     context as in times.js, in its `local` zone
 *
 * `14:02`, `14:02:11`, `yesterday 18:00`, `-15m`, ISO 8601, epoch; and what else a log line may hold.
 * The echo ("Sat 21 Nov 18:00:00 UTC") says how it was read, before one goes there.
 */
import { DAY, epochTime, findTime, pastClock, toUtc } from "./times.js";
import { dayTime, offsetAt } from "./words.js";

/** @typedef {import("./times.js").Context} Context */

const UNITS = new Map([["s", 1000], ["m", 60_000], ["h", 3_600_000], ["d", DAY], ["w", 7 * DAY]]);
const CLOCK = new RegExp(
  "^(?:(today|yesterday|sun|mon|tue|wed|thu|fri|sat)[a-z]{0,6})?\\s{0,4}" +
    "(?:(\\d\\d?):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d{1,3}))?)?)?$",
  "i",
);
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/**
 * `14:02`, `14:02:11`, `yesterday 18:00`, `-15m` (`-1h30m`), ISO 8601 (or its date alone), epoch; also
 * `today`, a weekday, `22 Nov 14:02` and anything that a log line may hold.
 * @param {string} text
 * @param {Context} context
 * @returns {{ms: number, echo: string} | {error: string}}
 */
export function parseGoTo(text, context) {
  const zone = context.local ?? context.zone;
  const typed = text.trim().slice(0, 80);
  const ms = goTo(typed, { ...context, zone });
  if (typed === "" || !Number.isFinite(ms) || Math.abs(ms) > 8.64e15) {
    return { error: "Not a time. Try 14:02, yesterday 18:00, -15m, 2026-11-22 14:02 or 1763820126." };
  }
  const year = new Date(ms).getUTCFullYear();
  const sameYear = year === new Date(context.now).getUTCFullYear();
  return { ms, echo: `${dayTime(ms, zone)}${sameYear ? "" : ` ${year}`} ${zoneLabel(ms, zone)}` };
}

/** @param {number} ms @param {string} zone */
function zoneLabel(ms, zone) {
  const minutes = offsetAt(ms, zone);
  if (minutes === 0) return "UTC";
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** @param {string} typed @param {Context} context @returns {number} NaN when it is no time */
function goTo(typed, context) {
  const ago = /^-?\s{0,4}((?:\d{1,9}\s{0,2}[smhdw]\s{0,2}){1,5})$/i.exec(typed);
  if (ago) {
    let sum = 0;
    for (const [, n, unit] of (ago[1] ?? "").matchAll(/(\d+)\s*([smhdw])/gi)) {
      sum += Number(n) * (UNITS.get((unit ?? "").toLowerCase()) ?? NaN);
    }
    return context.now - sum;
  }
  const time = CLOCK.exec(typed);
  if (time && typed !== "") {
    const [, day, h = "0", mi = "0", s = "0", f = "0"] = time;
    if (Number(h) > 23 || Number(mi) > 59 || Number(s) > 60) return NaN;
    const clockMs = ((Number(h) * 60 + Number(mi)) * 60 + Number(s) + Number(`0.${f}`)) * 1000;
    if (!day) return pastClock(clockMs, context);
    const wall = Math.floor((context.now + offsetAt(context.now, context.zone) * 60_000) / DAY);
    const name = day.toLowerCase();
    const back = name === "today" ? 0 : name === "yesterday" ? 1
      : (((wall + 4 - WEEKDAYS.indexOf(name)) % 7) + 7) % 7 || 7;
    return toUtc((wall - back) * DAY + clockMs, context.zone);
  }
  if (/^(?:\d{10}(?:\.\d{1,9})?|\d{13}|\d{16}|\d{19})$/.test(typed)) {
    return epochTime(typed, 0)?.ms ?? NaN;
  }
  const whole = completed(typed);
  const found = findTime(whole, context);
  return found && found.from === 0 && found.to === whole.length ? found.ms : NaN;
}

/** A date alone means its first moment, hours and minutes their first second. @param {string} typed */
function completed(typed) {
  const date = typed.replace(/^(\d) /, "0$1 ");
  if (/^\d{4}-\d\d-\d\d$/.test(date)) return `${date} 00:00:00`;
  const full = date.replace(/([T ]\d\d:\d\d)(?=$| ?Z| ?[+-]\d\d)/, "$1:00");
  // "22 Nov 14:02" as syslog has it
  const named = /^(\d\d?) ([A-Z][a-z]{2})(?: (\d\d:\d\d:\d\d))?$/.exec(full);
  return named ? `${named[2]} ${named[1]} ${named[3] ?? "00:00:00"}` : full;
}

/**
 * The structure of a line: JSON, logfmt, access logs and syslog, as columns of the line itself.
 *
 *   parseLine(line, format?) -> Parsed | null     null when the line has none of these forms
 *   detectFormat(lines) -> Format | null          the one in which at least 80 % of them parse
 *   valueOf(line, field) -> string                decoded: without quotes and escapes
 *   jsonValueEnd(text, at) -> [end, kind]         end is -1 when no value stands there
 *   jsonEscapes(line, from, to) -> {text, from, to}[]    pieces that cover a part of a JSON string;
 *                                                 those that are not verbatim are decoded escapes
 *
 *   Format = "json" | "logfmt" | "access" | "syslog"
 *   Parsed = {format, fields, parts, time, level, message, status}
 *     fields: {key, keyFrom, keyTo, from, to, kind}    `from`/`to`: value with its quotes
 *     parts:  {from, to, cls}     what is coloured in place (access, syslog), in order; "" as it is
 *     time, level, message: the field or part that holds it, as {from, to}, or null
 *
 * Own scanners, because the columns are needed and because a line of a log is hostile: they go
 * over the line once, keep no more than 256 fields, and never throw.
 */

/** @typedef {"json" | "logfmt" | "access" | "syslog"} Format */
/** @typedef {{from: number, to: number}} Range */
/** @typedef {"string" | "number" | "word" | "nested"} Kind */
/** @typedef {{key: string, keyFrom: number, keyTo: number, from: number, to: number, kind: Kind}} Field */
/** @typedef {Range & {cls: string}} Part */
/**
 * @typedef {{format: Format, fields: Field[], parts: Part[], time: Range | null,
 *   level: Range | null, message: Range | null, status: number}} Parsed status: 0 when there is none
 */

const MAX_FIELDS = 256;
/** Longer lines are shown as text: no one reads the fields of half a megabyte. */
const MAX_LINE = 1 << 18;

/** @param {string} words */
const keys = (words) => new Set(words.split(" "));
const TIME_KEYS = keys(
  "ts time timestamp @timestamp t datetime date asctime eventtime event_time __realtime_timestamp",
);
const LEVEL_KEYS = keys(
  "level severity lvl levelname loglevel log.level log_level severity_text priority",
);
const MESSAGE_KEYS = keys("msg message log event short_message text");

/**
 * @param {string} line
 * @param {Format | null} [format] only this one
 * @returns {Parsed | null}
 */
export function parseLine(line, format = null) {
  if (line.length > MAX_LINE) return null;
  if (format) return PARSERS[format](line);
  for (const parse of Object.values(PARSERS)) {
    const parsed = parse(line);
    if (parsed) return parsed;
  }
  return null;
}

/** @param {readonly string[]} lines the last 200 or so of a log @returns {Format | null} */
export function detectFormat(lines) {
  const counts = { json: 0, logfmt: 0, access: 0, syslog: 0 };
  let told = 0;
  for (const line of lines) {
    // Lines that go on from the one before say nothing about the form of the log.
    if (line === "" || /^\s/.test(line)) continue;
    told += 1;
    const parsed = parseLine(line);
    if (parsed) counts[parsed.format] += 1;
  }
  const [best, count] = Object.entries(counts).sort((a, b) => b[1] - a[1])[0] ?? ["", 0];
  return told > 0 && count >= 0.8 * told ? /** @type {Format} */ (best) : null;
}

/**
 * @param {Format} format
 * @param {Field[]} fields
 * @returns {Parsed}
 */
function withRoles(format, fields) {
  /** @param {Set<string>} names */
  const role = (names) => {
    const field = fields.find(({ key, kind }) => kind !== "nested" && names.has(key.toLowerCase()));
    return field ? { from: field.from, to: field.to } : null;
  };
  return {
    format, fields, parts: [], status: 0,
    time: role(TIME_KEYS), level: role(LEVEL_KEYS), message: role(MESSAGE_KEYS),
  };
}

const SPACE = /[ \t\r]*/y;
const STRING = /"[^"\\]*(?:\\[^][^"\\]*)*"/y;
const SCALAR = /-?\d[\d.eE+-]*|true|false|null/y;

/** @param {RegExp} re sticky @param {string} text @param {number} at @returns {number} end, or -1 */
function past(re, text, at) {
  re.lastIndex = at;
  return re.test(text) ? re.lastIndex : -1;
}

/** @param {string} line @returns {Parsed | null} */
function parseJson(line) {
  let at = past(SPACE, line, 0);
  if (line.charCodeAt(at) !== 0x7b) return null;
  /** @type {Field[]} */
  const fields = [];
  at = past(SPACE, line, at + 1);
  const done = () => (past(SPACE, line, at + 1) === line.length ? withRoles("json", fields) : null);
  if (line.charCodeAt(at) === 0x7d) return done();
  for (;;) {
    const keyTo = past(STRING, line, at);
    if (keyTo < 0) return null;
    const colon = past(SPACE, line, keyTo);
    if (line.charCodeAt(colon) !== 0x3a) return null;
    const from = past(SPACE, line, colon + 1);
    const [to, kind] = jsonValueEnd(line, from);
    if (to < 0) return null;
    if (fields.length < MAX_FIELDS) {
      const key = decode(line.slice(at + 1, keyTo - 1));
      fields.push({ key, keyFrom: at + 1, keyTo: keyTo - 1, from, to, kind });
    }
    at = past(SPACE, line, to);
    const next = line.charCodeAt(at);
    if (next === 0x7d) return done();
    if (next !== 0x2c) return null;
    at = past(SPACE, line, at + 1);
  }
}

/**
 * @param {string} line
 * @param {number} at
 * @returns {[number, Kind]} end of the value, or -1
 */
export function jsonValueEnd(line, at) {
  const first = line.charCodeAt(at);
  if (first === 0x22) return [past(STRING, line, at), "string"];
  if (first !== 0x7b && first !== 0x5b) {
    return [past(SCALAR, line, at), first >= 0x61 ? "word" : "number"];
  }
  let depth = 0;
  for (let i = at; i < line.length; ) {
    const code = line.charCodeAt(i);
    if (code === 0x22) {
      i = past(STRING, line, i);
      if (i < 0) return [-1, "nested"];
      continue;
    }
    i += 1;
    if (code === 0x7b || code === 0x5b) depth += 1;
    else if ((code === 0x7d || code === 0x5d) && (depth -= 1) === 0) return [i, "nested"];
  }
  return [-1, "nested"];
}

const PAIR = /([^\s="]{1,128})=("[^"\\]*(?:\\[^][^"\\]*)*"|[^\s"]*)(?=\s|$)/y;

/**
 * Pairs from the first character on, two at least; a word without `=` may stand between. In prose
 * they may stand anywhere.
 * @param {string} line
 * @param {boolean} [prose]
 * @returns {Parsed | null}
 */
export function parseLogfmt(line, prose = false) {
  /** @type {Field[]} */
  const fields = [];
  let bare = 0;
  for (let at = past(/\s*/y, line, 0); at < line.length; ) {
    PAIR.lastIndex = at;
    const hit = PAIR.exec(line);
    if (hit && !(prose && /[^\w.@-]/.test(hit[1]))) {
      const [all, key = "", value = ""] = hit;
      const from = at + key.length + 1;
      if (fields.length < MAX_FIELDS) {
        const plain = /^-?\d+(?:\.\d+)?$/.test(value) ? "number" : "word";
        const kind = value.startsWith("\"") ? "string" : plain;
        fields.push({ key, keyFrom: at, keyTo: at + key.length, from, to: at + all.length, kind });
      }
      at += all.length;
    } else {
      bare += 1;
      if (!prose && (fields.length === 0 || bare > fields.length)) return null;
      at = past(/\S+/y, line, at);
    }
    at = past(/\s*/y, line, at);
  }
  return fields.length >= (prose ? 1 : 2) ? withRoles("logfmt", fields) : null;
}

const QUOTED = '"([^"\\\\]*(?:\\\\.[^"\\\\]*)*)"';
/** Common and combined log format, with what people append; a virtual host may stand in front. */
const ACCESS = new RegExp(
  "^(?:(\\S+:\\d+) )?(\\S+) (\\S+) (\\S+) \\[([^\\]]{1,40})\\] " +
    `${QUOTED} (\\d{3}) (\\d+|-)(?: ${QUOTED} ${QUOTED})?(.*)$`,
  "ds",
);
const ACCESS_CLASSES = ["", "", "", "", "time", "request"];
const REQUEST = /^([A-Z]{1,20}) (\S+)(?: (HTTP\/[\d.]+))?$/d;

/** @param {string} line @returns {Parsed | null} */
function parseAccess(line) {
  if (!line.includes("] \"")) return null;
  const hit = ACCESS.exec(line);
  if (!hit?.indices) return null;
  /** @type {Part[]} */
  const parts = [];
  const status = Number(hit[7]);
  const colour = `st${String(status).charAt(0)}`;
  [...ACCESS_CLASSES, colour, "", "dim", "dim", ""].forEach((cls, i) => {
    const place = hit.indices?.[i + 1];
    if (!place || place[0] === place[1]) return;
    const [from, to] = place;
    const request = cls === "request" ? REQUEST.exec(hit[i + 1] ?? "") : null;
    if (cls !== "request") parts.push({ from, to, cls });
    else if (!request?.indices) parts.push({ from, to, cls: "msg" });
    else {
      ["key", "msg", "dim"].forEach((part, k) => {
        const at = request.indices?.[k + 1];
        if (at) parts.push({ from: from + at[0], to: from + at[1], cls: part });
      });
    }
  });
  const place = hit.indices[5];
  return {
    format: "access", fields: [], parts, status, level: null,
    time: place ? { from: place[0], to: place[1] } : null,
    message: parts.find((part) => part.cls === "msg") ?? null,
  };
}

const SD = '-|(?:\\[(?:[^\\]"]|"[^"\\\\]*(?:\\\\.[^"\\\\]*)*")*\\])+';
const STAMP = "[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?|" +
  "\\d{4}-\\d\\d-\\d\\dT[\\d:.,]+(?:Z|[+-]\\d\\d:?\\d\\d)";
/** RFC 5424, RFC 3164 and journald's and rsyslog's files with ISO times. */
const SYSLOG = [
  new RegExp(`^(<\\d{1,3}>)1 (\\S+) (\\S+) (\\S+) (\\S+) (\\S+) (${SD})(?: (.*))?$`, "ds"),
  new RegExp(`^(<\\d{1,3}>)?(${STAMP}) ([\\w.:-]+) ([^\\s:[\\]]{1,100})(\\[\\d+\\])?: (.*)$`, "ds"),
];
const SYSLOG_CLASSES = [
  ["dim", "time", "dim", "key", "dim", "dim", "dim", "msg"],
  ["dim", "time", "dim", "key", "dim", "msg"],
];

/** @param {string} line @returns {Parsed | null} */
function parseSyslog(line) {
  for (const [form, re] of SYSLOG.entries()) {
    const hit = re.exec(line);
    if (!hit?.indices) continue;
    /** @type {Part[]} */
    const parts = [];
    (SYSLOG_CLASSES[form] ?? []).forEach((cls, i) => {
      const place = hit.indices?.[i + 1];
      if (place && place[0] < place[1]) parts.push({ from: place[0], to: place[1], cls });
    });
    const part = (/** @type {string} */ cls) => parts.find((one) => one.cls === cls) ?? null;
    return {
      format: "syslog", fields: [], parts, status: 0, level: null,
      time: part("time"), message: part("msg"),
    };
  }
  return null;
}

/** In the order in which they are tried. @type {Record<Format, (line: string) => Parsed | null>} */
const PARSERS = { json: parseJson, access: parseAccess, syslog: parseSyslog, logfmt: (line) => parseLogfmt(line) };

/** Halves of a pair together are one character; what is no escape, or not whole, stays as it is. */
const ESCAPE = /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u[\da-fA-F]{4}|["\\/bfnrt])/g;

/** @param {string} line @param {number} from @param {number} to @returns {{text: string, from: number, to: number}[]} */
export function jsonEscapes(line, from, to) {
  const pieces = [];
  let at = from;
  for (const { 0: escape, index } of line.slice(from, to).matchAll(ESCAPE)) {
    const start = from + index;
    if (at < start) pieces.push({ text: line.slice(at, start), from: at, to: start });
    at = start + escape.length;
    pieces.push({ text: String(JSON.parse(`"${escape}"`)), from: start, to: at });
  }
  if (at < to) pieces.push({ text: line.slice(at, to), from: at, to });
  return pieces;
}

/** @param {string} text between its quotes */
function decode(text) {
  return jsonEscapes(text, 0, text.length).map((piece) => piece.text).join("");
}

/**
 * @param {string} line
 * @param {{from: number, to: number}} field
 */
export function valueOf(line, { from, to }) {
  const text = line.slice(from, to);
  return text.startsWith("\"") ? decode(text.slice(1, -1)) : text;
}

/**
 * How serious a line is, read where loggers put it, never from a word of the message.
 *
 *   levelOf(line) -> {level, from, to} | null      columns of the word or number that tells it
 *   levelWord(word) -> Level | null                "WARNING" -> "warn", "50" -> "error" (pino)
 *   countLevels(text, lines?) -> {errors, warnings}    of a block of many lines
 *   Level = "error" | "warn" | "info" | "debug"    fatal, critical, alert count as error; trace as debug
 *
 * A level is a field (`"level":"error"`, `level=warn`), a word in capitals or brackets or a label
 * (`error:`) in the head of a line: what loggers write before the message, such as times, hosts,
 * processes and logger names, in at most 120 characters. Also a priority (`<3>`), klog's `E1122`,
 * and an access log's 5xx. The head ends at the first word of prose: "0 errors found" and "giving up
 * after ERROR" have no level. The daemon reads levels by the same rules; tests/text/levels.txt
 * holds both to the same lines.
 */

/** @typedef {"error" | "warn" | "info" | "debug"} Level */
/** @typedef {{level: Level, from: number, to: number}} Found */

/** Where a word may stand; fields may stand farther. */
const REACH = 120;
const FIELD_REACH = 2048;

/** @type {Record<Level, string>} */
const WORD_LISTS = {
  error: "error err eror severe failure fail fatal ftl critical crit alert emergency emerg panic dpanic",
  warn: "warning warn wrn",
  info: "notice information info inf log",
  debug: "debug dbug dbg fine config verbose trace trce trc finest finer",
};
const BY_WORD = new Map(
  /** @type {[Level, string][]} */ (Object.entries(WORD_LISTS))
    .flatMap(([level, words]) => words.split(" ").map((word) => /** @type {const} */ ([word, level]))),
);
/** @type {Record<string, Level>} */
const BY_LETTER = {
  E: "error", F: "error", C: "error", W: "warn", I: "info", N: "info", D: "debug", T: "debug", V: "debug",
};

/** Syslog severities, and the tens of bunyan and pino. @param {number} n @returns {Level | null} */
function byNumber(n) {
  if (n < 8) return n < 4 ? "error" : n === 4 ? "warn" : n < 7 ? "info" : "debug";
  if (n % 10 !== 0 || n > 60) return null;
  return n >= 50 ? "error" : n === 40 ? "warn" : n === 30 ? "info" : "debug";
}

/**
 * @param {string} word
 * @returns {Level | null}
 */
export function levelWord(word) {
  if (/^\d{1,2}$/.test(word)) return byNumber(Number(word));
  return BY_WORD.get(word.toLowerCase()) ?? null;
}

const WORDS = [...BY_WORD.keys()];
const lower = WORDS.join("|");
const upper = lower.toUpperCase();
const title = WORDS.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("|");
/** Any case, spelled out: inline flags are younger than the browsers that we serve. */
const anyCase = (/** @type {string} */ words) =>
  words.replace(/[a-z]/g, (char) => `[${char}${char.toUpperCase()}]`);
const any = anyCase(lower);
const number = "[0-7]|[1-6]0";
const names = anyCase("level|lvl|severity|loglevel|levelname|log[._]level|level_name|severity_text");
const KEY = `(?:${names}|@l|PRIORITY)`;
const COLOUR = "\\x1b\\[[\\d;]{0,32}m";

/** Where the level stands at the place reached so far. The word is the group that took part. */
const LEVELS = [
  `(?:\\b|${COLOUR})(${upper})\\b`,
  `\\[\\d[\\w:.,+-]{0,60}\\s{1,8}(${upper})\\b`,
  `[[(<](?:[\\w.]{1,60}:)?\\s{0,8}(${any})\\s{0,8}[\\])>]`,
  "\\[([EFCWINDTV])\\]",
  `[a-z][\\w-]{0,60}\\.(${upper}):`, // monolog's "channel.LEVEL:"
  `(?:\\b|${COLOUR})(${upper}|${lower}|${title})(?:!?:|\\[)`,
];
const FIELDS = [
  `\\{(?:.*?[{,]\\s{0,16})??"${KEY}"\\s{0,8}:\\s{0,8}"?(${any}|${number})\\b`,
  `\\{\\\\"(?:.*?[{,]\\s{0,16}\\\\")??${KEY}\\\\"\\s{0,8}:\\s{0,8}(?:\\\\")?(${any}|${number})\\b`,
  `\\b${KEY}=["']?(${any}|${number})\\b`,
];
const LEVEL = new RegExp(LEVELS.join("|"), "dy");
const FIELD = new RegExp(FIELDS.join("|"), "dsy");

/** What may stand before a level: times, numbers, names with a digit or a sign in them, brackets. */
const TOKEN = new RegExp(
  [
    COLOUR,
    "[\\s|,;:*#=>-]",
    "\\d[\\w:.,/+#-]*",
    "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\\b",
    "[A-Z]{2,5}\\b|[A-Z],", // a time zone, Ruby's letter
    "\\[[^\\]]*\\]|\\([^)]*\\)|<[^>]*>|'[^']*'",
    "[A-Za-z_$]+[\\d@$./:_[-][^\\s=\"]*", // app[12]: com.foo.Bar main.go:12 worker-1 user@host
    "/[^\\s=\"]*",
    "[\\w.@/-]+=(?:\"[^\"\\\\]*(?:\\\\[^][^\"\\\\]*)*\"|[^\\s\"]*)", // logfmt
    "[\\w.-]+\\s+[|-]", // "name - LEVEL - message", "service | "
    "(?:main|npm)\\b",
    "(?:stdout|stderr)\\s[FP]\\b", // CRI
  ].join("|"),
  "y",
);
/** A syslog host is any word; Docker wraps the line of another log. */
const PREFIX = new RegExp(
  "^(?:(?:<\\d{1,3}>)?(?:1 )?" +
    "(?:[A-Z][a-z]{2} [ \\d]\\d [\\d:]{8}|\\d{4}-\\d\\d-\\d\\d[T ][\\w:.+-]{1,40})" +
    " [\\w.-]{1,200} [^\\s[:]{1,200}(?:\\[\\d{1,20}\\])?: |\\{\"log\":\")",
);
const PRIORITY = /^<(\d{1,3})>/d;
const KLOG = /^([IWEF])\d{4} \d\d:/d;
const STATUS_5XX =
  /^\S{1,200} \S{1,200} \S{1,200} \[[^\]]{1,60}\] "[^"\\]*(?:\\[^][^"\\]*)*" (5\d\d)\b/d;

/**
 * @param {string} line
 * @returns {Found | null}
 */
export function levelOf(line) {
  const head = line.length > FIELD_REACH ? line.slice(0, FIELD_REACH) : line;
  const code = head.charCodeAt(0);
  if (code === 0x3c) {
    const found = PRIORITY.exec(head);
    if (found && Number(found[1]) < 192) return at(found, byNumber(Number(found[1]) & 7));
  } else if (code <= 0x57) {
    const found = KLOG.exec(head);
    if (found) return at(found, BY_LETTER[found[1] ?? ""] ?? null);
  }
  if (head.includes("] \"")) {
    const found = STATUS_5XX.exec(head);
    if (found) return at(found, "error");
  }
  const found = headLevel(head, 0);
  if (found) return found;
  const prefix = PREFIX.exec(head);
  return prefix ? headLevel(head, prefix[0].length) : null;
}

/**
 * Goes over the head token by token until a level stands there, or prose begins.
 * @param {string} line
 * @param {number} from
 * @returns {Found | null}
 */
function headLevel(line, from) {
  for (let i = from; i < line.length; ) {
    if (i < REACH) {
      LEVEL.lastIndex = i;
      const word = LEVEL.exec(line);
      if (word && LEVEL.lastIndex <= REACH) return at(word, null);
    }
    const sign = line.charCodeAt(i);
    // Only a brace, a quote's backslash or a letter can begin a field.
    if (sign === 0x7b || sign >= 0x40) {
      FIELD.lastIndex = i;
      const field = FIELD.exec(line);
      if (field) return at(field, null);
    }
    TOKEN.lastIndex = i;
    if (!TOKEN.test(line)) return null;
    i = TOKEN.lastIndex;
  }
  return null;
}

/**
 * @param {RegExpExecArray} hit whose first group that took part holds the word
 * @param {Level | null} level null: read it from the word
 * @returns {Found | null}
 */
function at(hit, level) {
  const i = hit.findIndex((text, k) => k > 0 && text !== undefined);
  const word = hit[i] ?? "";
  const place = hit.indices?.[i];
  const found = level ?? (word.length === 1 ? BY_LETTER[word] : undefined) ?? levelWord(word);
  return found && place ? { level: found, from: place[0], to: place[1] } : null;
}

/** Cheap signs that a line may be a warning or an error; only such lines are looked at. */
const SIGN = new RegExp(
  "err|eror|severe|fail|fatal|ftl|crit|alert|emerg|panic|wrn|warn|\\[[EFCW]\\]" +
    `|(?:^|\\n)(?:[EFW]\\d{4} |<\\d)|${KEY}\\\\?["']?\\s{0,8}[:=]\\s{0,8}\\\\?["']?\\d|" 5\\d\\d\\b`,
  "gi",
);

/**
 * Counts errors and warnings in lines joined by "\n", of which no more than `lines` are looked at.
 * @param {string} text
 * @param {number} [lines]
 * @returns {{errors: number, warnings: number}}
 */
export function countLevels(text, lines = Infinity) {
  const counts = { errors: 0, warnings: 0 };
  for (let next = 0, looked = 0; next < text.length && looked < lines; looked += 1) {
    SIGN.lastIndex = Math.max(0, next - 1); // with the line end before it
    const sign = SIGN.exec(text);
    if (!sign) break;
    // A sign that begins with "\n" belongs to the line behind it.
    const place = sign.index + (text.charCodeAt(sign.index) === 10 ? 1 : 0);
    const start = place === 0 ? 0 : text.lastIndexOf("\n", place - 1) + 1;
    const end = text.indexOf("\n", place);
    next = end < 0 ? text.length : end + 1;
    const level = levelOf(text.slice(start, end < 0 ? text.length : end))?.level;
    if (level === "error") counts.errors += 1;
    else if (level === "warn") counts.warnings += 1;
  }
  return counts;
}

/**
 * Escape sequences: colours are obeyed (SGR only), everything else is found and taken out.
 *
 *   ansiSpans(line) -> Span[] | null   null when there is nothing to do, else spans that cover the
 *                                      line: {from, to, kind: "text" | "sgr" | "other", style}
 *   paint(style, theme) -> {cls, fg, bg}   fixed class names, and colours that can be read: moved in
 *                                      lightness until they have 4.5 on their ground
 *   stripControls(text) -> {text, removed}   what a copy holds: no sequences, no controls but tab and
 *                                      newline, because a terminal obeys what is pasted into it
 *   PALETTE {dark, light}              the 16 colours
 *
 * The grammar is that of ECMA-48 and xterm, 7-bit and 8-bit. A sequence that does not end is not one:
 * only its first sign counts as control, so that a stray ESC never swallows text. Conceal and blink
 * are not obeyed. Every line starts plain, for the one before it may not be loaded.
 */

/**
 * `fg`/`bg`: -1 default, 0-15 palette, 16-255 of the 256 colours, else 0x1000000 + RGB.
 * @typedef {{fg: number, bg: number, bold: boolean, dim: boolean, italic: boolean,
 *   underline: boolean, strike: boolean, inverse: boolean}} Style
 * @typedef {{from: number, to: number, kind: "text" | "sgr" | "other", style: Style}} Span
 * @typedef {"dark" | "light"} Theme
 */

const MAX_PARAMETERS = 16;
const MAX_SGR = 128;
const RGB = 0x1000000;

/** @type {Readonly<Style>} */
export const PLAIN = Object.freeze({
  fg: -1, bg: -1, bold: false, dim: false, italic: false, underline: false, strike: false,
  inverse: false,
});

/** The `--cur` ground is the hardest of each theme to read on: what holds there holds everywhere. */
const GROUND = { dark: 0x17243a, light: 0xe9f1ff };
const TEXT = { dark: 0xe3e8ee, light: 0x171c22 };
const BRIGHT_DARK = [0x8d99a8, 0xffa49d, 0x86e0ad, 0xf5d37c, 0xa6caff, 0xe6bdf7, 0x8be0ea, 0xffffff];
const BRIGHT_LIGHT = [0x5b6673, 0xb3261e, 0x0f6b38, 0x755200, 0x1650b8, 0x7a2fa0, 0x076273, 0x424d5a];
export const PALETTE = Object.freeze({
  dark: [
    0x828e9c, 0xff8178, 0x5fcf8f, 0xe6bd55, 0x7fb4ff, 0xd99bf0, 0x5ccbd9, 0xccd4dd,
    ...BRIGHT_DARK,
  ],
  light: [
    0x171c22, 0xc0272d, 0x16763f, 0x805b00, 0x1c5fd4, 0x8b3fb0, 0x0b7285, 0x5d6875,
    ...BRIGHT_LIGHT,
  ],
});

const CONTROL = /[\x1b\x80-\x9f]/;
const CSI = /[0-?]*[ -/]*[@-~]/y;
/** Text of OSC, DCS and the like ends at any control; anything but ST or BEL there breaks it off. */
const STRING = /[^\0-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)/y;
/** OSC, DCS, SOS, PM, APC. */
const STRING_OPENERS = new Set([0x5d, 0x50, 0x58, 0x5e, 0x5f]);
const ESCAPE = /[ -/]*[0-~]/y;

/**
 * The end of the sequence that begins at `at`.
 * @param {string} text
 * @param {number} at
 */
function sequenceEnd(text, at) {
  const first = text.charCodeAt(at);
  const escaped = first === 0x1b;
  const opener = escaped ? text.charCodeAt(at + 1) : first - 0x40;
  const body = at + (escaped ? 2 : 1);
  /** @type {RegExp | null} */
  let rest = null;
  if (opener === 0x5b) rest = CSI;
  else if (STRING_OPENERS.has(opener)) rest = STRING;
  if (rest) {
    rest.lastIndex = body;
    return rest.test(text) ? rest.lastIndex : at + 1;
  }
  if (!escaped) return at + 1;
  ESCAPE.lastIndex = at + 1;
  return ESCAPE.test(text) ? ESCAPE.lastIndex : at + 1;
}

/**
 * @param {string} line
 * @returns {Span[] | null}
 */
export function ansiSpans(line) {
  if (!CONTROL.test(line)) return null;
  /** @type {Span[]} */
  const spans = [];
  let style = PLAIN;
  let from = 0;
  const text = (/** @type {number} */ to) => {
    if (from < to) spans.push({ from, to, kind: "text", style });
  };
  for (let at = nextControl(line, 0); at < line.length; at = nextControl(line, at)) {
    const end = sequenceEnd(line, at);
    // A lone control is no sequence: it stays in the text, where it is drawn as a label.
    if (end === at + 1) {
      at = end;
      continue;
    }
    text(at);
    const next = line.charCodeAt(end - 1) === 0x6d ? applySgr(style, line, at, end) : null;
    if (next) style = next;
    spans.push({ from: at, to: end, kind: next ? "sgr" : "other", style });
    from = end;
    at = end;
  }
  text(line.length);
  return spans;
}

/** @param {string} line @param {number} from */
function nextControl(line, from) {
  let at = from;
  while (at < line.length) {
    const code = line.charCodeAt(at);
    if (code === 0x1b || (code >= 0x80 && code <= 0x9f)) break;
    at += 1;
  }
  return at;
}

/**
 * @param {Style} style
 * @param {string} line
 * @param {number} from
 * @param {number} to
 * @returns {Style | null} null when this is no SGR, or one beyond the bounds
 */
function applySgr(style, line, from, to) {
  const body = from + (line.charCodeAt(from) === 0x1b ? 2 : 1);
  if (to - from > MAX_SGR || (body - from === 2 && line.charAt(from + 1) !== "[")) return null;
  if (body - from === 1 && line.charCodeAt(from) !== 0x9b) return null;
  const parameters = line.slice(body, to - 1);
  if (!/^[\d;:]*$/.test(parameters)) return null;
  const groups = parameters.split(";");
  if (groups.length > MAX_PARAMETERS) return null;
  const next = { ...style };
  for (let i = 0; i < groups.length; i += 1) {
    const parts = /** @type {string} */ (groups[i]).split(":");
    const code = Number(parts[0]) || 0;
    if (code === 38 || code === 48 || code === 58) {
      const colon = parts.length > 1;
      const texts = colon ? parts.slice(1) : groups.slice(i + 1, i + 5);
      const values = texts.map((text) => Number(text) || 0);
      if (colon && values[0] === 2 && values.length > 4) values.splice(1, 1); // the colour space
      const colour = extendedColour(values);
      if (!colon) i += values[0] === 5 ? 2 : values[0] === 2 ? 4 : 0;
      if (colour >= 0 && code !== 58) next[code === 38 ? "fg" : "bg"] = colour;
    } else if (code === 0) {
      Object.assign(next, PLAIN);
    } else {
      simple(next, code, Number(parts[1] ?? 1));
    }
  }
  return next;
}

/** @param {number[]} values what follows 38 or 48 @returns {number} -1 when it is no colour */
function extendedColour([kind, a = 0, b = 0, c = 0]) {
  if (kind === 5 && a <= 255) return a;
  if (kind === 2 && a <= 255 && b <= 255 && c <= 255) return RGB + a * 65536 + b * 256 + c;
  return -1;
}

/** @param {Style} style @param {number} code @param {number} detail as in 4:3 */
function simple(style, code, detail) {
  if (code >= 30 && code <= 37) style.fg = code - 30;
  else if (code >= 90 && code <= 97) style.fg = code - 82;
  else if (code >= 40 && code <= 47) style.bg = code - 40;
  else if (code >= 100 && code <= 107) style.bg = code - 92;
  else if (code === 39) style.fg = -1;
  else if (code === 49) style.bg = -1;
  else if (code === 1) style.bold = true;
  else if (code === 2) style.dim = true;
  else if (code === 22) style.bold = style.dim = false;
  else if (code === 3 || code === 23) style.italic = code === 3;
  else if (code === 4 || code === 21) style.underline = detail !== 0;
  else if (code === 24) style.underline = false;
  else if (code === 7 || code === 27) style.inverse = code === 7;
  else if (code === 9 || code === 29) style.strike = code === 9;
}

/** @param {number} colour @param {Theme} theme @returns {number} RGB */
function resolve(colour, theme) {
  if (colour >= RGB) return colour - RGB;
  if (colour < 16) return /** @type {number} */ (PALETTE[theme][colour]);
  if (colour >= 232) return (8 + (colour - 232) * 10) * 0x10101;
  const level = (/** @type {number} */ n) => (n === 0 ? 0 : 55 + n * 40);
  const n = colour - 16;
  return level(Math.floor(n / 36)) * 65536 + level(Math.floor(n / 6) % 6) * 256 + level(n % 6);
}

/** @param {number} rgb */
const hex = (rgb) => `#${rgb.toString(16).padStart(6, "0")}`;

/** Relative luminance, WCAG 2.2. @param {number} rgb */
function luminance(rgb) {
  const linear = (/** @type {number} */ byte) => {
    const c = byte / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(rgb >> 16) + 0.7152 * linear((rgb >> 8) & 255) + 0.0722 * linear(rgb & 255);
}

/** @param {number} a @param {number} b */
function contrast(a, b) {
  const la = luminance(a);
  const lb = luminance(b);
  return (Math.max(la, lb) + 0.05) / (Math.min(la, lb) + 0.05);
}

/** @type {Map<number, number>} */
const adjusted = new Map();

/** @param {number} fg @param {number} bg */
function readable(fg, bg) {
  if (contrast(fg, bg) >= 4.5) return fg;
  const key = fg * RGB + bg;
  const known = adjusted.get(key);
  if (known !== undefined) return known;
  const goal = contrast(0xffffff, bg) > contrast(0, bg) ? 255 : 0;
  const mix = (/** @type {number} */ share) => {
    const channel = (/** @type {number} */ shift) => {
      const c = (fg >> shift) & 255;
      return Math.round(c + (goal - c) * share) << shift;
    };
    return channel(16) | channel(8) | channel(0);
  };
  let low = 0;
  let high = 1;
  for (let step = 0; step < 8; step += 1) {
    const mid = (low + high) / 2;
    if (contrast(mix(mid), bg) >= 4.5) high = mid;
    else low = mid;
  }
  if (adjusted.size >= 4096) adjusted.clear();
  const colour = mix(high);
  adjusted.set(key, colour);
  return colour;
}

/**
 * @param {Style} style
 * @param {Theme} theme
 * @returns {{cls: string, fg: string, bg: string}} `fg`, `bg`: "" or "#rrggbb" for `el.style`
 */
export function paint(style, theme) {
  const words = [];
  let { fg, bg } = style;
  if (style.bold) words.push("bold");
  if (style.italic) words.push("italic");
  if (style.underline) words.push("underline");
  if (style.strike) words.push("strike");
  if (fg < 0 && bg < 0 && !style.inverse) {
    if (style.dim) words.push("dim");
    return { cls: words.join(" "), fg: "", bg: "" };
  }
  if (bg < 0 && !style.inverse && fg < 16) {
    return { cls: words.join(" "), fg: hex(resolve(fg, theme)), bg: "" };
  }
  let front = fg < 0 ? TEXT[theme] : resolve(fg, theme);
  let ground = bg < 0 ? GROUND[theme] : resolve(bg, theme);
  if (style.inverse) [front, ground] = [ground, front];
  const own = bg >= 0 || style.inverse;
  return { cls: words.join(" "), fg: hex(readable(front, ground)), bg: own ? hex(ground) : "" };
}

/**
 * @param {string} text one or more lines
 * @returns {{text: string, removed: number}} `removed`: sequences and controls left out
 */
export function stripControls(text) {
  let out = "";
  let kept = 0;
  let removed = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code >= 0x20 ? code < 0x7f || code > 0x9f : code === 9 || code === 10) {
      at += 1;
      continue;
    }
    out += text.slice(kept, at);
    at = kept = sequenceEnd(text, at);
    removed += 1;
  }
  return { text: out + text.slice(kept), removed };
}

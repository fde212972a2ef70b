/**
 * The sources: as a tree by `/` in their names, flattened to the rows that are shown; and how busy
 * each is: counts of the last minute and hour, its rate, and what came unseen.
 *
 * @typedef {import("./protocol.js").SourceInfo} SourceInfo
 * @typedef {{kind: "folder" | "source", depth: number, name: string, path: string, open: boolean,
 *   source: SourceInfo | null, count: number, marks: [number, number][]}} TreeRow marks: parts of
 *   the name that match what was typed
 * @typedef {{lines: Float64Array, errors: Float64Array, bytes: Float64Array}} Bars
 * @typedef {{bars: Bars[], unseen: number, unseenErrors: number, unseenBytes: number,
 *   last: number, pause: number, since: number}} Pulse bars: of each of STEPS; last: ms
 *   of the last line; pause: its usual pause between lines in ms, smoothed
 */

import { bytes, duration, plural, rate } from "./words.js";

/**
 * @typedef {{name: string, path: string, folders: Map<string, Folder>, sources: SourceInfo[]}} Folder
 */

/** @param {string} name @param {string} path @returns {Folder} */
const folder = (name, path) => ({ name, path, folders: new Map(), sources: [] });

/**
 * @param {SourceInfo[]} sources
 * @param {string} typed substrings of the name in any order, separated by spaces
 * @param {Set<string>} closed paths of folders that are closed
 * @returns {TreeRow[]}
 */
export function rows(sources, typed, closed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const root = folder("", "");
  for (const source of sources) {
    const lower = source.name.toLowerCase();
    if (!words.every((word) => lower.includes(word))) continue;
    const parts = source.name.split("/").filter(Boolean);
    let at = root;
    for (const part of parts.slice(0, -1)) {
      const path = at.path ? `${at.path}/${part}` : part;
      let next = at.folders.get(part);
      if (!next) {
        next = folder(part, path);
        at.folders.set(part, next);
      }
      at = next;
    }
    at.sources.push(source);
  }
  /** @type {TreeRow[]} */
  const out = [];
  walk(root, 0, words, closed, out);
  return out;
}

/** @param {Folder} at @returns {number} */
function size(at) {
  let n = at.sources.length;
  for (const sub of at.folders.values()) n += size(sub);
  return n;
}

/** Made at first use, for that takes long. @type {Intl.Collator | undefined} */
let order;
/** @param {[string, unknown]} a @param {[string, unknown]} b */
const byName = ([a], [b]) => (order ??= new Intl.Collator("en", { numeric: true, sensitivity: "base" })).compare(a, b);

/**
 * @param {Folder} at @param {number} depth @param {string[]} words @param {Set<string>} closed
 * @param {TreeRow[]} out
 */
function walk(at, depth, words, closed, out) {
  /** @type {[string, Folder | SourceInfo][]} */
  const entries = [
    ...[...at.folders.entries()],
    ...at.sources.map((source) => /** @type {[string, SourceInfo]} */ ([last(source.name), source])),
  ];
  entries.sort(byName);
  for (const [name, entry] of entries) {
    if (!("folders" in entry)) {
      out.push({
        kind: "source", depth, name, path: entry.name, open: false, source: entry, count: 1,
        marks: matches(name, words),
      });
      continue;
    }
    // A folder with one folder in it, and nothing else, is one row: app/orders.
    let inner = entry;
    let shown = name;
    while (inner.sources.length === 0 && inner.folders.size === 1) {
      const [only] = inner.folders.values();
      inner = only;
      shown = `${shown}/${only.name}`;
    }
    const open = words.length > 0 || !closed.has(inner.path);
    out.push({
      kind: "folder", depth, name: shown, path: inner.path, open, source: null, count: size(inner),
      marks: matches(shown, words),
    });
    if (open) walk(inner, depth + 1, words, closed, out);
  }
}

/** @param {string} name */
const last = (name) => name.slice(name.lastIndexOf("/") + 1) || name;

/** @param {string} name @param {string[]} words @returns {[number, number][]} */
function matches(name, words) {
  const lower = name.toLowerCase();
  /** @type {[number, number][]} */
  const found = [];
  for (const word of words) {
    const at = lower.indexOf(word);
    if (at >= 0) found.push([at, at + word.length]);
  }
  found.sort((a, b) => a[0] - b[0]);
  /** @type {[number, number][]} */
  const merged = [];
  for (const [from, to] of found) {
    const before = merged[merged.length - 1];
    if (before && from <= before[1]) before[1] = Math.max(before[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** Bars of a sparkline, and the milliseconds in each: a minute in all, or an hour. */
export const BARS = 20;
const STEPS = [3000, 180_000];
const [STEP] = STEPS;

export class Activity {
  /** @param {number} now */
  constructor(now) {
    /** @type {Map<string, Pulse>} */
    this.pulses = new Map();
    this.slots = STEPS.map((step) => Math.floor(now / step));
    /** Which of STEPS is drawn: the hour, once the daemon has told of it. */
    this.scale = 0;
  }

  /** @param {string} source @returns {Pulse} */
  of(source) {
    let pulse = this.pulses.get(source);
    if (!pulse) {
      pulse = {
        bars: STEPS.map(() => ({ lines: new Float64Array(BARS), errors: new Float64Array(BARS), bytes: new Float64Array(BARS) })),
        unseen: 0, unseenErrors: 0, unseenBytes: 0, last: 0, pause: 0, since: 0,
      };
      this.pulses.set(source, pulse);
    }
    return pulse;
  }

  /** Moves the bars on. @param {number} now */
  tick(now) {
    STEPS.forEach((step, k) => {
      const slot = Math.floor(now / step);
      const steps = Math.min(BARS, slot - this.slots[k]);
      if (steps <= 0) return;
      this.slots[k] = slot;
      for (const { bars } of this.pulses.values()) {
        for (const some of Object.values(bars[k])) some.copyWithin(0, steps).fill(0, BARS - steps);
      }
    });
  }

  /**
   * The daemon told how much came in each of the last minutes, oldest first.
   * @param {Record<string, number[][]>} sources lines, warnings and errors @param {number} now
   */
  hour(sources, now) {
    this.tick(now);
    for (const [source, [lines, , errors]] of Object.entries(sources)) {
      const bars = this.of(source).bars[1];
      for (const [to, from] of [[bars.lines, lines], [bars.errors, errors]]) {
        to.fill(0);
        from.forEach((some, i) => { to[BARS - 1 - Math.floor((from.length - 1 - i) * 60_000 / STEPS[1])] += some; });
      }
    }
  }

  /**
   * Lines came.
   * @param {string} source @param {number} lines @param {number} errors
   * @param {number} now @param {boolean} seen whether the source is on screen @param {number} [bytes]
   */
  add(source, lines, errors, now, seen, bytes = 0) {
    if (lines <= 0) return;
    this.tick(now);
    const pulse = this.of(source);
    for (const bars of pulse.bars) {
      bars.lines[BARS - 1] += lines;
      bars.errors[BARS - 1] += errors;
      bars.bytes[BARS - 1] += bytes;
    }
    if (pulse.last) {
      const pause = (now - pulse.last) / lines;
      pulse.pause = pulse.pause ? pulse.pause * 0.9 + pause * 0.1 : pause;
    }
    pulse.last = now;
    if (!seen) {
      if (!pulse.unseen) pulse.since = now;
      pulse.unseen += lines;
      pulse.unseenErrors += errors;
      pulse.unseenBytes += bytes;
    }
  }

  /** Everything of this source has been seen. @param {string} source */
  saw(source) {
    const pulse = this.pulses.get(source);
    if (!pulse?.unseen) return;
    pulse.unseen = pulse.unseenErrors = pulse.unseenBytes = 0;
  }

  /** What is drawn of some sources: lines and errors of each bar. @param {string[]} names @returns {[number, number][]} */
  bars(names) {
    const all = names.flatMap((name) => this.pulses.get(name)?.bars[this.scale] ?? []);
    const sum = (/** @type {"lines" | "errors"} */ what, /** @type {number} */ i) => all.reduce((n, some) => n + some[what][i], 0);
    return Array.from({ length: all.length && BARS }, (_, i) => [sum("lines", i), sum("errors", i)]);
  }

  /** Lines a second, over the last bars that are complete. @param {string} source */
  rate(source) {
    const pulse = this.pulses.get(source);
    if (!pulse) return 0;
    let sum = 0;
    const { lines } = pulse.bars[0];
    for (let i = BARS - 5; i < BARS - 1; i++) sum += lines[i];
    const smooth = sum / (4 * (STEP / 1000));
    return smooth || lines[BARS - 1] / (STEP / 1000);
  }

  /**
   * Milliseconds for which a source has been unusually quiet; 0 when it is not.
   * @param {string} source @param {number} now
   */
  quiet(source, now) {
    const pulse = this.pulses.get(source);
    if (!pulse?.last) return 0;
    const silent = now - pulse.last;
    return silent > Math.max(60_000, 10 * pulse.pause) ? silent : 0;
  }

  /** How much comes of a source and when the last line did, in words; "" where nobody knows. @param {string} source @param {number} now */
  pace(source, now) {
    const pulse = this.pulses.get(source);
    if (!pulse?.last || this.quiet(source, now)) return "";
    const [perSecond, size] = [this.rate(source), pulse.bars[0].bytes.reduce((a, b) => a + b)];
    return [perSecond && rate(perSecond).replace("/", " lines/"), size && `${bytes(size)}/min`, `last line ${duration(now - pulse.last)} ago`].filter(Boolean).join(", ");
  }

  /** What came of a source in the last hour, in words; "" where nobody knows, or nothing. @param {string} source */
  told(source) {
    const bars = this.scale && this.pulses.get(source)?.bars[1];
    const [lines, errors] = bars ? [bars.lines, bars.errors].map((some) => some.reduce((a, b) => a + b)) : [0, 0];
    return lines ? `${plural(lines, "line")}${errors ? `, ${plural(errors, "error")}` : ""} in the last hour` : "";
  }

  /** Drops what is not in the list any more. @param {string[]} sources */
  forget(sources) {
    const keep = new Set(sources);
    for (const source of this.pulses.keys()) if (!keep.has(source)) this.pulses.delete(source);
  }
}

/**
 * Names as short as they can be and still differ: the last part, and more of the path where needed.
 * @param {string[]} names
 */
export function shortNames(names) {
  const last = names.map((name) => name.slice(name.lastIndexOf("/") + 1) || name);
  return last.map((label, k) => (last.some((other, j) => j !== k && other === label) ? names[k] : label));
}

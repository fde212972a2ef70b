/**
 * The map: the whole log by bytes on one scale, and what is drawn on it.
 *
 *   new MapScale(files, height)      files {name, size, first?}[] oldest first, as in `extent`
 *     .bytes                         size of the whole log
 *     .toPx(at)  .fraction(px)       monotone, clamped to the ends
 *     .frame(fromAt, toAt)           {top, height} of the visible part, 10 px at least
 *     .boundaries()                  {px, label}[]: where an older file ends, as ".1", ".2.gz"
 *     .fileAt(at)                    its name, "" without files
 *     .grow(bytes)                   the live file has grown
 *   bars(buckets, rows) -> {length, errors}[]   lines of an outline on `rows` bars: lengths from 0 to
 *                                    1, errors as a share of the length; length -1: not scanned
 *   ticks(ats, scale) -> px[]        places of hits or bookmarks, one per pixel, in order
 *   total(buckets) -> lines          about: large files are sampled
 *   timeLabels(points, scale, zone, space?) -> {px, text}[]    points {at, ms}[] known times
 */
import { clockShort, dayLabel } from "./words.js";

/** One bar for this many pixels. */
export const BAR = 4;
const MIN_FRAME = 10;

/** @typedef {{name: string, size: number, first?: number}} File */

export class MapScale {
  /**
   * @param {readonly File[]} files oldest first; sizes of compressed ones may be estimates
   * @param {number} height px
   */
  constructor(files, height) {
    this.height = Math.max(1, height);
    this.files = files.map(({ name, size }) => ({ name, size: size > 0 ? size : 0, start: 0 }));
    this.bytes = 0;
    for (const file of this.files) {
      file.start = this.bytes;
      this.bytes += file.size;
    }
  }

  /** @param {number} bytes that the live file has got since */
  grow(bytes) {
    const live = this.files[this.files.length - 1];
    if (!live || !(bytes > 0)) return;
    live.size += bytes;
    this.bytes += bytes;
  }

  /** @param {number} at byte place in the log */
  toPx(at) {
    if (!(this.bytes > 0)) return 0;
    return clamp((at / this.bytes) * this.height, 0, this.height);
  }

  /** @param {number} px @returns {number} from 0 to 1 */
  fraction(px) {
    return clamp(px / this.height, 0, 1);
  }

  /**
   * @param {number} fromAt
   * @param {number} toAt
   * @returns {{top: number, height: number}} whole within the map
   */
  frame(fromAt, toAt) {
    const from = this.toPx(Math.min(fromAt, toAt));
    const to = this.toPx(Math.max(fromAt, toAt));
    const height = Math.min(this.height, Math.max(MIN_FRAME, to - from));
    // A frame made taller than what it shows grows to both sides, and never leaves the map.
    const top = clamp((from + to - height) / 2, 0, this.height - height);
    return { top, height };
  }

  /** @param {number} at */
  fileAt(at) {
    return (this.files.findLast(({ start }) => start <= at) ?? this.files[0])?.name ?? "";
  }

  /** @returns {{px: number, label: string}[]} */
  boundaries() {
    const live = this.files[this.files.length - 1]?.name ?? "";
    return this.files.slice(0, -1)
      .filter(({ size }) => size > 0)
      .map(({ name, start, size }) => ({ px: this.toPx(start + size), label: suffix(name, live) }));
  }
}

/** @param {number} n @param {number} low @param {number} high */
function clamp(n, low, high) {
  return n > high ? high : n > low ? n : low; // NaN becomes the low end
}

/**
 * What the name of a rotated file has that the live one's has not: "access.log.2.gz" -> ".2.gz".
 * @param {string} name
 * @param {string} live
 */
export function suffix(name, live) {
  const base = name.slice(name.lastIndexOf("/") + 1);
  const stem = live.slice(live.lastIndexOf("/") + 1);
  const dot = stem.lastIndexOf(".");
  for (const front of [stem, dot > 0 ? stem.slice(0, dot) : stem]) {
    if (front !== "" && base.startsWith(front) && base !== front) return base.slice(front.length);
  }
  return base;
}

const emptyBar = () => ({ lines: 0, errors: 0, known: false });

/**
 * @param {readonly (readonly number[] | null)[]} buckets `[lines, errors?]` each, null: not scanned yet
 * @param {number} rows
 * @returns {{length: number, errors: number}[]}
 */
export function bars(buckets, rows) {
  const n = Math.max(0, Math.floor(rows));
  const sums = Array.from({ length: n }, emptyBar);
  if (n === 0) return [];
  // More bars than buckets repeat them; fewer add them up.
  const steps = Math.max(n, buckets.length);
  for (let step = 0; step < steps; step += 1) {
    const bucket = buckets[Math.floor((step * buckets.length) / steps)];
    const sum = sums[Math.floor((step * n) / steps)];
    if (!bucket || !sum) continue;
    sum.known = true;
    sum.lines += Math.max(0, bucket[0] ?? 0);
    sum.errors += Math.max(0, bucket[1] ?? 0);
  }
  const most = Math.max(1, ...sums.map(({ lines }) => lines));
  return sums.map(({ lines, errors, known }) => {
    if (!known) return { length: -1, errors: 0 };
    // One error among thousands of lines is what one looks for: it gets a visible part.
    const share = lines > 0 ? Math.min(1, errors / lines) : 0;
    return { length: Math.sqrt(lines / most), errors: errors > 0 ? Math.max(0.15, share) : 0 };
  });
}

/**
 * @param {Iterable<number>} ats
 * @param {MapScale} scale
 * @returns {number[]} whole pixels, ascending, each once
 */
export function ticks(ats, scale) {
  /** @type {Set<number>} */
  const rows = new Set();
  for (const at of ats) if (Number.isFinite(at)) rows.add(Math.round(scale.toPx(at)));
  return [...rows].sort((a, b) => a - b);
}

/**
 * Labels with room between them: the day where it changes, else the time.
 * @param {readonly {at: number, ms: number}[]} points ascending
 * @param {MapScale} scale
 * @param {string} zone
 * @param {number} [space] px between two labels
 * @returns {{px: number, text: string}[]}
 */
export function timeLabels(points, scale, zone, space = 72) {
  /** @type {{px: number, text: string}[]} */
  const labels = [];
  let day = "";
  let last = -Infinity;
  for (const { at, ms } of points) {
    if (!Number.isFinite(ms)) continue;
    const px = scale.toPx(at);
    if (px - last < space || px > scale.height - 12) continue;
    const today = dayLabel(ms, zone);
    labels.push({ px, text: today === day ? clockShort(ms, zone) : today });
    day = today;
    last = px;
  }
  return labels;
}

/** About how many lines an outline tells of: large files are sampled. @param {(number[] | null)[]} buckets */
export const total = (buckets) => buckets.reduce((sum, bucket) => sum + (bucket?.[0] ?? 0), 0);

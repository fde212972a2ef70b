/**
 * Where the lines of a block are in time, for putting several logs in order.
 *
 * @typedef {import("./block.js").Block} Block
 */

import { slice } from "./block.js";

/** How far back in time a line may be put, and a clock may go, ms. */
export const SETTLE = 2000;

/**
 * The times of a block's lines, computed once: a line without a time has that of the line before
 * it, and time never runs backwards within one log.
 * @param {Block} block
 * @param {(block: Block, i: number) => number} timeOf
 * @returns {Float64Array}
 */
export function timesOf(block, timeOf) {
  const known = cache.get(block);
  if (known && known.length === block.count) return known;
  const times = new Float64Array(block.count);
  let last = NaN;
  for (let i = 0; i < block.count; i++) {
    const t = timeOf(block, i);
    if (t === t && !(t < last)) last = t;
    else if (last - t > SETTLE) (block.late ??= new Map()).set(i, last - t);
    times[i] = last;
  }
  const first = times.find((t) => t === t) ?? (block.t || -Infinity);
  for (let i = 0; i < times.length && times[i] !== times[i]; i++) times[i] = first;
  cache.set(block, times);
  return times;
}

/**
 * Some lines of a block as one of their own, with the times that they had in it.
 * @param {Block} block @param {Float64Array} times @param {number} from @param {number} to exclusive
 */
export function cut(block, times, from, to) {
  const part = slice(block, from, to);
  cache.set(part, times.slice(from, to));
  return part;
}

/**
 * Two pages of a log, the lines of the second right behind those of the first, as what is before a
 * time and what is not: the daemon looks for a time among lines that may not be in its order.
 * @param {(Block | undefined)[]} pages @param {number} t @param {(block: Block, i: number) => number} timeOf
 * @returns {Block[][]}
 */
export function parted(pages, t, timeOf) {
  /** @type {Block[]} */
  const before = [];
  /** @type {Block[]} */
  const behind = [];
  pages.forEach((page, k) => {
    if (!page) return;
    const times = timesOf(page, timeOf);
    let i = behind.length ? 0 : times.findIndex((time) => time >= t);
    if (t !== t) i = k ? 0 : page.count;
    else if (i < 0) i = page.count;
    if (i > 0) before.push(i < page.count ? cut(page, times, 0, i) : page);
    if (i < page.count) behind.push(i > 0 ? cut(page, times, i, page.count) : page);
  });
  return [before, behind];
}

/**
 * The first lines of a block belong at a time or behind it, whatever they say themselves.
 * @param {Block} block @param {number} t @param {(block: Block, i: number) => number} timeOf
 */
export function notBefore(block, t, timeOf) {
  const times = timesOf(block, timeOf);
  let silent = true;
  for (let i = 0; i < block.count; i++) {
    const said = timeOf(block, i);
    if (said === said) silent = false;
    if (!silent && !(times[i] < t)) return;
    if (t - said > SETTLE) (block.late ??= new Map()).set(i, t - said);
    if (t === t) times[i] = t;
  }
}

/**
 * Merges blocks, each in order, into slices in the order of time. Lines of one log keep theirs.
 * @param {Block[]} parts @param {(block: Block, i: number) => number} timeOf
 * @returns {Block[]}
 */
export function merged(parts, timeOf) {
  /** @type {Map<string, Block[]>} */
  const queues = new Map();
  for (const part of parts) {
    const queue = queues.get(part.source) ?? [];
    queue.push(part);
    queues.set(part.source, queue);
  }
  const heads = [...queues.values()].map((queue) => ({ queue, k: 0, i: 0 }));
  /** @type {Block[]} */
  const out = [];
  for (;;) {
    let best = null;
    let bestTime = Infinity;
    let second = Infinity;
    for (const head of heads) {
      if (head.k >= head.queue.length) continue;
      const t = timesOf(head.queue[head.k], timeOf)[head.i];
      if (best === null || t < bestTime) {
        second = bestTime;
        best = head;
        bestTime = t;
      } else if (t < second) {
        second = t;
      }
    }
    if (!best) return out;
    const block = best.queue[best.k];
    const times = timesOf(block, timeOf);
    let to = best.i + 1;
    while (to < block.count && times[to] <= second) to++;
    out.push(best.i === 0 && to === block.count ? block : cut(block, times, best.i, to));
    best.i = to;
    if (to === block.count) {
      best.k++;
      best.i = 0;
    }
  }
}

/** @type {WeakMap<Block, Float64Array>} */
const cache = new WeakMap();

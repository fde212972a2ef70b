/**
 * Several logs in one window, in the order of their times.
 *
 * Live lines are placed by time, but only below what the user has before his eyes, or, while
 * following, within the last two seconds; what comes later than that is placed on arrival and
 * marked as late. Where more come than can be put in order, they stand as they come. Backwards, a line is placed only when every log is loaded to before its time (the
 * watermark), so that nothing is ever inserted between rows already read. Lines that wait for the
 * watermark stay in a buffer of their log.
 *
 * @typedef {import("./stretch.js").Host} Host
 * @typedef {import("./pager.js").Edge} Edge
 * @typedef {import("./block.js").Ref} Ref
 * @typedef {import("./block.js").Block} Block
 */

import { cut, merged, notBefore, parted, SETTLE, timesOf } from "./order.js";

/** Lines a second beyond which they are not put in order. */
const FASTEST = 20_000;

export class Weave {
  /**
   * @param {import("./blocks.js").Blocks} blocks
   * @param {Pick<Host, "following" | "timeOf" | "floor" | "now">} host
   */
  constructor(blocks, host) {
    this.blocks = blocks;
    this.host = host;
    /** Lines above the window that wait for the watermark, oldest first. @type {Map<string, Block[]>} */
    this.back = new Map();
    /** The same below the window. @type {Map<string, Block[]>} */
    this.ahead = new Map();
    /** The latest time of a line. */
    this.newest = -Infinity;
    /** Whether lines come too fast; and how many have come, since when. */
    this.hurried = false;
    this.came = 0;
    this.since = 0;
  }

  clear() {
    this.newest = -Infinity;
    this.back.clear();
    this.ahead.clear();
  }

  /** Whether this log has lines that wait for the others, above the window or below it. @param {string} source @param {boolean} down */
  waits(source, down) {
    return (down ? this.ahead : this.back).has(source);
  }

  /**
   * The nearest line that waits for the others, above the window or below it.
   * @param {string} source @param {boolean} down @param {(line: string) => boolean} matches
   */
  nearest(source, down, matches) {
    const blocks = (down ? this.ahead : this.back).get(source) ?? [];
    for (const block of down ? blocks : [...blocks].reverse()) {
      const lines = Array.from({ length: block.count }, (_, i) => matches(block.line(i)));
      const i = down ? lines.indexOf(true) : lines.lastIndexOf(true);
      if (i >= 0) return { source, cursor: block.start, skip: block.skip + i, time: timesOf(block, this.host.timeOf)[i] };
    }
    return null;
  }

  /**
   * Places one live block.
   * @param {Block} block
   * @returns {void}
   */
  arrive(block) {
    const passed = this.host.now() - this.since;
    if (passed >= 1000) {
      this.hurried = this.came * 1000 > FASTEST * passed;
      this.since += passed;
      this.came = 0;
    }
    this.came += block.count;
    if (this.hurried) return this.blocks.append(block);
    const times = timesOf(block, this.host.timeOf);
    const { blocks } = this;
    // What was there before the first live line counts too.
    this.newest = Math.max(this.newest, this.orderAt(blocks.end - 1));
    const floor = this.host.following() ? blocks.first : Math.min(blocks.end, this.host.floor());
    const limit = this.host.following() ? this.newest - SETTLE : -Infinity;
    // Lines with the same place go in together, and each behind those of its log that are there.
    for (let from = 0, to = 0; from < block.count; from = to) {
      const place = this.#place(block.source, times[from], floor, limit);
      for (to = from + 1; to < block.count; to++) {
        if (this.#place(block.source, times[to], floor, limit) !== place) break;
      }
      const part = from === 0 && to === block.count ? block : cut(block, times, from, to);
      const before = place === blocks.end ? this.newest : this.orderAt(place - 1);
      for (let i = 0; i < part.count; i++) {
        const late = before - times[from + i];
        if (late > 0) (part.late ??= new Map()).set(i, late);
      }
      blocks.insert(place, part);
    }
    this.newest = Math.max(this.newest, times[times.length - 1]);
    return undefined;
  }

  /**
   * The ordinal before which a line of time `t` belongs; never before a line of its own log, whose
   * order is the file's whatever its clock says.
   * @param {string} source @param {number} t @param {number} floor @param {number} limit
   */
  #place(source, t, floor, limit) {
    let place = this.blocks.end;
    if (t < limit) return place;
    for (let ord = place; ord > floor; ord--) {
      const above = this.blocks.at(ord - 1);
      if (!above || above.block.source === source) break;
      // What came too late stands where it came: it says nothing about the order around it.
      if (above.block.rule || above.block.late?.has(above.i)) continue;
      if (!(timesOf(above.block, this.host.timeOf)[above.i] > t)) break;
      place = ord - 1;
    }
    return place;
  }

  /**
   * Where a row is in time, among the other logs: that of the nearest one, upwards from `ord`, that
   * did not come too late itself. -Infinity where there is none.
   * @param {number} ord @returns {number}
   */
  orderAt(ord) {
    for (let at = ord; ; at--) {
      const ref = this.blocks.at(at);
      if (!ref) return -Infinity;
      if (ref.block.rule || ref.block.late?.has(ref.i)) continue;
      return timesOf(ref.block, this.host.timeOf)[ref.i];
    }
  }

  /**
   * A page of one log above the window.
   * @param {Block} block
   * @param {Map<string, Edge>} edges
   */
  above(block, edges) {
    if (block.count) {
      const waiting = this.back.get(block.source) ?? [];
      waiting.unshift(block);
      this.back.set(block.source, waiting);
    }
    this.placeAbove(edges);
  }

  /** Places what the watermark allows. @param {Map<string, Edge>} edges */
  placeAbove(edges) {
    let watermark = -Infinity;
    for (const [source, edge] of edges) {
      if (!edge.above) continue;
      const oldest = this.back.get(source)?.[0] ?? this.blocks.list.find((one) => one.source === source && !one.rule);
      watermark = Math.max(watermark, oldest ? timesOf(oldest, this.host.timeOf)[0] : Infinity);
    }
    /** @type {Block[]} */
    const ready = [];
    for (const [source, waiting] of this.back) {
      while (waiting.length) {
        const last = waiting[waiting.length - 1];
        const times = timesOf(last, this.host.timeOf);
        let from = last.count;
        while (from > 0 && times[from - 1] >= watermark) from--;
        if (from === last.count) break;
        waiting.pop();
        ready.push(from ? cut(last, times, from, last.count) : last);
        if (from) {
          waiting.push(cut(last, times, 0, from));
          break;
        }
      }
      if (!waiting.length) this.back.delete(source);
    }
    for (const part of merged(ready.reverse(), this.host.timeOf).reverse()) this.blocks.prepend(part);
  }

  /**
   * A page of one log below the window.
   * @param {Block} block
   * @param {Map<string, Edge>} edges
   * @param {Set<string>} atEnd logs of which nothing more is below
   */
  below(block, edges, atEnd) {
    if (block.count) {
      const waiting = this.ahead.get(block.source) ?? [];
      waiting.push(block);
      this.ahead.set(block.source, waiting);
    }
    this.placeBelow(edges, atEnd);
  }

  /** @param {Map<string, Edge>} edges @param {Set<string>} atEnd */
  placeBelow(edges, atEnd) {
    let watermark = Infinity;
    for (const source of edges.keys()) {
      if (atEnd.has(source)) continue;
      const waiting = this.ahead.get(source);
      const newest = waiting?.[waiting.length - 1] ?? this.blocks.list.findLast((one) => one.source === source && !one.rule);
      const t = newest ? timesOf(newest, this.host.timeOf)[newest.count - 1] : -Infinity;
      watermark = Math.min(watermark, t);
    }
    /** @type {Block[]} */
    const ready = [];
    for (const [source, waiting] of this.ahead) {
      while (waiting.length) {
        const first = waiting[0];
        const times = timesOf(first, this.host.timeOf);
        let to = 0;
        while (to < first.count && times[to] <= watermark) to++;
        if (to === 0) break;
        waiting.shift();
        ready.push(to < first.count ? cut(first, times, 0, to) : first);
        if (to < first.count) {
          waiting.unshift(cut(first, times, to, first.count));
          break;
        }
      }
      if (!waiting.length) this.ahead.delete(source);
    }
    for (const part of merged(ready, this.host.timeOf)) this.blocks.append(part);
  }

  /**
   * The first rows of a new window: all pages, placed as far as the watermarks allow.
   * @param {Map<string, {above?: Block, below?: Block}>} pages
   * @param {Map<string, Edge>} edges
   * @param {Set<string>} atEnd
   * @param {{source: string, time: number}} at whose line was asked for, "" for nobody's, and where
   *   it is in time, NaN when that is not known
   * @returns {Ref | null} that line, or the one nearest to it
   */
  open(pages, edges, atEnd, at) {
    const { timeOf } = this.host;
    /** @type {Block[]} */
    const lower = [];
    for (const [source, { above, below }] of pages) {
      let parts = [above ? [above] : [], below ? [below] : []];
      if (source !== at.source) parts = parted([above, below], at.time, timeOf);
      else if (below) notBefore(below, at.time, timeOf);
      const [upper, behind] = parts.map((blocks) => blocks.filter((block) => block.count));
      if (upper.length) this.back.set(source, upper);
      // The line that was asked for goes before all others of its time.
      if (behind.length) (source === at.source ? lower.unshift(...behind) : lower.push(...behind));
    }
    for (const block of lower) this.ahead.set(block.source, [...(this.ahead.get(block.source) ?? []), block]);
    this.placeBelow(edges, atEnd);
    const first = this.blocks.at(this.blocks.first);
    this.placeAbove(edges);
    return first ?? this.blocks.at(this.blocks.end - 1);
  }

  /**
   * Takes back what the bounds dropped, so that the log's edge stays a true cursor: parts of a message
   * whose other part is still held wait here.
   * @param {Block[]} dropped from the edge on
   * @param {Map<string, Edge>} edges
   * @param {boolean} down whether they were below
   */
  dropped(dropped, edges, down) {
    const pool = down ? this.ahead : this.back;
    for (const block of dropped) {
      const edge = edges.get(block.source);
      if (!edge || block.rule) continue;
      if (block.part && !(down ? block.part.first : block.part.last)) {
        const whole = cut(block, timesOf(block, this.host.timeOf), 0, block.count);
        const waiting = pool.get(block.source) ?? [];
        pool.set(block.source, down ? [whole, ...waiting] : [...waiting, whole]);
      } else {
        pool.delete(block.source);
        Object.assign(edge, down ? { bottom: block.start } : { top: block.end, above: true });
      }
    }
  }
}

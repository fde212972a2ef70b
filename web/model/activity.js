/**
 * How busy each source is: counts of the last minute and hour, its rate, and what came unseen.
 *
 * @typedef {{lines: Float64Array, errors: Float64Array}} Bars
 * @typedef {{bars: Bars[], unseen: number, unseenErrors: number,
 *   last: number, bytes: number, pause: number, since: number}} Pulse bars: of each of STEPS; last: ms
 *   of the last line; pause: its usual pause between lines in ms, smoothed
 */
import { plural } from "./words.js";

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
    /** Counts changes, for whoever draws. */
    this.version = 0;
  }

  /** @param {string} source @returns {Pulse} */
  of(source) {
    let pulse = this.pulses.get(source);
    if (!pulse) {
      pulse = {
        bars: STEPS.map(() => ({ lines: new Float64Array(BARS), errors: new Float64Array(BARS) })),
        unseen: 0, unseenErrors: 0, last: 0, bytes: 0, pause: 0, since: 0,
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
      this.version++;
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
    this.version++;
  }

  /**
   * Lines came.
   * @param {string} source @param {number} lines @param {number} bytes @param {number} errors
   * @param {number} now @param {boolean} seen whether the source is on screen
   */
  add(source, lines, bytes, errors, now, seen) {
    if (lines <= 0) return;
    this.tick(now);
    const pulse = this.of(source);
    for (const bars of pulse.bars) {
      bars.lines[BARS - 1] += lines;
      bars.errors[BARS - 1] += errors;
    }
    pulse.bytes += bytes;
    if (pulse.last) {
      const pause = (now - pulse.last) / lines;
      pulse.pause = pulse.pause ? pulse.pause * 0.9 + pause * 0.1 : pause;
    }
    pulse.last = now;
    if (!seen) {
      if (!pulse.unseen) pulse.since = now;
      pulse.unseen += lines;
      pulse.unseenErrors += errors;
    }
    this.version++;
  }

  /** Everything of this source has been seen. @param {string} source */
  saw(source) {
    const pulse = this.pulses.get(source);
    if (!pulse?.unseen) return;
    pulse.unseen = pulse.unseenErrors = 0;
    this.version++;
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

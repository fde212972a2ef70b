/**
 * How busy each source is: a minute of counts, its rate, and what came unseen.
 *
 * @typedef {{lines: Float64Array, errors: Float64Array, unseen: number, unseenErrors: number,
 *   last: number, bytes: number, pause: number, since: number}} Pulse last: ms of the last line;
 *   pause: its usual pause between lines in ms, smoothed
 */

/** Bars of a sparkline, and seconds in each. */
export const BARS = 20;
const STEP = 3000;

export class Activity {
  /** @param {number} now */
  constructor(now) {
    /** @type {Map<string, Pulse>} */
    this.pulses = new Map();
    this.slot = Math.floor(now / STEP);
    /** Counts changes, for whoever draws. */
    this.version = 0;
  }

  /** @param {string} source @returns {Pulse} */
  of(source) {
    let pulse = this.pulses.get(source);
    if (!pulse) {
      pulse = {
        lines: new Float64Array(BARS), errors: new Float64Array(BARS), unseen: 0, unseenErrors: 0,
        last: 0, bytes: 0, pause: 0, since: 0,
      };
      this.pulses.set(source, pulse);
    }
    return pulse;
  }

  /** Moves the bars on. @param {number} now */
  tick(now) {
    const slot = Math.floor(now / STEP);
    const steps = Math.min(BARS, slot - this.slot);
    if (steps <= 0) return;
    this.slot = slot;
    this.version++;
    for (const { lines, errors } of this.pulses.values()) {
      lines.copyWithin(0, steps);
      lines.fill(0, BARS - steps);
      errors.copyWithin(0, steps);
      errors.fill(0, BARS - steps);
    }
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
    pulse.lines[BARS - 1] += lines;
    pulse.errors[BARS - 1] += errors;
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
    for (let i = BARS - 5; i < BARS - 1; i++) sum += pulse.lines[i];
    const smooth = sum / (4 * (STEP / 1000));
    return smooth || pulse.lines[BARS - 1] / (STEP / 1000);
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

  /** Drops what is not in the list any more. @param {string[]} sources */
  forget(sources) {
    const keep = new Set(sources);
    for (const source of this.pulses.keys()) if (!keep.has(source)) this.pulses.delete(source);
  }
}

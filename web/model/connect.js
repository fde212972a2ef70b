/**
 * One connection's life: when to try again, how to name its state, how far behind it is.
 *
 * @typedef {"connecting" | "live" | "waiting" | "offline" | "stopped" | "signed-out" | "refused"}
 *   Phase
 * @typedef {{phase: Phase, tries: number, at: number, reason: string}} State at: ms of the next
 *   try while waiting
 * @typedef {{type: "open"} | {type: "closed", code: number, reason: string, now: number,
 *   random: number} | {type: "try"} | {type: "offline"} | {type: "signed-out"}} Event
 */

import { CLOSE } from "./protocol.js";

const FIRST = 500;
const LONGEST = 15_000;
const SPREAD = 0.3;

/** @returns {State} */
export function start() {
  return { phase: "connecting", tries: 0, at: 0, reason: "" };
}

/**
 * Milliseconds before try number `tries` (from 1): 0.5 s, doubled up to 15 s, and 30 % of chance so
 * that the browsers of a whole team do not come back in the same instant.
 * @param {number} tries
 * @param {number} random 0 to 1
 */
export function backOff(tries, random) {
  const plain = Math.min(LONGEST, FIRST * 2 ** Math.min(10, tries - 1));
  return Math.round(plain * (1 - SPREAD + 2 * SPREAD * random));
}

/**
 * @param {State} state
 * @param {Event} event
 * @returns {State}
 */
export function update(state, event) {
  switch (event.type) {
    case "open":
      return { phase: "live", tries: 0, at: 0, reason: "" };
    case "try":
      return { ...state, phase: "connecting" };
    case "offline":
      return { ...state, phase: "offline" };
    case "signed-out":
      return { ...state, phase: "signed-out" };
    case "closed": {
      if (state.phase === "signed-out") return state;
      const tries = state.tries + 1;
      const at = event.now + backOff(tries, event.random);
      const phase = PHASES[event.code] ?? "waiting";
      return { phase: phase, tries, at, reason: event.reason };
    }
  }
}

/** @type {Record<number, Phase>} */
const PHASES = {
  [CLOSE.GOING_AWAY]: "stopped",
  [CLOSE.POLICY]: "refused",
  [CLOSE.TRY_AGAIN]: "refused",
};

/**
 * The time from the daemon's read to the paint, with the clocks' difference taken out: the smallest
 * difference ever seen is taken for the offset, for a message cannot arrive before it was sent.
 */
export class Lag {
  constructor() {
    this.offset = Infinity;
    this.ms = 0;
  }

  /** @param {number} t the daemon's clock @param {number} now the page's clock, both in ms */
  add(t, now) {
    const difference = now - t;
    if (difference < this.offset) this.offset = difference;
    // Clocks drift: let the offset rise slowly, so that one early message does not count for ever.
    else this.offset += Math.min(1, (difference - this.offset) * 0.0001);
    const ms = difference - Math.min(this.offset, Math.max(0, difference));
    this.ms = ms;
    return ms;
  }
}

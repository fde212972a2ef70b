/**
 * What page and daemon say to each other, subprotocol `tailws.v1`, and the life of a connection.
 *
 * A message of the daemon is one line of JSON, the head, and, where there is a body, a newline and
 * the raw log lines. Commands of the page are one JSON object. This module reads heads, splits
 * bodies into line starts, and knows the shape of each message; it sends nothing. Of a connection it
 * knows how its state is named, when to try again, and how far behind it is.
 *
 * @typedef {string} Cursor an opaque place between two lines of one source; never looked into
 * @typedef {{name: string, state: string, detail?: string, path?: string, size?: number,
 *   modified?: number, zone?: string}} SourceInfo
 * @typedef {{pattern?: string, ignore_case?: boolean, word?: boolean, fixed?: boolean,
 *   level?: string, where?: string}} Term one condition on a line; a text is a pattern
 * @typedef {{include?: (string | Term)[], exclude?: (string | Term)[]}} Filter
 * @typedef {{type: "hello", version?: string, host?: string, title?: string, zone?: string,
 *   now?: number, sources: SourceInfo[], features?: string[],
 *   views?: {name: string, address: string}[]}} Hello
 * @typedef {{type: "sources", sources: SourceInfo[]}} Sources
 * @typedef {{type: "subscribed", source: string, cursor: Cursor, id?: number, at?: number}}
 *   Subscribed
 * @typedef {{type: "unsubscribed", source: string, id?: number}} Unsubscribed
 * @typedef {{type: "lines", source: string, start: Cursor, end: Cursor, t?: number, at?: number,
 *   number?: number, hidden?: number}} Lines
 * @typedef {{type: "history", source: string, start: Cursor, end: Cursor, more: boolean,
 *   id?: number, at?: number, number?: number, hidden?: number, file?: string, time?: number,
 *   left?: number, left_lines?: number}} History
 * @typedef {{type: "gap", source: string, bytes: number | null, reason: string, start?: Cursor,
 *   end?: Cursor, t?: number}} Gap
 * @typedef {{type: "event", source: string, event: string, file?: string, detail?: string,
 *   t?: number}} Event
 * @typedef {{type: "error", code: string, message: string, source?: string, id?: number}} Failure
 * @typedef {{type: "located", source: string, cursor: Cursor | null, exact?: boolean, id?: number,
 *   at?: number, number?: number, time?: number, oldest?: Cursor}} Located
 * @typedef {{type: "found", id: number, source: string,
 *   hits: {cursor: Cursor, skip?: number, at?: number}[], scanned: number, of: number,
 *   file?: string, count?: number, done?: boolean}} Found
 * @typedef {{type: "match", source: string, cursor: Cursor, count: number, id?: number,
 *   rule?: string, t?: number}} Match
 * @typedef {{type: "activity", sources: Record<string, number[]>, t?: number}} Activity
 * @typedef {{type: "rates", minutes: number, sources: Record<string, number[][]>, t?: number}} Rates
 * @typedef {{type: "extent", source: string, id?: number,
 *   files: {name: string, size: number, exact?: boolean, first?: number, start?: Cursor}[]}} Extent
 * @typedef {{type: "outline", source: string, id?: number, buckets: (number[] | null)[],
 *   scanned: number, of: number, done?: boolean}} Outline
 * @typedef {{type: "behind", source: string, bytes: number}} Behind
 * @typedef {{type: "pong", t: number, id?: number}} Pong
 * @typedef {Hello | Sources | Subscribed | Unsubscribed | Lines | History | Gap | Event | Failure
 *   | Located | Found | Match | Activity | Rates | Extent | Outline | Behind | Pong} Head
 * @typedef {"connecting" | "live" | "waiting" | "offline" | "stopped" | "signed-out" | "refused"}
 *   Phase
 * @typedef {{phase: Phase, tries: number, at: number, reason: string}} LinkState at: ms of the next
 *   try while waiting
 * @typedef {{type: "open"} | {type: "closed", code: number, reason: string, now: number,
 *   random: number} | {type: "try"} | {type: "offline"} | {type: "signed-out"}} LinkEvent
 */

export const SUBPROTOCOL = "tailws.v1";

/**
 * Reads one message. Returns null for what is not a message of this protocol: a client ignores
 * what it does not know.
 * @param {string} data
 * @returns {{head: Head, body: string | null} | null} body is null where the message has none
 */
export function read(data) {
  const newline = data.indexOf("\n");
  let head;
  try {
    head = JSON.parse(newline < 0 ? data : data.slice(0, newline));
  } catch {
    return null;
  }
  if (head === null || typeof head !== "object" || typeof head.type !== "string") return null;
  return { head, body: newline < 0 ? null : data.slice(newline + 1) };
}

/**
 * The start of every line in a body. A null body has no line; an empty one has one empty line.
 * @param {string | null} body
 * @returns {Uint32Array}
 */
export function lineStarts(body) {
  if (body === null) return new Uint32Array(0);
  let starts = new Uint32Array(Math.max(8, body.length >> 6));
  let count = 0;
  for (let from = 0; ; ) {
    if (count === starts.length) {
      const wider = new Uint32Array(count * 2);
      wider.set(starts);
      starts = wider;
    }
    starts[count++] = from;
    const newline = body.indexOf("\n", from);
    if (newline < 0) return starts.slice(0, count);
    from = newline + 1;
  }
}

/**
 * A filter as the keys of a command: a stack trace is shown or hidden with its head. One pattern goes
 * as it is, for a daemon that takes no lists.
 * @param {Filter} filter
 * @returns {{include?: unknown, exclude?: unknown, records?: boolean}}
 */
export function filterKeys(filter) {
  /** @type {{include?: unknown, exclude?: unknown, records?: boolean}} */
  const keys = {};
  for (const key of /** @type {const} */ (["include", "exclude"])) {
    const terms = filter[key];
    if (!terms?.length) continue;
    keys[key] = terms.length === 1 ? terms[0] : terms;
    keys.records = true;
  }
  return keys;
}

const FIRST = 500;
const LONGEST = 15_000;
const SPREAD = 0.3;

/** @returns {LinkState} */
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
 * @param {LinkState} state
 * @param {LinkEvent} event
 * @returns {LinkState}
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

/** Close codes: going away, policy (RFC 6455, section 7.4.1), try again later. @type {Record<number, Phase>} */
const PHASES = { 1001: "stopped", 1008: "refused", 1013: "refused" };

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

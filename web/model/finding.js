/**
 * What the daemon has found in whole logs, and what was looked for before.
 *
 *   new Finding(...ids)       of several logs a search each; hits are kept of the first
 *     .found(head)            a `found` message; ignored when it is for another search
 *     .end(id?)               no more is to come of this search, or of any
 *     .live(count)            hits among new lines of the log: "+3 new"
 *     .nearest(at) -> place of the hit next to one
 *     .position(at) -> rank from the newest, 1 and more, or 0 when no hit is there
 *     .hits  .count  .done  .fresh
 *     .label(at) -> "14 of 1,208 so far"       .progress() -> "62 %, now in .2.gz" or ""
 *   new Terms()  .add(text)  .older() / .newer() -> text or null     the last 20, in memory only
 *
 * Hits are kept newest first, as they come. The count goes on beyond the bound of what is kept.
 */

import { count, percent, plural } from "./words.js";

/** What is kept for n and N and the ticks of the map; further ones are counted. */
const MAX_HITS = 50_000;
const MAX_TERMS = 20;

/** @typedef {{cursor: string, skip: number, at: number}} Hit */
/** @typedef {import("./protocol.js").Found} Found */

export class Finding {
  /** Newest first. @type {Hit[]} */ hits = [];
  /** Hits among lines that came after the search began. */
  fresh = 0;

  /** @param {...(string | number)} ids */
  constructor(...ids) {
    this.ids = ids;
    /** What each search has told. @type {Map<string | number, {count: number, scanned: number, of: number, file: string, done: boolean}>} */
    this.parts = new Map(ids.map((id) => [id, { count: 0, scanned: 0, of: 0, file: "", done: false }]));
  }

  /** @param {Omit<Found, "id" | "type"> & {id: string | number}} head @returns {boolean} */
  found(head) {
    const part = this.parts.get(head.id);
    if (!part) return false;
    const kept = head.id === this.ids[0] ? head.hits : [];
    for (const { cursor, skip = 0, at = NaN } of kept) {
      if (this.hits.length >= MAX_HITS) break;
      this.#insert({ cursor, skip, at });
    }
    const { scanned, of, done = false } = head;
    const count = head.count ?? (kept === head.hits ? this.hits.length : part.count + head.hits.length);
    Object.assign(part, { scanned, of, done, count: Math.max(part.count, count), file: head.file ?? part.file });
    return true;
  }

  /** @param {string | number} [id] */
  end(id) {
    for (const [its, part] of this.parts) if (id === undefined || id === its) part.done = true;
  }

  get count() {
    return this.#all.reduce((sum, part) => sum + part.count, 0);
  }

  get done() {
    return this.#all.every((part) => part.done);
  }

  get #all() {
    return [...this.parts.values()];
  }

  /** Nearly always at the end: the daemon goes from the newest to the oldest. @param {Hit} hit */
  #insert(hit) {
    const last = this.hits[this.hits.length - 1];
    if (!last || !(hit.at > last.at)) {
      if (last && hit.at === last.at) return; // told twice
      this.hits.push(hit);
      return;
    }
    const i = this.#newerThan(hit.at);
    if (this.hits[i]?.at !== hit.at) this.hits.splice(i, 0, hit);
  }

  /** How many hits are behind a place, nearer to the end of the log. @param {number} at */
  #newerThan(at) {
    let low = 0;
    let high = this.hits.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (/** @type {Hit} */ (this.hits[mid]).at > at) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** @param {number} hits */
  live(hits) {
    this.fresh += hits;
  }

  /** The place of the hit nearest to one: of a line whose own is not known to the byte. @param {number} at */
  nearest(at) {
    const i = this.#newerThan(at);
    const [a = NaN, b = NaN] = [this.hits[i - 1]?.at, this.hits[i]?.at];
    return b !== b || a - at < at - b ? a : b;
  }

  /** @param {number} at */
  position(at) {
    const i = this.#newerThan(at);
    return this.hits[i]?.at === at ? i + 1 : 0;
  }

  /** @param {number} [at] of the current hit */
  label(at = NaN) {
    const fresh = this.fresh > 0 ? `, +${count(this.fresh)} new` : "";
    if (this.count === 0) return `${this.done ? "No hits" : "Nothing yet"}${fresh}`;
    const position = this.position(at);
    const all = this.cut ? `${count(this.count)} hits and more` : this.done ? plural(this.count, "hit") : `${count(this.count)} so far`;
    const total = position > 0 ? `${count(position)} of ${this.done && !this.cut ? count(this.count) : all}` : all;
    return `${total}${fresh}`;
  }

  /** Whether it ended before the end of a log. */
  get cut() { return this.done && this.#all.some(({ count, scanned, of }) => count > 0 && scanned < of); }

  /** From 0 to 1. */
  get share() {
    const shares = this.#all.map(({ done, scanned, of }) => (done ? 1 : of > 0 ? Math.min(1, scanned / of) : 0));
    return shares.reduce((sum, share) => sum + share, 0) / shares.length;
  }

  progress() {
    if (this.done) return "";
    const { file } = this.#all.find((part) => !part.done) ?? { file: "" };
    return file ? `${percent(this.share)}, now in ${file}` : percent(this.share);
  }
}

/** The last terms, most recent first. Never written to disk: what one looks for may be a secret. */
export class Terms {
  /** @type {string[]} */ #terms = [];
  #at = -1;

  /** @param {string} text */
  add(text) {
    this.#at = -1;
    if (text === "") return;
    this.#terms = [text, ...this.#terms.filter((term) => term !== text)].slice(0, MAX_TERMS);
  }

  /** @returns {string | null} */
  older() {
    this.#at = Math.min(this.#at + 1, this.#terms.length - 1);
    return this.#terms[this.#at] ?? null;
  }

  /** @returns {string | null} */
  newer() {
    this.#at = Math.max(this.#at - 1, -1);
    return this.#terms[this.#at] ?? null;
  }
}

/**
 * Find in the whole log: what the daemon has found so far, and where one is among the hits.
 *
 *   new Finding(id)
 *     .found(head)            a `found` message; ignored when it is for another search
 *     .live(count)            hits among new lines of the log: "+3 new"
 *     .position(at) -> rank from the newest, 1 and more, or 0 when no hit is there
 *     .hits  .count  .scanned  .of  .file  .done  .fresh
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
  count = 0;
  scanned = 0;
  of = 0;
  file = "";
  done = false;
  /** Hits among lines that came after the search began. */
  fresh = 0;

  /** @param {string | number} id */
  constructor(id) {
    this.id = id;
  }

  /** @param {Omit<Found, "id" | "type"> & {id: string | number}} head @returns {boolean} */
  found(head) {
    if (head.id !== this.id) return false;
    for (const { cursor, skip = 0, at = NaN } of head.hits) {
      if (this.hits.length >= MAX_HITS) break;
      this.#insert({ cursor, skip, at });
    }
    this.count = Math.max(this.count, head.count ?? this.hits.length);
    this.scanned = head.scanned;
    this.of = head.of;
    this.file = head.file ?? this.file;
    this.done = head.done ?? false;
    return true;
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
    const all = this.done ? plural(this.count, "hit") : `${count(this.count)} so far`;
    const total = position > 0 ? `${count(position)} of ${this.done ? count(this.count) : all}` : all;
    return `${total}${fresh}`;
  }

  /** From 0 to 1. */
  get share() {
    return this.done ? 1 : this.of > 0 ? Math.min(1, this.scanned / this.of) : 0;
  }

  progress() {
    if (this.done) return "";
    return this.file ? `${percent(this.share)}, now in ${this.file}` : percent(this.share);
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

/**
 * What a screen reader hears: seldom enough to be of use, whatever the log does.
 *
 * @typedef {"off" | "counts" | "errors" | "lines"} Level
 */

import { plural } from "../model/words.js";

/** Shortest pause between two announcements of each kind, ms. @type {Record<Level, number>} */
const PAUSE = { off: Infinity, counts: 5000, errors: 3000, lines: 1000 };

export class Announcer {
  /** @param {HTMLElement} region with role=status */
  constructor(region) {
    this.region = region;
    /** @type {Level} */
    this.level = "counts";
    this.lines = 0;
    this.errors = 0;
    this.text = "";
    this.last = 0;
    this.timer = 0;
  }

  /** Something that must be heard now: a change of mode or connection. @param {string} text */
  now(text) {
    if (!text) return;
    this.region.textContent = text;
    this.last = performance.now();
  }

  /** New lines came to the log that has the focus. @param {number} lines @param {number} errors @param {string} text the newest line, or the newest error */
  news(lines, errors, text) {
    if (this.level === "off") return;
    this.lines += lines;
    this.errors += errors;
    if (this.level === "lines" || errors > 0) this.text = text;
    if (this.level === "errors" && !this.errors) return;
    if (this.timer) return;
    const wait = Math.max(0, this.last + PAUSE[this.level] - performance.now());
    this.timer = setTimeout(() => this.#say(), wait);
  }

  /** Forgets what has not been said. */
  drop() {
    clearTimeout(this.timer);
    this.timer = this.lines = this.errors = 0;
  }

  #say() {
    this.timer = 0;
    const counts = this.errors ? `${plural(this.lines, "new line")}, ${plural(this.errors, "error")}` : plural(this.lines, "new line");
    this.now(this.level === "counts" ? counts : this.text.slice(0, 200) || counts);
    this.lines = this.errors = 0;
  }
}

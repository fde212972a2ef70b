/**
 * What happens when nobody looks: the tab's title and icon tell of it, and, where it is wished and
 * allowed, the system does.
 */

import { count, plural } from "../model/words.js";
import { visible } from "./dom.js";

/** At most one notification in this time, ms. */
const PAUSE = 10_000;

export class Notify {
  /** @param {HTMLLinkElement} icon */
  constructor(icon) {
    this.icon = icon;
    this.base = icon.href.replace(/favicon(-\w+)?\.svg/, "favicon$1.svg").replace(/favicon-\w+\.svg/, "favicon.svg");
    this.name = "";
    this.lines = 0;
    this.errors = 0;
    this.offline = false;
    /** Logs of which the system should tell. @type {Set<string>} */
    this.on = new Set();
    this.last = 0;
    this.waiting = new Map();
    this.timer = 0;
    this.focus = (/** @type {string} */ _source) => {};
  }

  get away() {
    return document.hidden || !document.hasFocus();
  }

  /** @param {string} name of what the tab shows */
  title(name) {
    this.name = name;
    this.#draw();
  }

  /** @param {boolean} offline */
  link(offline) {
    this.offline = offline;
    this.#draw();
  }

  /** Lines came to a log. @param {string} source @param {number} lines @param {number} errors */
  news(source, lines, errors) {
    if (!this.away) return;
    this.lines += lines;
    this.errors += errors;
    this.#draw();
    if (errors && this.on.has(source)) {
      this.waiting.set(source, (this.waiting.get(source) ?? 0) + errors);
      this.#tell();
    }
  }

  /** Somebody looks again. */
  seen() {
    this.lines = this.errors = 0;
    this.waiting.clear();
    this.#draw();
  }

  #tell() {
    if (this.timer) return;
    const wait = Math.max(0, this.last + PAUSE - Date.now());
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.last = Date.now();
      if (!this.away || typeof Notification === "undefined" || Notification.permission !== "granted") return;
      const texts = [...this.waiting].map(([source, errors]) => `${plural(errors, "error")} in ${visible(source)}`);
      const [source] = this.waiting.keys();
      this.waiting.clear();
      const note = new Notification("tailws", { body: texts.join(", ").slice(0, 120), tag: "tailws" });
      note.onclick = () => {
        window.focus();
        this.focus(source);
        note.close();
      };
    }, wait);
  }

  /**
   * Asks for what notifications need; only on a click.
   * @returns {Promise<string>} what to tell the user, or ""
   */
  static async allow() {
    if (!isSecureContext || typeof Notification === "undefined") {
      return "Notifications of the system need https. The tab's title and icon work anyway.";
    }
    if (Notification.permission === "default") await Notification.requestPermission();
    if (Notification.permission === "denied") {
      return "The browser does not allow notifications for this page. The tab's title and icon work anyway.";
    }
    return "";
  }

  #draw() {
    const n = this.errors || this.lines;
    const title = visible(`${n ? `(${count(n)}) ` : ""}${this.name || "tailws"}`);
    if (document.title !== title) document.title = title;
    const kind = this.offline ? "-offline" : this.errors ? "-error" : this.lines ? "-new" : "";
    const href = this.base.replace("favicon.svg", `favicon${kind}.svg`);
    if (this.icon.href !== href) this.icon.href = href;
  }
}

/**
 * The map: a scrollbar over the whole log by bytes, all files of it, with what stands where.
 *
 * Where the daemon tells no sizes, it spans the lines that are loaded, and says so. Bars are drawn in one canvas, at most four times a second.
 *
 * @typedef {import("../model/protocol.js").Head} Head
 *
 * @typedef {object} MapHost
 * @property {(command: object) => boolean} send
 * @property {() => number} id a fresh number for a command
 * @property {(fraction: number, release: boolean) => void} jump to a part of the log, by its bytes
 * @property {(fraction: number) => void} jumpLoaded to a part of what is loaded
 * @property {(pages: number) => void} page
 * @property {() => string} zone
 */

import { BAR, bars, MapScale, ticks, timeLabels, total } from "../model/mapscale.js";
import { dateTime, percent } from "../model/words.js";
import { attribute, brush, colour, h, say, show } from "./dom.js";

/** A drag that rests this long shows where it is, ms. */
const REST = 120;
/** Places whose time is asked for, for the labels. */
const POINTS = 12;
const BUCKETS = 400;

export class LogMap {
  /** @param {MapHost} host @param {Set<string>} features */
  constructor(host, features) {
    this.host = host;
    this.features = features;
    this.canvas = h("canvas", { class: "map-canvas", "aria-hidden": "true" });
    this.frame = h("div", { class: "map-frame" });
    this.tip = h("div", { class: "map-tip", hidden: true });
    this.el = h("div", {
      class: "map", role: "scrollbar", tabindex: "0", "aria-orientation": "vertical", "aria-valuemin": "0",
      "aria-valuemax": "100", "aria-valuenow": "100", "aria-label": "Place in the log", "aria-controls": "log",
    }, this.canvas, this.frame, this.tip);
    this.source = "";
    /** @type {MapScale | null} */
    this.scale = null;
    /** @type {import("../model/protocol.js").Extent["files"]} */
    this.files = [];
    /** @type {(number[] | null)[]} */
    this.buckets = [];
    /** Lines that came since. */
    this.grown = 0;
    /** @type {{at: number, ms: number}[]} */
    this.points = [];
    /** @type {Set<number>} */
    this.asked = new Set();
    this.hits = /** @type {number[]} */ ([]);
    this.bookmarks = /** @type {number[]} */ ([]);
    this.loaded = false;
    /** What was given to `set` last. @type {[{from: number, to: number} | null, {from: number, to: number, of: number}]} */
    this.seen = [null, { from: 0, to: 1, of: 1 }];
    this.timer = 0;
    this.rest = 0;
    this.dragging = false;
    this.height = 0;
    this.shown = { from: 0, to: 0, of: 1 };
    new ResizeObserver(() => {
      this.height = this.el.clientHeight;
      this.#rescale();
    }).observe(this.el);
    this.el.addEventListener("pointerdown", (event) => this.#down(event));
    this.el.addEventListener("pointermove", (event) => this.#move(event));
    this.el.addEventListener("pointerup", (event) => this.#up(event));
    this.el.addEventListener("pointercancel", () => this.#end());
    this.el.addEventListener("wheel", (event) => host.page(Math.sign(event.deltaY)), { passive: true });
    this.el.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows a log; "" for what is loaded. @param {string} source */
  open(source) {
    this.source = source;
    this.el.classList.toggle("loaded", !source);
    this.files = [];
    this.buckets = [];
    this.grown = 0;
    this.points = [];
    this.asked.clear();
    this.scale = null;
    this.hits = [];
    this.refresh();
    this.#later();
  }

  /** Asks again how large the log is: it was opened, it rotated, or the connection is new. */
  refresh() {
    const { source } = this;
    if (!this.whole) return;
    this.host.send({ type: "extent", source });
    if (this.features.has("outline")) this.host.send({ type: "outline", source, buckets: BUCKETS });
  }

  /** @param {Head} head @returns {boolean} whether it was for the map */
  message(head) {
    if (head.type === "extent" && head.source === this.source) {
      this.files = head.files;
      this.#rescale();
      this.#askTimes();
      return true;
    }
    if (head.type === "outline" && head.source === this.source) {
      this.buckets = head.buckets;
      this.grown = 0;
      this.#later();
      return true;
    }
    if (head.type === "located" && head.id !== undefined && this.asked.delete(head.id)) {
      if (head.at !== undefined && head.time !== undefined) {
        this.points.push({ at: head.at, ms: head.time });
        this.points.sort((a, b) => a.at - b.at);
        this.#later();
      }
      return true;
    }
    return false;
  }

  /** Whether one goes to places in the whole log: the daemon knows them before it has told how large it is. */
  get whole() {
    return !!this.source && this.features.has("extent");
  }

  /** About how many lines the log has; 0 as long as nobody knows. */
  get lines() {
    const lines = total(this.buckets);
    return lines && lines + this.grown;
  }

  #askTimes() {
    if (!this.features.has("locate")) return;
    this.points = this.points.slice(0, 0);
    for (let k = 0; k < POINTS; k++) {
      const id = this.host.id();
      this.asked.add(id);
      this.host.send({ type: "locate", source: this.source, fraction: k / POINTS, id });
    }
  }

  /** The live file has grown. @param {number} bytes @param {number} lines */
  grow(bytes, lines) {
    this.scale?.grow(bytes);
    this.grown += lines;
    if (this.scale) this.#later();
  }

  #rescale() {
    this.scale = this.files.length && this.height ? new MapScale(this.files, this.height) : null;
    this.set(...this.seen);
    this.#place();
    this.#later();
  }

  /**
   * What is visible, in bytes of the log, or in lines of what is loaded.
   * @param {{from: number, to: number} | null} bytes
   * @param {{from: number, to: number, of: number}} lines
   */
  set(bytes, lines) {
    this.seen = [bytes, lines];
    this.loaded = !this.scale;
    const whole = this.scale?.bytes ?? 1;
    // Lines whose place is not known yet are the last ones.
    const shown = this.loaded ? lines : { from: bytes?.from ?? whole - 1, to: bytes?.to ?? whole, of: whole };
    const { from, to, of } = this.shown;
    if (shown.from === from && shown.to === to && shown.of === of) return;
    this.shown = shown;
    if (!this.dragging) this.#place();
  }

  /** @param {number[]} hits @param {number[]} bookmarks byte places */
  setTicks(hits, bookmarks) {
    if (this.hits === hits && this.bookmarks.length === bookmarks.length) return;
    this.hits = hits;
    this.bookmarks = bookmarks;
    this.#later();
  }

  #place() {
    const { from, to, of } = this.shown;
    if (!this.height) return;
    show(this.frame, to > Math.max(0, from));
    const scale = this.scale && !this.loaded ? this.scale : new MapScale([{ name: "", size: Math.max(1, of) }], this.height);
    const { top, height } = scale.frame(from, to);
    this.frame.style.transform = `translateY(${Math.round(top)}px)`;
    this.frame.style.height = `${Math.round(height)}px`;
    const share = Math.round((100 * to) / Math.max(1, of));
    attribute(this.el, "aria-valuenow", Math.max(0, Math.min(100, share)));
    const ms = this.#timeAt(to);
    attribute(this.el, "aria-valuetext", `${ms ? `${dateTime(ms, this.host.zone())}, ` : ""}${share} percent${this.loaded ? " of the loaded lines" : ""}`);
  }

  /** A time between the known ones. @param {number} at */
  #timeAt(at) {
    if (this.loaded || !this.points.length) return 0;
    const after = this.points.findIndex((point) => point.at >= at);
    if (after < 0) return this.points[this.points.length - 1].ms;
    if (after === 0) return this.points[0].ms;
    const a = this.points[after - 1];
    const b = this.points[after];
    return a.ms + ((b.ms - a.ms) * (at - a.at)) / Math.max(1, b.at - a.at);
  }

  /** The colours are others. */
  repaint() {
    this.#later();
  }

  #later() {
    if (!this.timer) {
      this.timer = setTimeout(() => {
        this.timer = 0;
        this.#paint();
      }, 250);
    }
  }

  #paint() {
    const { canvas, scale } = this;
    const width = this.el.clientWidth;
    const { height } = this;
    const context = brush(canvas, width, height);
    if (!context || !scale || !width) return;
    const wide = width > 60;
    const right = width - 9;
    const most = wide ? right - 48 : right - 3;
    if (this.buckets.length) {
      const plain = colour("--bar");
      const red = colour("--err");
      const hatch = colour("--line");
      bars(this.buckets, Math.floor(height / BAR)).forEach(({ length, errors }, k) => {
        const y = k * BAR;
        if (length < 0) {
          context.fillStyle = hatch;
          for (let x = right - most + ((k % 2) * 4); x < right; x += 8) context.fillRect(x, y, 3, BAR - 1);
          return;
        }
        if (!length) return;
        const long = Math.max(2, length * most);
        context.fillStyle = plain;
        context.fillRect(right - long, y, long, BAR - 1);
        if (!errors) return;
        context.fillStyle = red;
        const bad = Math.max(4, errors * long);
        context.fillRect(right - bad, y, bad, BAR - 1);
      });
    }
    context.fillStyle = colour("--find-cur");
    for (const px of ticks(this.hits, scale)) context.fillRect(width - 6, Math.min(height - 2, px), 6, 2);
    context.fillStyle = colour("--accent");
    for (const px of ticks(this.bookmarks, scale)) context.fillRect(0, Math.min(height - 3, px - 1), width, 2);
    context.font = "11px ui-monospace, monospace";
    context.textBaseline = "middle";
    context.strokeStyle = colour("--edge");
    context.setLineDash([3, 2]);
    for (const { px, label } of scale.boundaries()) {
      context.beginPath();
      context.moveTo(0, Math.round(px) + 0.5);
      context.lineTo(width, Math.round(px) + 0.5);
      context.stroke();
      if (wide) this.#text(context, label, px - 7);
    }
    context.setLineDash([]);
    if (!wide) return;
    const taken = scale.boundaries().map(({ px }) => px - 7);
    for (const { px, text } of timeLabels(this.points, scale, this.host.zone())) {
      if (taken.every((y) => Math.abs(y - px) > 14)) this.#text(context, text, px + 8);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {string} text @param {number} y */
  #text(context, text, y) {
    context.fillStyle = colour("--text3");
    context.fillText(text, 5, y, 40);
  }

  /** @param {PointerEvent} event */
  #fraction(event) {
    const box = this.el.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientY - box.top) / Math.max(1, box.height)));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.dragging = true;
    this.el.setPointerCapture(event.pointerId);
    this.#drag(this.#fraction(event));
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const fraction = this.#fraction(event);
    if (this.dragging) this.#drag(fraction);
  }

  /** @param {number} fraction */
  #drag(fraction) {
    const high = this.frame.offsetHeight;
    const y = Math.max(0, Math.min(this.height - high, fraction * this.height - high / 2));
    this.frame.style.transform = `translateY(${Math.round(y)}px)`;
    this.#tell(fraction);
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.#go(fraction, false), REST);
  }

  /** @param {number} fraction */
  #tell(fraction) {
    const { scale } = this;
    let text = percent(fraction);
    if (scale && !this.loaded) {
      const at = fraction * scale.bytes;
      const ms = this.#timeAt(at);
      const file = scale.fileAt(at).split("/").pop();
      text = [ms ? dateTime(ms, this.host.zone()) : percent(fraction), file].join("  ");
    } else if (!this.whole) text += " of the loaded lines";
    say(this.tip, text);
    show(this.tip, true);
    this.tip.style.transform = `translateY(${Math.max(0, Math.min(this.height - 26, fraction * this.height - 13))}px)`;
  }

  /** @param {number} fraction @param {boolean} release */
  #go(fraction, release) {
    if (this.whole) this.host.jump(fraction, release);
    else this.host.jumpLoaded(fraction);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.dragging) return;
    const fraction = this.#fraction(event);
    this.#end();
    this.#go(fraction, true);
  }

  #end() {
    this.dragging = false;
    clearTimeout(this.rest);
    show(this.tip, false);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const pages = { ArrowUp: -0.1, ArrowDown: 0.1, PageUp: -1, PageDown: 1 }[event.key];
    if (!pages) return;
    event.preventDefault();
    event.stopPropagation();
    this.host.page(pages);
  }
}

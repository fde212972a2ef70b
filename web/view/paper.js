/**
 * The scroller of a pane: a native one, over a paper that is far taller than the log on it.
 *
 * It tells apart what the user did from what the browser did: only intent (wheel, touch, keys, the
 * mouse in the text) may leave Following, and only the user's own scrolling may come back to it.
 *
 * @typedef {object} PaperHost
 * @property {() => void} up the user wants to go up, or reads
 * @property {(down: boolean) => void} scrolled the user's own scrolling came to rest, or goes on
 * @property {() => void} moved the scroll position changed: draw
 * @property {() => void} idle nothing moved for a while
 * @property {(changed: boolean) => void} resized
 */

import { h } from "./dom.js";

/** A scroll event this long after wheel, touch or key is still the user's. */
const OWN = 800;
const IDLE = 150;
/** A finger that moves farther than this means it, px. */
const SWIPE = 24;
/** The tallest paper; see the layout. */
const TALLEST = 16_000_000;

export class Paper {
  /** @param {PaperHost} host @param {string} label */
  constructor(host, label) {
    this.host = host;
    this.rows = h("div", { class: "rows" });
    this.paper = h("div", {
      // A tree, not a list box: its items may hold links and buttons, and open.
      class: "paper", role: "tree", "aria-multiselectable": "true", tabindex: "0",
      "aria-label": label,
    }, this.rows);
    this.probe = h("span", { class: "probe", "aria-hidden": "true" }, "0".repeat(100));
    // What is in a file is not to be translated: it would be rewritten under our hands.
    this.el = h("div", { class: "scroller", role: "log", "aria-live": "off", "aria-label": label, tabindex: "-1", translate: "no" },
      this.paper, this.probe);
    this.height = 0;
    this.width = 0;
    this.top = 0;
    this.left = 0;
    this.tall = 0;
    this.wide = 0;
    /** Width of a cell and height of a visual line, px. */
    this.cell = 7.5;
    this.line = 20;
    this.own = -Infinity;
    this.touching = false;
    /** Where a finger began. */
    this.finger = 0;
    this.idleTimer = 0;
    /** Counts what we wrote, for whoever checks that reading is never disturbed. */
    this.writes = 0;

    const { el } = this;
    el.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    el.addEventListener("wheel", (event) => this.#wheel(event), { passive: true });
    el.addEventListener("touchstart", (event) => this.#touch(true, event), { passive: true });
    el.addEventListener("touchmove", (event) => this.#swiped(event.touches[0].clientY), { passive: true });
    el.addEventListener("touchend", () => this.#touch(false), { passive: true });
    el.addEventListener("touchcancel", () => this.#touch(false), { passive: true });
    this.observer = new ResizeObserver(() => host.resized(this.measure()));
    this.observer.observe(el);
    // Fonts or zoom change the cell without changing the box.
    this.observer.observe(this.probe);
  }

  /** Returns whether something is not as it was. */
  measure() {
    const { height, width, cell, line } = this;
    this.height = this.el.clientHeight;
    this.width = this.el.clientWidth;
    const box = this.probe.getBoundingClientRect();
    if (box.width > 0) this.cell = box.width / 100;
    const style = getComputedStyle(this.probe);
    this.line = Math.round(parseFloat(style.lineHeight)) || this.line;
    return height !== this.height || width !== this.width || cell !== this.cell || line !== this.line;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    this.own = performance.now();
    if (event.deltaY < 0) this.host.up();
    else if (event.deltaY > 0) this.#further();
    // The browser scrolls by itself; with Alt, five times as far.
    if (event.altKey) this.el.scrollTop += event.deltaY * 4;
  }

  /** With the end in view there is nothing to scroll: the wish to go down is all that there is. */
  #further() {
    if (this.top + this.height < this.tall - 1) return;
    this.host.scrolled(true);
    this.host.moved();
  }

  /** @param {number} y of a finger, which drags the paper */
  #swiped(y) {
    if (y - this.finger > SWIPE) this.host.up();
    else if (this.finger - y > SWIPE) this.#further();
  }

  /** @param {boolean} on @param {TouchEvent} [event] */
  #touch(on, event) {
    this.touching = on;
    this.finger = event?.touches[0].clientY ?? 0;
    this.own = performance.now();
  }

  /** A key or a drag of ours scrolls: what follows is the user's own. */
  mine() {
    this.own = performance.now();
  }

  #scrolled() {
    const top = this.el.scrollTop;
    const down = top > this.top;
    const moved = top !== this.top;
    this.top = top;
    this.left = this.el.scrollLeft;
    if (moved && (this.touching || performance.now() - this.own < OWN)) {
      this.own = performance.now();
      if (!down) this.host.up();
      this.host.scrolled(down);
    }
    this.host.moved();
    this.wake();
  }

  /** Starts the clock after which nothing is taken to move any more. */
  wake() {
    clearTimeout(this.idleTimer);
    this.idleTimer = setTimeout(() => {
      if (this.touching) this.wake();
      else this.host.idle();
    }, IDLE);
  }

  /** Writes the scroll position: only for jumps, for following, and at the edges of the log. @param {number} top */
  scrollTo(top) {
    if (Math.abs(top - this.top) < 0.5) return;
    this.writes++;
    this.el.scrollTop = top;
    this.top = this.el.scrollTop;
  }

  /** @param {number} left */
  scrollSide(left) {
    if (left === this.left) return;
    this.el.scrollLeft = left;
    this.left = this.el.scrollLeft;
  }

  /** @param {number} tall @param {number} wide 0: as wide as the pane */
  size(tall, wide) {
    const t = Math.min(TALLEST, Math.ceil(tall));
    if (t !== this.tall) {
      this.tall = t;
      this.paper.style.height = `${t}px`;
    }
    if (wide !== this.wide) {
      this.wide = wide;
      this.paper.style.width = wide ? `${wide}px` : "";
    }
  }

  close() {
    this.observer.disconnect();
    clearTimeout(this.idleTimer);
  }
}

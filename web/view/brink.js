/**
 * Reading at a hole. Scrolling stops at it, as at an end of what is held, and who scrolls on goes into
 * it: its lines come in between, and what is read stays where it is. The lines on its other side are
 * in view, but one gets over to them only by its button, for they are of another time.
 *
 * @typedef {import("../model/layout.js").Placed} Placed
 * @typedef {import("./viewport.js").Viewport<import("./viewport.js").ViewHost>} View
 */

import { THIRD } from "../model/layout.js";
import { HOLE } from "../model/look.js";
import { wordsOf } from "../model/rules.js";

/** Viewports held beyond the visible rows before more is asked for: of a hole, once one has gone in. */
export const AHEAD = 3;

export class Brink {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    /** Where the paper was when it was drawn last, px. */
    this.top = NaN;
  }

  /** Whether one reads below the hole: the row that keeps its place is. */
  get below() {
    const { feed: { hole, blocks }, layout: { anchor } } = this.view;
    return !!hole && !!anchor && blocks.ord(anchor) > hole.ord;
  }

  /** Whether a row is on the side where one reads. @param {number} ord */
  mine(ord) {
    const { hole } = this.view.feed;
    return !hole || (this.below ? ord > hole.ord : ord < hole.ord);
  }

  /** The window in which one reads: its first ordinal, and the one behind its last. */
  get window() {
    const { hole, blocks: { first, end } } = this.view.feed;
    if (!hole) return [first, end];
    return this.below ? [hole.ord + 1, end] : [first, hole.ord];
  }

  /** From where the hole is loaded. @returns {import("../model/hole.js").Direction} */
  get direction() {
    return this.below ? "above" : "below";
  }

  /**
   * How far one may scroll: until the hole is in the middle of what is visible.
   * @param {number} top where the user has scrolled to @param {Placed[]} rows that would be visible there
   */
  stop(top, rows) {
    const { feed, layout, paper } = this.view;
    const { hole } = feed;
    if (!hole?.block || !rows.length) return top;
    const { below, direction } = this;
    const { height, line } = paper;
    const away = below ? rows[0].ord - hole.ord : hole.ord - rows[rows.length - 1].ord;
    if (away > 0) {
      if (hole.entered.has(direction) && away * line < AHEAD * height) feed.wantHole(direction);
      return top;
    }
    const middle = layout.yOf({ block: hole.block, i: 0 }) - height / 2;
    // Where one was before, one may stay.
    const limit = below ? Math.min(this.top, middle) : Math.max(this.top, middle + HOLE);
    const on = below ? top < limit : top > limit;
    if (on) hole.entered.add(direction);
    if (hole.entered.has(direction)) feed.wantHole(direction);
    return on ? limit : top;
  }

  /** Who follows sees more of the end than a few lines, if there is more. @param {Placed[]} rows that are visible */
  fill(rows) {
    const { feed } = this.view;
    if (feed.hole && rows.length && rows[0].ord <= feed.hole.ord) feed.wantHole("above");
  }

  /** A key goes on where there is only the hole. @param {boolean} down */
  push(down) {
    const rule = this.view.feed.hole?.block?.rule;
    if (!rule || down === this.below) return;
    const { strong, text } = wordsOf(rule, "", "");
    this.view.host.announce(`${strong} ${text}`);
    this.load();
  }

  /** Goes into the hole. */
  load() {
    const { view, direction } = this;
    view.feed.hole?.entered.add(direction);
    view.feed.resumeSearch();
    view.feed.wantHole(direction);
  }

  /** One goes elsewhere: it is not loaded before one comes to it again. */
  leave() {
    this.view.feed.hole?.entered.clear();
  }

  /** Goes over to the other side. */
  over() {
    const { view, below } = this;
    const { feed: { hole, blocks }, layout, paper } = view;
    const ref = hole && blocks.at(view.nextShown(hole.ord, below ? -1 : 1));
    if (!ref) return;
    this.leave();
    view.turn({ type: "jump", now: Date.now() });
    view.select(ref);
    const y = layout.yOf(ref);
    layout.fix(ref, y);
    const top = Math.round(y - paper.height * (below ? 1 - THIRD : THIRD));
    paper.size(Math.max(paper.tall, top + paper.height), paper.wide);
    paper.scrollTo(top);
    view.dirty();
  }
}

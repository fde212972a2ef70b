/**
 * The status bar: the mode, what came meanwhile, and where one is. The truth about the focused pane.
 *
 * @typedef {object} Facts
 * @property {boolean} following
 * @property {number} lines new since reading began
 * @property {number} errors among them
 * @property {string[][]} right facts at the right, each: words, figure, words
 * @property {string} hint
 * @property {boolean} [approximate] whether the counts are of the whole log, not of the filter
 */

import { count, plural } from "../model/words.js";
import { fill, h, say, show } from "./dom.js";
import { icon } from "./icons.js";

export class Status {
  /**
   * @param {HTMLElement} foot
   * @param {{end: () => void, firstError: () => void, dismiss: () => void}} host
   */
  constructor(foot, host) {
    this.mode = h("span", { class: "mode" });
    this.lines = h("span", { class: "new-lines" });
    this.button = h("button", { type: "button", class: "new-button", hidden: true, onclick: host.end },
      icon("end"), this.lines, h("kbd", null, "End"));
    this.errors = h("button", { type: "button", class: "new-errors", hidden: true, onclick: host.firstError });
    this.new = h("span", { class: "new" }, this.button, this.errors);
    this.hintText = h("span", null);
    this.hint = h("span", { class: "hint", hidden: true }, this.hintText,
      h("button", { type: "button", class: "icon-button small", "aria-label": "Hide this hint", onclick: host.dismiss }, icon("close")));
    this.right = h("span", { class: "foot-right" });
    fill(foot, this.mode, this.new, this.hint, this.right);
    this.key = "";
  }

  /** @param {Facts | null} facts */
  set(facts) {
    const key = JSON.stringify(facts);
    if (key === this.key) return;
    this.key = key;
    if (!facts) {
      fill(this.mode);
      show(this.button, false);
      show(this.errors, false);
      show(this.hint, false);
      fill(this.right);
      return;
    }
    this.mode.className = `mode ${facts.following ? "following" : "reading"}`;
    say(this.mode, facts.following ? "Following" : "Reading");
    show(this.button, !facts.following);
    say(this.lines, facts.lines ? `${facts.approximate ? "about " : ""}${plural(facts.lines, "new line")}` : "To the end");
    show(this.errors, !facts.following && facts.errors > 0);
    say(this.errors, `${count(facts.errors)} ${facts.errors === 1 ? "error" : "errors"}`);
    show(this.hint, facts.hint !== "");
    say(this.hintText, facts.hint);
    fill(this.right, ...facts.right.map(([before, figure, after]) => h("span", { class: "fact" },
      before && `${before} `, figure && h("b", null, figure), after && ` ${after}`)));
  }
}

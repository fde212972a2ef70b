/**
 * The chip that says whether what is on screen is the truth now, and what is done about it if not.
 *
 * @typedef {import("../model/connect.js").State} State
 * @typedef {{state: State, ms: number, quiet: number, behind: string, last: string, now: number}}
 *   Standing behind: how much is still to come while following, or ""
 */

import { duration } from "../model/words.js";
import { fill, h, say, show } from "./dom.js";

export class Connection {
  /** @param {{now: () => void, skip: () => void, signIn: () => void}} host */
  constructor(host) {
    this.dot = h("span", { class: "dot" });
    this.word = h("span", { class: "chip-word" });
    this.detail = h("span", { class: "chip-detail" });
    this.button = h("button", { type: "button", class: "chip-button", hidden: true });
    this.el = h("div", { class: "connection" }, this.dot, this.word, this.detail, this.button);
    this.host = host;
    this.action = () => {};
    this.button.addEventListener("click", () => this.action());
    this.spoken = "";
  }

  /** @param {Standing} standing @returns {string} what a screen reader should hear, once a change */
  set(standing) {
    const { state, now } = standing;
    let kind = "live";
    let word = "Live";
    let detail = "";
    let button = "";
    let action = this.host.now;
    switch (state.phase) {
      case "live":
        if (standing.behind) {
          kind = "behind";
          word = "Catching up";
          detail = `${standing.behind} behind`;
          button = "Skip to live";
          action = this.host.skip;
        } else if (standing.quiet > 0) {
          detail = `log quiet ${duration(standing.quiet)}`;
        } else if (standing.ms >= 0) detail = `${Math.round(standing.ms)} ms`;
        break;
      case "connecting":
        kind = "waiting";
        word = state.tries ? "Reconnecting" : "Connecting";
        break;
      case "waiting":
      case "stopped": {
        kind = "waiting";
        const left = Math.max(0, Math.ceil((state.at - now) / 1000));
        word = state.phase === "stopped" ? "Daemon stopped" : `Reconnecting in ${left} s`;
        const since = standing.last ? `last line ${standing.last}, nothing will be lost` : "";
        detail = state.phase === "stopped" ? `trying again in ${left} s` : since;
        button = "Now";
        break;
      }
      case "offline":
        kind = "offline";
        word = "Offline";
        detail = "this device has no network";
        break;
      case "signed-out":
        kind = "offline";
        word = "Signed out";
        button = "Sign in";
        action = this.host.signIn;
        break;
      case "refused": {
        kind = "offline";
        const left = Math.max(0, Math.ceil((state.at - now) / 1000));
        word = state.reason || "Too many connections";
        detail = `trying again in ${left} s`;
        button = "Now";
      }
    }
    this.el.dataset.kind = kind;
    say(this.word, word);
    say(this.detail, detail);
    this.action = action;
    show(this.button, button !== "");
    if (this.button.textContent !== button) fill(this.button, button);
    const spoken = word.replace(/ in \d+ s/, "");
    if (spoken === this.spoken) return "";
    const first = this.spoken === "";
    this.spoken = spoken;
    return first ? "" : spoken;
  }
}

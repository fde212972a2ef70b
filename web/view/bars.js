/**
 * The two docked bars of a pane: find, and go to a time. They are in the document only while open.
 *
 * @typedef {{text: string, regex: boolean, caseRule: import("../model/find.js").CaseRule,
 *   word: boolean}} Query
 * @typedef {object} FindState
 * @property {string} label "14 of 1,208 so far"
 * @property {number} share of the log looked through, 0 to 1
 * @property {string} progress
 * @property {boolean} running
 * @property {string} error
 * @property {string} note where it looks
 * @property {string} hidden what is found in lines that a filter hides
 * @typedef {object} FindHost
 * @property {(query: Query) => void} query
 * @property {(down: boolean) => void} next
 * @property {() => void} stop
 * @property {() => void} unfilter
 * @property {() => void} close
 * @property {(bar: HTMLElement) => void} mount puts the bar into the pane: it is there only while open
 * @property {() => import("../model/finding.js").Terms} terms
 * @typedef {{ms: number, echo: string} | {error: string}} Reading
 */

import { attribute, caseToggle, h, icon, iconButton, pressed, regexToggle, say, show, toggle } from "./dom.js";

/** Find: it finds in what is in view at once; the daemon looks through the whole log. */
export class FindBar {
  /** @param {FindHost} host */
  constructor(host) {
    this.host = host;
    this.field = h("input", {
      type: "text", class: "find-field", "aria-label": "Find", placeholder: "Find", spellcheck: "false",
      autocomplete: "off", autocapitalize: "none", oninput: () => this.#changed(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    });
    const changed = () => this.#changed();
    this.case = caseToggle(changed);
    this.regex = regexToggle(changed);
    this.word = toggle("W", "Whole words", changed);
    this.label = h("span", { class: "find-label", role: "status" });
    this.bar = h("progress", { class: "find-bar-progress", max: "1", "aria-label": "Looked through" });
    this.progress = h("span", { class: "find-progress" });
    this.stop = h("button", { class: "text-button", onclick: host.stop }, "Stop");
    this.error = h("span", { class: "find-error", role: "alert" });
    this.note = h("span", { class: "find-note" });
    this.hidden = h("button", { class: "text-button find-hidden", onclick: host.unfilter });
    this.el = h("div", { class: "find-bar", role: "search" },
      h("div", { class: "find-box" }, this.field, this.case, this.regex, this.word),
      iconButton("up", "Previous hit", () => host.next(false), "N"),
      iconButton("down", "Next hit", () => host.next(true), "n"),
      this.label, this.bar, this.progress, this.stop, this.error, this.hidden, this.note,
      iconButton("close", "Close find", host.close, "Esc", "find-close"));
  }

  get open() {
    return this.el.isConnected;
  }

  /** @param {string} [text] */
  show(text) {
    if (!this.open) this.host.mount(this.el);
    if (text !== undefined && text !== this.field.value) {
      this.field.value = text;
      this.#changed();
    }
    this.field.focus();
    this.field.select();
  }

  hide() {
    this.el.remove();
  }

  /** @returns {Query} */
  get query() {
    return {
      text: this.field.value, regex: pressed(this.regex), word: pressed(this.word),
      caseRule: pressed(this.case) ? "match" : "smart",
    };
  }

  #changed() {
    // What is in view is marked at once; the daemon is asked when the typing pauses.
    this.host.query(this.query);
  }

  /** @param {FindState} state */
  set(state) {
    say(this.label, this.field.value ? state.label : "");
    show(this.bar, state.running);
    this.bar.value = state.share;
    say(this.progress, state.running ? state.progress : "");
    show(this.stop, state.running);
    say(this.error, state.error);
    say(this.note, state.error ? "" : state.note);
    say(this.hidden, state.hidden);
    show(this.hidden, state.hidden !== "");
    attribute(this.field, "aria-invalid", state.error ? "true" : null);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.host.terms().add(this.field.value);
      this.host.next(!event.shiftKey);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.host.terms().add(this.field.value);
      this.host.close();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const terms = this.host.terms();
      const term = event.key === "ArrowUp" ? terms.older() : terms.newer();
      if (term === null) return;
      event.preventDefault();
      this.field.value = term;
      this.#changed();
    }
  }
}

/** A field that says how it read what was typed, before one goes there. */
export class TimeBox {
  /**
   * @param {{parse: (text: string) => Reading, go: (ms: number, echo: string) => void, close: () => void,
   *   mount: (bar: HTMLElement) => void}} host
   */
  constructor(host) {
    this.host = host;
    this.field = h("input", {
      type: "text", class: "find-field", "aria-label": "Go to time", autocomplete: "off", spellcheck: "false",
      placeholder: "14:02, yesterday 18:00, -15m, 2026-11-22 13:37", oninput: () => this.#typed(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    });
    this.echo = h("span", { class: "time-echo", role: "status" });
    this.el = h("div", { class: "find-bar time-bar" }, icon("clock"), h("div", { class: "find-box" }, this.field),
      this.echo, iconButton("close", "Close go to time", host.close, "Esc", "find-close"));
  }

  get open() {
    return this.el.isConnected;
  }

  show() {
    if (!this.open) this.host.mount(this.el);
    this.field.focus();
    this.field.select();
    this.#typed();
  }

  hide() {
    this.el.remove();
  }

  /** What came of it. @param {string} text */
  say(text) {
    say(this.echo, text);
  }

  #typed() {
    const text = this.field.value.trim();
    const reading = text ? this.host.parse(text) : null;
    const bad = reading !== null && "error" in reading;
    say(this.echo, !reading ? "" : "error" in reading ? reading.error : reading.echo);
    this.echo.classList.toggle("bad", bad);
    attribute(this.field, "aria-invalid", bad ? "true" : null);
    return reading;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      const reading = this.#typed();
      if (reading && !("error" in reading)) this.host.go(reading.ms, reading.echo);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.host.close();
    }
  }
}

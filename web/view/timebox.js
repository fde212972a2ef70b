/**
 * Go to a time: a docked field that says how it read what was typed, before one goes there.
 *
 * @typedef {{ms: number, echo: string} | {error: string}} Reading
 */

import { attribute, h, say } from "./dom.js";
import { icon } from "./icons.js";

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
      this.echo, h("button", { type: "button", class: "icon-button find-close", "aria-label": "Close go to time", title: "Close  Esc", onclick: host.close }, icon("close")));
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

/**
 * The head of a pane: which logs it shows, and how.
 *
 * @typedef {{name: string, label: string, colour: string, rate: string, hidden: boolean}} LogChip
 * @typedef {object} HeaderState
 * @property {LogChip[]} logs
 * @property {string} fact path and size, for one log
 * @property {boolean} raw
 * @property {boolean} wrap
 * @property {boolean} many more than one pane: it can be closed
 * @property {boolean} time whether one can go to a time
 * @property {boolean} split
 * @property {boolean} download
 *
 * @typedef {object} HeaderHost
 * @property {(name: string) => void} toggle
 * @property {(name: string) => void} remove
 * @property {() => void} add
 * @property {(raw: boolean) => void} raw
 * @property {() => void} wrap
 * @property {() => void} time
 * @property {() => void} split
 * @property {() => void} download
 * @property {() => void} link
 * @property {() => void} close
 */

import { attribute, fill, h, say, show } from "./dom.js";
import { icon } from "./icons.js";

export class Header {
  /** @param {HeaderHost} host */
  constructor(host) {
    this.host = host;
    this.logs = h("div", { class: "log-chips", role: "group", "aria-label": "Logs in this pane" });
    this.fact = h("span", { class: "pane-fact" });
    this.formatted = h("button", { type: "button", onclick: () => host.raw(false) }, "Formatted");
    this.raw = h("button", { type: "button", title: "The lines as they are  r", onclick: () => host.raw(true) }, "Raw");
    this.wrap = tool("wrap", "Wrap", "Wrap long lines  z", host.wrap);
    this.time = tool("clock", "Go to time", "Go to time  t", host.time);
    this.split = tool("split", "", "Split  |", host.split);
    this.download = tool("download", "", "Download  D", host.download);
    this.link = tool("link", "", "Copy link to this line  Y", host.link);
    this.close = tool("close", "", "Close this pane", host.close);
    this.el = h("div", { class: "pane-head" }, this.logs, this.fact, h("div", { class: "pane-tools" },
      h("div", { class: "segmented", role: "group", "aria-label": "Form" }, this.formatted, this.raw),
      this.wrap, this.time, this.split, this.download, this.link, this.close));
    this.key = "";
  }

  /** @param {HeaderState} state */
  set(state) {
    const key = JSON.stringify(state);
    if (key === this.key) return;
    this.key = key;
    const { logs } = state;
    const same = this.logs.childElementCount === logs.length + 1
      && logs.every((log, k) => /** @type {HTMLElement} */ (this.logs.children[k]).dataset.name === log.name);
    if (!same) {
      fill(this.logs, ...logs.map((log) => this.#chip(log)),
        h("button", { type: "button", class: "icon-button small add-log", "aria-label": "Add a log to this pane", title: "Add a log", onclick: this.host.add }, icon("plus")));
    }
    logs.forEach((log, k) => this.#update(/** @type {HTMLElement} */ (this.logs.children[k]), log, logs.length > 1));
    say(this.fact, state.fact);
    attribute(this.formatted, "aria-pressed", String(!state.raw));
    attribute(this.raw, "aria-pressed", String(state.raw));
    attribute(this.wrap, "aria-pressed", String(state.wrap));
    show(this.time, state.time);
    show(this.split, state.split);
    show(this.download, state.download);
    show(this.close, state.many);
  }

  /** @param {LogChip} log */
  #chip(log) {
    return h("span", { class: "log-chip", "data-name": log.name },
      h("button", { type: "button", class: "log-chip-name", onclick: () => this.host.toggle(log.name) },
        h("span", { class: "square" }), h("span", { class: "log-chip-label" }), h("span", { class: "log-chip-rate" })),
      h("button", { type: "button", class: "chip-x", "aria-label": `Remove ${log.label}`, title: "Remove from this pane", onclick: () => this.host.remove(log.name) }, icon("close")));
  }

  /** @param {HTMLElement} el @param {LogChip} log @param {boolean} merged */
  #update(el, log, merged) {
    const [name, x] = /** @type {HTMLElement[]} */ ([...el.children]);
    const [square, label, rate] = /** @type {HTMLElement[]} */ ([...name.children]);
    square.className = `square ${log.colour}`;
    say(label, log.label);
    say(rate, log.rate);
    el.classList.toggle("off", log.hidden);
    attribute(name, "title", merged ? `${log.name}: click to ${log.hidden ? "show" : "hide"}` : log.name);
    attribute(name, "aria-pressed", merged ? String(!log.hidden) : null);
    show(x, merged);
  }
}

/**
 * @param {import("./icons.js").IconName} name @param {string} word @param {string} title
 * @param {() => void} act
 */
function tool(name, word, title, act) {
  return h("button", { type: "button", class: "tool", title, "aria-label": title.split("  ")[0], onclick: act },
    icon(name), word && h("span", { class: "tool-word" }, word));
}

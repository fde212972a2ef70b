/**
 * How the page looks, as far as one may choose: theme, density, times, numbers; and the dialog of
 * the settings.
 *
 * @typedef {object} AppearanceHost
 * @property {import("../model/settings.js").Settings} settings
 * @property {import("./desk.js").Desk} desk
 * @property {import("../view/status.js").Announcer} announcer
 * @property {() => void} recoloured the colours are others
 * @property {(text: string) => void} say
 */

import { TIME_DISPLAYS } from "../model/times.js";
import { settingsDialog } from "../view/dialogs.js";
import { attribute, fill, h, icon } from "../view/dom.js";

/** @typedef {import("../model/times.js").TimeDisplay} TimeDisplay */

/** @type {[TimeDisplay, string][]} */
const TIMES = [["file", "As in the file"], ["local", "Local"], ["utc", "UTC"], ["previous", "Since the line before"], ["bookmark", "Since the bookmark"]];

const THEMES = /** @type {const} */ (["auto", "dark", "light"]);

const root = document.documentElement;

export class Appearance {
  /** @param {AppearanceHost} host @param {HTMLElement} button of the theme */
  constructor(host, button) {
    this.host = host;
    this.settings = host.settings;
    this.button = button;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.setTheme(this.settings.get("theme")));
  }

  /** Everything as it was chosen. */
  apply() {
    this.setTheme(this.settings.get("theme"));
    this.#lay();
    if (!this.settings.get("sidebarOpen")) root.classList.add("side-hidden");
  }

  /** What a pane looks like. @param {import("../view/pane.js").Pane} pane */
  dress(pane) {
    pane.looks.set({ theme: this.#dark ? "dark" : "light", times: this.settings.get("times"), numbers: this.#numbers });
  }

  get #dark() {
    const chosen = this.settings.get("theme");
    return chosen === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  }

  get #numbers() {
    return this.settings.get("numbers") && innerWidth >= 600;
  }

  /** @param {(typeof THEMES)[number]} wanted */
  setTheme(wanted) {
    this.settings.set("theme", wanted);
    if (wanted === "auto") delete root.dataset.theme;
    else root.dataset.theme = wanted;
    fill(this.button, icon(wanted === "auto" ? "auto" : wanted === "dark" ? "moon" : "sun"));
    attribute(this.button, "title", `Theme: ${wanted === "auto" ? "as the system has it" : wanted}`);
    this.host.recoloured();
    for (const pane of this.host.desk.panes) {
      this.dress(pane);
      pane.map.repaint();
      pane.dirty();
    }
  }

  nextTheme() {
    this.setTheme(THEMES[(THEMES.indexOf(this.settings.get("theme")) + 1) % THEMES.length]);
  }

  /** Density, numbers, the width of the sources. */
  #lay() {
    const density = this.settings.get("density");
    if (density === "comfortable") delete root.dataset.density;
    else root.dataset.density = density;
    root.classList.toggle("plain-scrollbar", this.settings.get("plainScrollbar"));
    root.style.setProperty("--side", `${this.settings.get("sidebar")}px`);
    for (const pane of this.host.desk.panes) {
      this.dress(pane);
      pane.remeasure();
    }
  }

  /** @param {TimeDisplay} times */
  #setTimes(times) {
    this.settings.set("times", times);
    for (const pane of this.host.desk.panes) {
      this.dress(pane);
      pane.dirty();
    }
  }

  nextTimes() {
    const times = TIME_DISPLAYS[(TIME_DISPLAYS.indexOf(this.settings.get("times")) + 1) % TIME_DISPLAYS.length];
    this.#setTimes(times);
    this.host.say(`Times: ${TIMES.find(([value]) => value === times)?.[1].toLowerCase() ?? times}`);
  }

  openSettings() {
    const { settings } = this;
    const { announcer } = this.host;
    /**
     * @template {keyof import("../model/settings.js").Values} K
     * @param {K} name @param {() => void} then @returns {(value: unknown) => void}
     */
    const keep = (name, then = () => {}) => (value) => {
      settings.set(name, /** @type {import("../model/settings.js").Values[K]} */ (value));
      then();
    };
    const lay = () => this.#lay();
    settingsDialog([
      { label: "Theme", value: settings.get("theme"), choices: [["auto", "As the system"], ["dark", "Dark"], ["light", "Light"]], set: (v) => this.setTheme(/** @type {"auto"} */ (v)) },
      { label: "Density", value: settings.get("density"), choices: [["comfortable", "Comfortable"], ["compact", "Compact"], ["large", "Large"]], set: keep("density", lay) },
      { label: "Times", value: settings.get("times"), choices: TIMES, set: (v) => this.#setTimes(/** @type {TimeDisplay} */ (v)) },
      { label: "Screen reader hears", value: settings.get("announce"), choices: [["off", "Nothing"], ["counts", "Counts"], ["errors", "Errors"], ["lines", "Every line"]], set: keep("announce", () => { announcer.level = settings.get("announce"); }) },
    ], [
      { label: "Line numbers", on: settings.get("numbers"), set: keep("numbers", lay) },
      { label: "Keys without Ctrl", help: "j, k, /, f and the like", on: settings.get("singleKeys"), set: keep("singleKeys") },
      { label: "Ctrl F finds in the log", help: "Off: it is the browser's own", on: settings.get("ctrlF"), set: keep("ctrlF") },
      { label: "Plain scrollbar", help: "Without bars of what stands where", on: settings.get("plainScrollbar"), set: keep("plainScrollbar", lay) },
    ], !settings.stored && h("p", { class: "quiet" }, "This browser keeps nothing for this page: settings last until it is closed."));
  }
}

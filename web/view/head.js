/**
 * The head of a pane: which logs it shows, and how; and its filter: one field, a chip for each
 * condition, and how much of the log it shows.
 *
 * @typedef {{name: string, label: string, colour: string, rate: string, hidden: boolean}} LogChip
 * @typedef {object} HeaderState
 * @property {LogChip[]} logs
 * @property {string} fact path and size, for one log
 * @property {boolean} raw
 * @property {boolean} wrap
 * @property {boolean} many more than one pane: it can be closed
 * @property {boolean} time whether one can go to a time
 * @property {boolean} tied whether all panes show the same time
 * @property {boolean} split
 * @property {boolean} download
 * @typedef {object} HeaderHost
 * @property {(name: string) => void} toggle
 * @property {(name: string) => void} remove
 * @property {() => void} add
 * @property {(raw: boolean) => void} raw
 * @property {() => void} wrap
 * @property {() => void} time
 * @property {() => void} split
 * @property {() => void} tie
 * @property {() => void} download
 * @property {() => void} link
 * @property {() => void} close
 * @property {typeof import("./dialogs.js").menu} menu
 * @typedef {import("../model/filters.js").Chip} Chip
 * @typedef {import("../model/filters.js").ChipKind} ChipKind
 * @typedef {import("./pane.js").Pane} Pane
 * @typedef {object} FilterState
 * @property {Chip[]} chips
 * @property {Map<Chip, string>} errors a sentence for each chip that is refused
 * @property {string} count what is shown of what there is
 * @property {string} progress "searched back to …", while nothing is found
 * @typedef {object} FilterHost
 * @property {(chips: Chip[]) => void} change
 * @property {() => void} save
 * @property {() => void} stop
 * @property {() => void} leave
 */

import { bodyOf, MAX_CHIPS, parseBody, parseTyped, PRESETS, typedOf } from "../model/filters.js";
import { total } from "../model/mapscale.js";
import { filterKeys } from "../model/protocol.js";
import { count, plural, short } from "../model/words.js";
import { ask, attribute, caseToggle, fill, h, icon, iconButton, press, pressed, regexToggle, say, show } from "./dom.js";

/** Seconds over which the lines that are shown are counted: as many as make the rate of a log. */
const SECONDS = 12;

export class Header {
  /** @param {HeaderHost} host */
  constructor(host) {
    this.host = host;
    this.logs = h("div", { class: "log-chips", role: "group", "aria-label": "Logs in this pane" });
    this.fact = h("span", { class: "pane-fact" });
    this.formatted = h("button", { onclick: () => host.raw(false) }, "Formatted");
    this.raw = h("button", { title: "The lines as they are  r", onclick: () => host.raw(true) }, "Raw");
    this.wrap = tool("wrap", "Wrap", "Wrap long lines  z", host.wrap);
    this.time = tool("clock", "Go to time", "Go to time  t", host.time);
    this.split = tool("split", "", "Split  |", host.split);
    this.tie = tool("tie", "", "Tie the panes: all show the same time", host.tie);
    this.download = tool("download", "", "Download  D", host.download);
    this.link = tool("link", "", "Copy link to this line  Y", host.link);
    this.more = tool("more", "", "Further tools", () => {
      const { left, bottom } = this.more.getBoundingClientRect();
      host.menu({ x: left, y: bottom + 2 }, this.items(this.all.filter((one) => one.classList.contains("over"))));
    });
    this.close = tool("close", "", "Close this pane", host.close);
    this.form = h("div", { class: "segmented", role: "group", "aria-label": "Form" }, this.formatted, this.raw);
    this.all = [this.form, this.wrap, this.time, this.split, this.tie, this.download, this.link];
    this.tools = h("div", { class: "pane-tools" }, ...this.all, this.close);
    this.el = h("div", { class: "pane-head" }, this.logs, this.fact, this.tools);
    this.key = "";
    const observer = new ResizeObserver(() => ask(this.fit));
    for (const el of [this.el, this.tools]) observer.observe(el);
  }

  /** From the right, what has no room beside the names of the logs goes into a menu. */
  fit = () => {
    const { all, more } = this;
    let free = this.el.clientWidth - 64;
    for (const label of this.logs.querySelectorAll("b")) {
      free -= (label.closest(".log-chip")?.clientWidth ?? 0) - label.clientWidth + Math.min(120, label.scrollWidth) + 10;
    }
    more.remove();
    for (const one of all) one.classList.remove("over");
    for (let k = all.length - 1; k >= 0 && this.tools.offsetWidth > free; k--) {
      if (all[k].hidden) continue;
      this.close.before(more);
      all[k].classList.add("over");
    }
  };

  /** What the tools do, as a menu; those that are not offered are left out. */
  items(tools = this.all) {
    return tools.filter((one) => !one.hidden).map((one) => {
      const button = one !== this.form ? one : pressed(this.raw) ? this.formatted : this.raw;
      const text = button.getAttribute("aria-label") ?? button.textContent ?? "";
      return { text, key: pressed(button) ? "on" : button.title.split("  ")[1], act: () => button.click() };
    });
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
      fill(this.logs, ...logs.map((log) => this.#chip(log, logs.length > 1)),
        iconButton("plus", "Add a log to this pane", this.host.add, "", "small add-log"));
      ask(this.fit);
    }
    logs.forEach((log, k) => this.#update(/** @type {HTMLElement} */ (this.logs.children[k]), log, logs.length > 1));
    say(this.fact, state.fact);
    press(this.formatted, !state.raw);
    press(this.raw, state.raw);
    press(this.wrap, state.wrap);
    show(this.time, state.time);
    show(this.split, state.split);
    show(this.tie, state.many && state.time);
    press(this.tie, state.tied);
    show(this.download, state.download);
    show(this.close, state.many);
  }

  /** @param {LogChip} log @param {boolean} merged */
  #chip(log, merged) {
    return h("span", { class: "log-chip", "data-name": log.name },
      h("button", { class: "log-chip-name", onclick: () => this.host.toggle(log.name) },
        h("span", { class: "square" }), h("b", { class: "log-chip-label" }), h("span", { class: "log-chip-rate" })),
      merged && h("button", { class: "chip-x", "aria-label": `Remove ${log.label}`, title: "Remove from this pane", onclick: () => this.host.remove(log.name) }, icon("close")));
  }

  /** @param {HTMLElement} el @param {LogChip} log @param {boolean} merged */
  #update(el, log, merged) {
    const [name] = /** @type {HTMLElement[]} */ ([...el.children]);
    const [square, label, rate] = /** @type {HTMLElement[]} */ ([...name.children]);
    square.className = `square ${log.colour}`;
    say(label, log.label);
    say(rate, log.rate);
    el.classList.toggle("off", log.hidden);
    attribute(name, "title", merged ? `${log.name}: click to ${log.hidden ? "show" : "hide"}` : log.name);
    attribute(name, "aria-pressed", merged ? String(!log.hidden) : null);
  }
}

/**
 * @param {import("./dom.js").IconName} name @param {string} word @param {string} title
 * @param {() => void} act
 */
function tool(name, word, title, act) {
  return h("button", { class: "tool", title, "aria-label": title.split("  ")[0], onclick: act },
    icon(name), word && h("span", { class: "tool-word" }, word));
}

/** @type {Record<ChipKind, string>} */
const WORD = { show: "Show", hide: "Hide", mark: "Mark" };

export class FilterBar {
  /** @param {FilterHost} host */
  constructor(host) {
    this.host = host;
    /** @type {Chip[]} */
    this.chips = [];
    this.field = h("input", {
      type: "text", class: "chip-field", placeholder: innerWidth < 600 ? "Filter lines…" : "Show, hide or mark lines…", spellcheck: "false",
      autocomplete: "off", autocapitalize: "none", "aria-label": "Filter: x shows, -x hides, +x marks, /x/ is a pattern",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event), oninput: () => this.#typed(),
    });
    this.kind = h("select", { class: "chip-kind", "aria-label": "What it does" },
      ...Object.entries(WORD).map(([value, text]) => h("option", { value }, text)));
    this.regex = regexToggle();
    this.case = caseToggle();
    this.options = h("span", { class: "chip-options", hidden: true }, this.kind, this.case, this.regex);
    this.list = h("span", { class: "chips", role: "list", "aria-label": "Filters" });
    this.box = h("div", { class: "chip-box" }, this.list, this.field, this.options, h("kbd", null, "f"));
    this.box.addEventListener("mousedown", (event) => {
      if (event.target === this.box || event.target === this.list) {
        event.preventDefault();
        this.field.focus();
      }
    });
    this.errors = this.#preset("Errors", PRESETS.errors);
    this.warnings = this.#preset("Warnings", PRESETS.warnings);
    this.save = h("button", { class: "preset", title: "Keep these logs and filters under a name", onclick: () => this.host.save() }, icon("star"), "Save view");
    this.count = h("span", { class: "filter-count" });
    this.error = h("p", { class: "filter-error", role: "alert", hidden: true });
    this.progressText = h("span", null);
    this.progress = h("p", { class: "filter-progress", role: "status", hidden: true }, this.progressText,
      h("button", { class: "text-button", onclick: () => this.host.stop() }, "Stop"));
    this.el = h("div", { class: "filter-bar" },
      h("div", { class: "filter-line" }, this.box, this.errors, this.warnings, this.save, this.count), this.error, this.progress);
    this.key = "";
  }

  /** @param {string} text @param {Chip} preset */
  #preset(text, preset) {
    return h("button", { class: "preset", onclick: () => {
      const there = this.chips.find((chip) => same(chip, preset));
      if (there) this.#set(this.chips.filter((chip) => chip !== there));
      else this.#set([...this.chips.filter((chip) => chip.form !== "level"), { ...preset }]);
    } }, text);
  }

  focus() {
    this.field.focus();
  }

  /** @param {FilterState} state */
  set(state) {
    this.chips = state.chips;
    say(this.count, state.count);
    show(this.progress, state.progress !== "");
    say(this.progressText, state.progress);
    const key = JSON.stringify([state.chips, [...state.errors.values()]]);
    if (key === this.key) return;
    this.key = key;
    fill(this.list, ...state.chips.map((chip) => this.#chip(chip, state.errors.get(chip))));
    press(this.errors, state.chips.some((chip) => same(chip, PRESETS.errors) && chip.on));
    press(this.warnings, state.chips.some((chip) => same(chip, PRESETS.warnings) && chip.on));
    const [first] = state.errors.values();
    this.#error(first ?? "");
  }

  /** @param {string} text */
  #error(text) {
    show(this.error, text !== "");
    say(this.error, text);
    attribute(this.field, "aria-invalid", text !== "" ? "true" : null);
  }

  /** @param {Chip} chip @param {string | undefined} error */
  #chip(chip, error) {
    const text = bodyOf(chip);
    const marks = this.chips.filter((one) => one.kind === "mark");
    const colour = chip.kind === "mark" ? ` mk${(marks.indexOf(chip) % 4) + 1}` : "";
    const edit = () => this.#edit(chip);
    return h("span", { class: `chip ${chip.kind}${colour}${chip.on ? "" : " off"}${error ? " bad" : ""}`, role: "listitem" },
      h("button", {
        class: "chip-main", "aria-pressed": String(chip.on),
        title: `${error ?? (chip.on ? "Click: off" : "Click: on")}. Double click or Enter: edit`,
        onclick: (/** @type {MouseEvent} */ event) => {
          if (event.detail === 0) edit();
          else this.#set(this.chips.map((one) => (one === chip ? { ...one, on: !one.on } : one)));
        },
        ondblclick: edit,
      }, h("b", null, WORD[chip.kind]), h("span", null, text.length > 40 ? `${text.slice(0, 39)}…` : text)),
      h("button", { class: "chip-x", "aria-label": `Remove ${WORD[chip.kind]} ${text}`, title: "Remove", onclick: () => this.#set(this.chips.filter((one) => one !== chip)) }, icon("close")));
  }

  /** @param {Chip} chip */
  #edit(chip) {
    this.field.value = typedOf(chip);
    this.#set(this.chips.filter((one) => one !== chip && !same(one, { ...chip, on: !chip.on })));
    this.field.focus();
    this.#typed();
  }

  /** @param {Chip[]} chips */
  #set(chips) {
    this.host.change(chips.slice(0, 2 * MAX_CHIPS));
  }

  #typed() {
    show(this.options, this.field.value !== "");
    const parsed = this.#parse();
    this.#error(parsed && "error" in parsed ? parsed.error : "");
    if (/^[-+]/.test(this.field.value)) this.kind.value = this.field.value[0] === "-" ? "hide" : "mark";
  }

  #parse() {
    const text = this.field.value;
    const signed = /^\s*[-+]/.test(text);
    const kind = /** @type {ChipKind} */ (this.kind.value);
    const parsed = signed || kind === "show" ? parseTyped(text) : parseBody(kind, text);
    if (!parsed || "error" in parsed) return parsed;
    if (pressed(this.regex) && parsed.form === "text") parsed.form = "regex";
    if (pressed(this.case)) parsed.caseRule = "match";
    return parsed;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      const parsed = this.#parse();
      if (!parsed) return this.host.leave();
      if ("error" in parsed) return this.#error(parsed.error);
      this.field.value = "";
      this.kind.value = "show";
      press(this.regex, false);
      press(this.case, false);
      this.#typed();
      this.#set([...this.chips.filter((one) => !same(one, parsed)), parsed]);
    } else if (event.key === "Backspace" && this.field.value === "" && this.chips.length) {
      event.preventDefault();
      this.#set(this.chips.slice(0, -1));
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (this.field.value) {
        this.field.value = "";
        this.#typed();
      } else this.host.leave();
    }
    return undefined;
  }
}

/** How much of the log is shown: by the second where lines come, else of the whole. */
export class Tally {
  /** @param {Pane} pane */
  constructor(pane) {
    this.pane = pane;
    /** Lines that came in this second, and in each of the last ones. */
    this.came = 0;
    /** @type {number[]} */
    this.seconds = [];
    /** Lines a second of these logs, shown or not. */
    this.rate = 0;
    /** How many lines of the whole log the filter shows: the outline that tells it. */
    this.matching = { id: 0, of: "", lines: 0 };
  }

  /** A second has passed. @param {number} rate lines a second of these logs */
  tick(rate) {
    this.seconds = [this.came, ...this.seconds].slice(0, SECONDS);
    if (this.matching.lines) this.matching.lines += this.came;
    this.came = 0;
    this.rate = rate;
    const { features, filtered, feed } = this.pane;
    if (features.has("outline") && filtered && !feed.merged && !feed.opening) this.#ask();
  }

  /** Asks how many lines of the whole log the filter shows, once for each. */
  #ask() {
    const { feed, host } = this.pane;
    const [source] = feed.sources;
    const of = JSON.stringify([source, feed.filter]);
    if (!source || this.matching.of === of) return;
    this.matching = { id: ++feed.ids, of, lines: 0 };
    host.send({ type: "outline", id: this.matching.id, source, buckets: 1, ...filterKeys(feed.filter) });
  }

  /** @param {import("../model/protocol.js").Outline} head @returns {boolean} whether it was asked for here */
  outline({ id, buckets }) {
    if (id !== this.matching.id) return false;
    this.matching.lines = total(buckets);
    return true;
  }

  words() {
    const { feed, filtered, following, whole } = this.pane;
    const shown = this.seconds.reduce((sum, lines) => sum + lines, 0) / Math.max(1, this.seconds.length);
    if (filtered && following && this.rate) return `${count(shown)} of ${count(Math.max(shown, this.rate))} lines/s shown`;
    const { attached, above, merged, hole, blocks } = feed;
    const held = attached && !above && !merged && !hole;
    if (!filtered) return held && blocks.lines ? plural(blocks.lines, "line") : whole ? `about ${short(whole)} lines` : "";
    const some = held ? count(blocks.lines) : this.matching.lines && `about ${short(this.matching.lines)}`;
    return some && whole ? `${some} of ${short(whole)}` : "";
  }
}

/** @param {Chip} a @param {Chip} b */
function same(a, b) {
  return a.kind === b.kind && a.form === b.form && a.text === b.text && a.word === b.word && a.caseRule === b.caseRule;
}

/**
 * What one does with the page beside reading: the actions of the table of keys, for the focused pane
 * or for all, and the choices of how it looks.
 *
 * @typedef {import("../view/pane.js").Pane} Pane
 *
 * @typedef {object} ActionHost what is of the page and not of a pane
 * @property {import("./desk.js").Desk} desk
 * @property {Set<string>} features
 * @property {import("../model/settings.js").Settings} settings
 * @property {import("../model/sources.js").Activity} activity
 * @property {import("../view/sources.js").Sources} sources
 * @property {Appearance} appearance
 * @property {(pane: Pane, names: string[]) => void} show
 * @property {(source: string) => void} open
 * @property {(open?: boolean) => void} sidebar
 * @property {() => void} palette
 * @property {() => void} saveView
 * @property {(text: string) => void} copy
 * @property {(pane: Pane, ref: import("../model/block.js").Ref) => void} link
 * @property {() => void} addressChanged
 * @property {(text: string) => void} say
 * @typedef {object} AppearanceHost
 * @property {import("../model/settings.js").Settings} settings
 * @property {import("./desk.js").Desk} desk
 * @property {import("../view/status.js").Announcer} announcer
 * @property {() => void} recoloured the colours are others
 * @property {(text: string) => void} say
 */

import { MAX_PANES } from "../model/address.js";
import { actionFor } from "../model/keymap.js";
import { filterKeys } from "../model/protocol.js";
import { bytes, plural } from "../model/words.js";
import { downloadDialog, help, settingsDialog, waiting } from "../view/dialogs.js";
import { attribute, fill, h, icon, one } from "../view/dom.js";
import { copy, gather } from "../view/selection.js";

const root = document.documentElement;

/** What is learned by doing it once: the hint of the status bar goes. */
export const LESSONS = ["stop", "find", "filter", "help"];

export class Actions {
  /** @param {ActionHost} host */
  constructor(host) {
    this.host = host;
    this.table = tableOf(host, this);
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** What the daemon does not offer is not shown. @param {string} action */
  offered(action) {
    const { features, desk } = this.host;
    if (["time", "link"].includes(action)) return features.has("locate");
    if (action === "download") return features.has("download") && desk.current?.feed.sources.length === 1;
    return action in this.table;
  }

  /** @param {string} action */
  run(action) {
    const pane = this.host.desk.current;
    if (!pane || !this.offered(action)) return;
    if (LESSONS.includes(action)) this.host.settings.learn(action);
    this.table[action](pane);
    pane.dirty();
  }

  /** Copies selected lines that are not all held here. @param {Pane} pane */
  async gather(pane) {
    const link = this.host.desk.slots.find((slot) => slot.pane === pane)?.link;
    const ends = pane.picked.far;
    if (!link || !ends) return;
    const box = waiting("Copy");
    const got = await gather(ends, pane.feed.sources, (block, i) => pane.looks.timeOf(block, i), (command) => link.ask(command), (lines, size) => {
      box.say(`${plural(lines, "line")}, ${bytes(size)} so far …`);
      return !box.stopped;
    });
    if (box.stopped) return;
    const much = got && `${plural(got.text.split("\n").length, "line")}, ${bytes(got.text.length)}`;
    const words = !got ? "These lines cannot be had any more." : got.whole ? `${much}.` : `Only the first ${much}: Download has them all.`;
    box.say(words);
    if (!got || (await copy(got.text))) {
      box.close();
      this.host.say(got ? `Copied: ${words}` : words);
    } else box.offer("Copy", () => this.host.copy(got.text));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const { settings, desk } = this.host;
    const target = event.target instanceof Element ? event.target : null;
    const inField = !!target?.closest("input, textarea, select");
    const onButton = !!target?.closest("button, a, summary, [role=treeitem]");
    const action = actionFor(event, { inField, onButton, singleKeys: settings.get("singleKeys"), ctrlF: settings.get("ctrlF") });
    if (!action || !this.offered(action)) return;
    // A second Ctrl F, in the field, is the browser's own.
    if (action === "find" && inField && target === desk.current?.finder.bar.field) return;
    event.preventDefault();
    this.run(action);
  }
}

/** @param {ActionHost} host @param {Actions} actions @returns {Record<string, (pane: Pane) => unknown>} */
function tableOf(host, actions) {
  const { desk, settings, sources, appearance, say } = host;

  /** Remembers for each log that is shown. @param {Pane} pane @param {import("../model/settings.js").LogSettings} change */
  const remember = (pane, change) => {
    for (const name of pane.shown) settings.setLog(name, change);
    host.addressChanged();
  };
  /** The next log with new lines. @param {number} step */
  const unseen = (step) => {
    const names = sources.rows.flatMap((row) => (row.source ? [row.source.name] : []));
    const here = names.indexOf(desk.current?.shown[0] ?? "");
    for (let k = 1; k <= names.length; k++) {
      const name = names[(here + step * k + names.length * k) % names.length];
      if (host.activity.pulses.get(name)?.unseen) return host.open(name);
    }
    return say("No other log has new lines.");
  };
  /** The next region of the page. @param {number} step */
  const region = (step) => {
    const pane = desk.current;
    const places = [
      () => one("#top .open-button"), () => sources.field, () => pane?.filterBar.field, () => pane?.paper.paper, () => pane?.map.el,
    ].map((place) => place()).filter((element) => element && element.offsetParent !== null);
    const at = places.findIndex((element) => element?.closest(".top, .side, .filter-bar, .scroller, .map")?.contains(document.activeElement));
    places[(at + step + places.length) % places.length]?.focus();
  };
  /** @param {number} index */
  const toPane = (index) => {
    desk.focus(index);
    desk.panes[index]?.focus();
  };

  return {
    stop: (pane) => pane.space(),
    pageUp: (pane) => pane.page(-1),
    pageDown: (pane) => pane.page(1),
    halfDown: (pane) => pane.page(0.5),
    halfUp: (pane) => pane.page(-0.5),
    lineDown: (pane) => pane.step(1),
    lineUp: (pane) => pane.step(-1),
    first: (pane) => pane.first(),
    end: (pane) => pane.toEnd(),
    left: (pane) => pane.sideways(-20),
    right: (pane) => pane.sideways(20),
    lineStart: (pane) => pane.sideways(-Infinity),
    lineEnd: (pane) => pane.sideways(Infinity),
    back: () => history.back(),
    find: (pane) => {
      pane.timeBox.hide();
      pane.finder.show();
    },
    findNext: (pane) => pane.finder.next(true),
    findPrevious: (pane) => pane.finder.next(false),
    filter: (pane) => pane.filterBar.focus(),
    filtersToggle: (pane) => pane.toggleFilters(),
    context: (pane) => pane.context(),
    errorNext: (pane) => pane.finder.level("error", true),
    errorPrevious: (pane) => pane.finder.level("error", false),
    warningNext: (pane) => pane.finder.level("warn", true),
    warningPrevious: (pane) => pane.finder.level("warn", false),
    time: (pane) => {
      pane.finder.bar.hide();
      pane.timeBox.show();
    },
    timeDisplay: () => appearance.nextTimes(),
    bookmark: (pane) => pane.bookmark(),
    bookmarkNext: (pane) => pane.toBookmark(1),
    bookmarkPrevious: (pane) => pane.toBookmark(-1),
    expand: (pane) => pane.expand(),
    groups: (pane) => pane.toggleGroups(),
    select: (pane) => pane.startSelecting(),
    copy: (pane) => {
      pane.pickAcross();
      if (pane.picked.far) return void actions.gather(pane);
      const ref = pane.current ?? pane.firstVisible;
      const text = pane.selectionText() ?? (ref ? pane.lineOf(ref) : null);
      if (text !== null) host.copy(text);
      pane.clearSelection();
      return undefined;
    },
    link: (pane) => {
      const ref = pane.current ?? (pane.following ? pane.lastVisible : pane.firstVisible);
      if (ref) host.link(pane, ref);
    },
    rowMenu: (pane) => {
      const ref = pane.current ?? pane.firstVisible;
      if (ref) pane.rowMenu(ref);
    },
    raw: (pane) => {
      pane.setRaw(!pane.looks.options.raw);
      remember(pane, { raw: pane.looks.options.raw });
    },
    wrap: (pane) => {
      pane.setWrap(!pane.looks.options.wrap);
      remember(pane, { wrap: pane.looks.options.wrap });
    },
    download: (pane) => downloadDialog(downloads(pane)),
    help: () => help((action) => actions.offered(action)),
    close: (pane) => {
      if (root.classList.contains("drawer")) host.sidebar(false);
      else if (pane.finder.bar.open) pane.finder.close();
      else if (pane.timeBox.open) {
        pane.timeBox.hide();
        pane.focus();
      } else if (!pane.clearSelection() && !pane.finder.clear()) pane.select(null);
    },
    sources: () => {
      if (innerWidth < 900) root.classList.add("drawer");
      else root.classList.remove("side-hidden");
      sources.focus();
    },
    sidebar: () => host.sidebar(),
    open: () => host.palette(),
    addLog: () => host.palette(),
    unseenPrevious: () => unseen(-1),
    unseenNext: () => unseen(1),
    pane1: () => toPane(0),
    pane2: () => toPane(1),
    pane3: () => toPane(2),
    pane4: () => toPane(3),
    split: (pane) => {
      if (desk.full) return say(`There are ${MAX_PANES} panes already.`);
      const other = desk.beside();
      host.show(other, pane.shown);
      desk.arrange();
      return other.focus();
    },
    tie: (pane) => {
      desk.tied = !desk.tied;
      desk.time = NaN;
      desk.follow(pane);
    },
    regionNext: () => region(1),
    regionPrevious: () => region(-1),
    saveView: () => host.saveView(),
    closePane: (pane) => desk.remove(pane),
  };
}

/** What of a pane can be had as a file. @param {Pane} pane @returns {import("../view/dialogs.js").Part[]} */
function downloads(pane) {
  const [source] = pane.feed.sources;
  /** @type {Record<string, string>} */
  const filter = pane.filtered ? { filter: JSON.stringify(filterKeys(pane.feed.filter)) } : {};
  const picked = pane.selectedPlace();
  const from = pane.following ? null : pane.heldPlace();
  const { blocks, above, below, hole } = pane.feed;
  const [begin, end] = pane.brink.window;
  const first = above || below || hole ? blocks.at(begin) : null;
  const loaded = first ? blocks.linesIn(begin, end) : 0;
  const edge = first && pane.placeOf(first);
  const { files } = pane.map;
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const whole = files.length ? `${bytes(size)} in ${plural(files.length, "file")}` : "all of its files";
  return [
    ...(picked ? [{
      label: "Selected lines", detail: plural(picked.lines, "line"),
      fields: { source, after: picked.cursor, skip: String(picked.skip), lines: String(picked.lines), ...filter },
    }] : []),
    ...(edge ? [{
      label: "Loaded lines", detail: plural(loaded, "line"),
      fields: { source, after: edge.cursor, skip: String(edge.skip), lines: String(loaded), ...filter },
    }] : []),
    ...(pane.filtered ? [{ label: "This view", detail: "what the filter shows of the whole log", fields: { source, ...filter } }] : []),
    ...(from ? [{
      label: "From this line on", detail: pane.filtered ? "what the filter shows, up to the end" : "up to the end",
      fields: { source, after: from.cursor, skip: String(from.skip), ...filter },
    }] : []),
    { label: "The whole log", detail: whole, fields: { source } },
  ];
}

/** @typedef {import("../model/times.js").TimeDisplay} TimeDisplay */

/** @type {[TimeDisplay, string][]} */
const TIMES = [["file", "As in the file"], ["local", "Local"], ["utc", "UTC"], ["previous", "Since the line before"], ["bookmark", "Since the bookmark"]];

const THEMES = /** @type {const} */ (["auto", "dark", "light"]);

/** How the page looks, as far as one may choose: theme, density, times, numbers; and the dialog of that. */
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
    const [times, words] = TIMES[(TIMES.findIndex(([value]) => value === this.settings.get("times")) + 1) % TIMES.length];
    this.#setTimes(times);
    this.host.say(`Times: ${words.toLowerCase()}`);
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

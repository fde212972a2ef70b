/**
 * The sources at the left: a tree by their names, with a filter, and what each of them is doing.
 *
 * Windowed like the log: five hundred sources are as many elements as fit. The bars of all visible
 * rows are drawn in one canvas, once a second, and not at all while the page is hidden. A saved view
 * shows what all of its logs are doing.
 *
 * @typedef {import("../model/protocol.js").SourceInfo} SourceInfo
 * @typedef {import("../model/sources.js").TreeRow} TreeRow
 * @typedef {"open" | "add" | "beside"} How
 * @typedef {{name: string, address: string, own: boolean}} SavedView
 *
 * @typedef {object} SourcesHost
 * @property {(source: string, how: How) => void} open
 * @property {(address: string) => void} openView
 * @property {(view: SavedView) => void} removeView
 * @property {() => void} close the drawer
 * @property {() => string[]} folders closed ones
 * @property {(folders: string[]) => void} keepFolders
 * @property {(source: string) => string} fact path and size
 */

import { describe, parseAddress } from "../model/address.js";
import { BARS, rows } from "../model/sources.js";
import { count, duration, middle, plural, rate, short } from "../model/words.js";
import { ask, attribute, brush, colour, fill, h, howOf, icon, iconButton, say, show } from "./dom.js";

const BAR_WIDTH = 46;
const BAR_HEIGHT = 16;

/** What is said beside the name when a source is not live. @type {Record<string, string>} */
const STATES = {
  missing: "not there yet",
  unreadable: "no permission",
  archive: "",
  live: "",
};

export class Sources {
  /**
   * @param {HTMLElement} side
   * @param {SourcesHost} host
   * @param {import("../model/sources.js").Activity} activity
   */
  constructor(side, host, activity) {
    this.host = host;
    this.activity = activity;
    /** @type {SourceInfo[]} */
    this.sources = [];
    /** Saved views: the logs of each, and what is drawn of them. @type {{names: string[], canvas: HTMLCanvasElement, count: HTMLElement}[]} */
    this.views = [];
    /** What is on screen, with its colour class. @type {Map<string, string>} */
    this.shown = new Map();
    /** @type {TreeRow[]} */
    this.rows = [];
    this.closed = new Set(host.folders());
    this.focused = 0;
    /** @type {HTMLElement[]} */
    this.pool = [];
    this.first = 0;

    this.field = h("input", {
      type: "search", class: "field", placeholder: "Filter sources", "aria-label": "Filter sources",
      spellcheck: "false", autocomplete: "off", "aria-controls": "tree",
      oninput: () => this.update(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#fieldKey(event),
    });
    this.viewList = h("div", { class: "views", role: "list", "aria-label": "Saved views" });
    this.viewBox = h("div", { hidden: true }, h("h2", { class: "side-title" }, "Saved views"), this.viewList);
    this.live = h("span", { class: "side-live" });
    this.canvas = h("canvas", { class: "sparks", "aria-hidden": "true" });
    this.list = h("div", { class: "tree-rows" });
    this.ruler = h("div", { class: "probe" });
    this.tree = h("div", {
      class: "tree", role: "tree", id: "tree", "aria-label": "Sources", tabindex: "-1", translate: "no",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#treeKey(event),
    }, this.list, this.canvas, this.ruler);
    this.empty = h("p", { class: "side-empty", hidden: true });
    this.scroll = h("div", { class: "side-scroll" }, this.viewBox,
      h("h2", { class: "side-title" }, "Sources", this.live), this.tree, this.empty);
    fill(side, h("div", { class: "side-field" }, icon("search"), this.field, h("kbd", null, "s")), this.scroll);
    this.scroll.addEventListener("scroll", () => {
      this.top = this.scroll.scrollTop;
      this.#paintSoon();
    }, { passive: true });
    this.list.addEventListener("click", (event) => this.#click(event, false));
    this.list.addEventListener("auxclick", (event) => this.#click(event, true));
    // Sizes are told, not asked for in a frame: that would lay the page out once more.
    this.high = 27;
    this.above = this.tall = this.top = 0;
    const observer = new ResizeObserver(() => this.#measure());
    for (const el of [this.scroll, this.viewBox, this.ruler]) observer.observe(el);
    this.paint = () => this.#paint();
  }

  /** @param {SourceInfo[]} sources */
  set(sources) {
    this.sources = sources;
    this.activity.forget(sources.map((source) => source.name));
    this.update();
  }

  /** @param {SavedView[]} views */
  setViews(views) {
    show(this.viewBox, views.length > 0);
    this.views = [];
    fill(this.viewList, ...views.map((view) => {
      const { panes } = parseAddress(view.address);
      const canvas = h("canvas", { class: "spark", "aria-hidden": "true" });
      const count = h("span", { class: "tree-count" });
      this.views.push({ names: [...new Set(panes.flatMap(({ sources }) => sources))], canvas, count });
      return h("div", { class: "view-row", role: "listitem" },
        h("button", { class: "view-open", title: panes.map(describe).join("\n"), onclick: () => this.host.openView(view.address) },
          icon("star"), h("span", null, view.name), canvas, " ", count),
        view.own && iconButton("close", `Remove the view ${view.name}`, () => this.host.removeView(view), "", "small"));
    }));
    this.#paintSoon();
  }

  /** @param {Map<string, string>} shown */
  setShown(shown) {
    this.shown = shown;
    this.#paintSoon();
  }

  focus() {
    this.field.focus();
    this.field.select();
  }

  /** Puts the focus on the list itself. */
  focusList() {
    this.#focusRow(this.focused);
  }

  /** Builds the rows anew; the focused row keeps its place among them. */
  update() {
    const at = this.rows[this.focused]?.path;
    this.rows = rows(this.sources, this.field.value, this.closed);
    const found = this.rows.findIndex((row) => row.path === at);
    this.focused = found >= 0 ? found : Math.min(this.focused, Math.max(0, this.rows.length - 1));
    const live = this.sources.filter((source) => source.state === "live").length;
    say(this.live, this.sources.length ? `${count(live)} live` : "");
    const nothing = this.sources.length > 0 && this.rows.length === 0;
    show(this.empty, nothing);
    say(this.empty, nothing ? `No source has “${this.field.value.trim()}” in its name.` : "");
    this.#paintSoon();
  }

  #paintSoon() {
    ask(this.paint);
  }

  /** New counts: once a second. */
  pulse() {
    if (!document.hidden) this.#paintSoon();
  }

  #measure() {
    this.high = this.ruler.offsetHeight || this.high;
    this.above = this.tree.offsetTop;
    this.tall = this.scroll.clientHeight;
    this.#paint();
  }

  #paint() {
    const { high, tall, tree, list, rows: all } = this;
    const top = this.top - this.above;
    const first = Math.max(0, Math.floor(top / high) - 2);
    const last = Math.min(all.length, Math.ceil((top + tall) / high) + 2);
    const visible = Math.max(0, last - first);
    const height = `${all.length * high}px`;
    if (tree.style.height !== height) tree.style.height = height;
    this.first = first;
    while (this.pool.length < visible) {
      const row = makeRow();
      this.pool.push(row);
      list.append(row);
    }
    while (this.pool.length > visible) this.pool.pop()?.remove();
    for (let k = 0; k < visible; k++) this.#fillRow(this.pool[k], all[first + k], first + k, high);
    this.canvas.style.transform = `translateY(${first * high}px)`;
    this.#sparks(this.canvas, high, all.slice(first, last).map(({ source }) => (source && !STATES[source.state] ? [source.name] : [])));
    for (const { names, canvas, count } of this.views) {
      this.#count(count, names);
      this.#sparks(canvas, BAR_HEIGHT, [names]);
    }
  }

  /** What came unseen. @param {HTMLElement} el @param {string[]} names @returns {number} */
  #count(el, names) {
    const pulses = names.flatMap((name) => this.activity.pulses.get(name) ?? []);
    const unseen = pulses.reduce((sum, pulse) => sum + pulse.unseen, 0);
    say(el, unseen ? short(unseen) : "");
    el.classList.toggle("errors", pulses.some((pulse) => pulse.unseenErrors > 0));
    return unseen;
  }

  /** @param {HTMLElement} el @param {TreeRow} row @param {number} index @param {number} high */
  #fillRow(el, row, index, high) {
    el.style.transform = `translateY(${index * high}px)`;
    const [mark, name, state, number] = /** @type {HTMLElement[]} */ ([...el.children]);
    const { source } = row;
    const shown = source ? this.shown.get(source.name) : undefined;
    el.className = `tree-row ${row.kind}${shown !== undefined ? " shown" : ""}`;
    el.style.setProperty("--depth", String(row.depth));
    el.id = `source-${index}`;
    attribute(el, "aria-level", row.depth + 1);
    attribute(el, "aria-posinset", index + 1);
    attribute(el, "aria-setsize", this.rows.length);
    attribute(el, "aria-expanded", row.kind === "folder" ? String(row.open) : null);
    attribute(el, "aria-selected", row.kind === "source" ? String(shown !== undefined) : null);
    attribute(el, "tabindex", index === this.focused ? "0" : "-1");
    el.dataset.index = String(index);
    if (el.dataset.path !== row.path || el.dataset.marks !== row.marks.join()) {
      el.dataset.path = row.path;
      el.dataset.marks = row.marks.join();
      fill(/** @type {Element} */ (name.firstChild), ...marked(row.name, row.marks));
    }
    const detail = /** @type {Element} */ (name.lastChild);
    if (!source) {
      say(detail, "");
      mark.className = `mark folder-mark${row.open ? " open" : ""}`;
      say(state, "");
      say(number, "");
      el.title = plural(row.count, "source");
      attribute(el, "aria-label", `${row.name}, ${plural(row.count, "source")}`);
      return;
    }
    const now = Date.now();
    const quiet = this.activity.quiet(source.name, now);
    mark.className = `mark state-${source.state in STATES ? source.state : "other"} ${shown ?? ""}`;
    const word = STATES[source.state] ?? source.state;
    say(state, word);
    const unseen = this.#count(number, word ? [] : [source.name]);
    const lineRate = this.activity.rate(source.name);
    const busy = quiet ? `quiet for ${duration(quiet)}` : lineRate ? rate(lineRate).replace("/", " lines/") : "";
    say(detail, [source.path?.split("/").pop(), busy].filter(Boolean).join(" · "));
    const pace = this.activity.pace(source.name, now);
    const facts = [source.name, source.detail, pace || busy, this.activity.told(source.name), this.host.fact(source.name)];
    const title = facts.filter(Boolean).join("\n");
    attribute(el, "title", title);
    const spoken = [row.name, high > 40 && detail.textContent, word, unseen ? `${short(unseen)} new ${unseen === 1 ? "line" : "lines"}` : ""].filter(Boolean).join(" ");
    attribute(el, "aria-label", spoken);
  }

  /** Bars, one row below the other, each of some logs. @param {HTMLCanvasElement} canvas @param {number} high px of a row @param {string[][]} rows */
  #sparks(canvas, high, rows) {
    const context = brush(canvas, BAR_WIDTH, rows.length * high);
    if (!context) return;
    canvas.style.height = `${rows.length * high}px`;
    const step = BAR_WIDTH / BARS;
    const tallest = Math.min(BAR_HEIGHT, high);
    rows.forEach((names, k) => {
      const bars = this.activity.bars(names);
      const most = Math.max(...bars.map(([lines]) => lines));
      if (!most) return;
      const [plain, red] = [colour("--bar"), colour("--err")];
      const foot = k * high + (high + tallest) / 2;
      bars.forEach(([lines, errors], i) => {
        if (!lines) return;
        const tall = Math.max(1, Math.sqrt(lines / most) * tallest);
        context.fillStyle = plain;
        context.fillRect(i * step, foot - tall, step - 0.8, tall);
        if (!errors) return;
        const bad = Math.max(2, tall * Math.min(1, errors / lines));
        context.fillStyle = red;
        context.fillRect(i * step, foot - bad, step - 0.8, bad);
      });
    });
  }

  /** @param {MouseEvent} event @param {boolean} aux */
  #click(event, aux) {
    const el = /** @type {Element} */ (event.target).closest(".tree-row");
    if (!(el instanceof HTMLElement)) return;
    if (aux && event.button !== 1) return;
    const index = Number(el.dataset.index);
    this.focused = index;
    const how = aux ? "beside" : howOf(event);
    this.#act(index, how);
  }

  /** @param {number} index @param {How} how */
  #act(index, how) {
    const row = this.rows[index];
    if (!row) return;
    if (row.kind === "folder") this.#toggle(row, !row.open);
    else this.host.open(row.path, how);
  }

  /** @param {TreeRow} row @param {boolean} open */
  #toggle(row, open) {
    if (open) this.closed.delete(row.path);
    else this.closed.add(row.path);
    this.host.keepFolders([...this.closed].slice(-500));
    this.update();
  }

  /** @param {KeyboardEvent} event */
  #fieldKey(event) {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      this.#focusRow(this.rows[0]?.kind === "folder" && this.rows.length > 1 ? this.#firstSource() : 0);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.#act(this.#firstSource(), howOf(event));
    } else if (event.key === "Escape" && this.field.value) {
      event.stopPropagation();
      this.field.value = "";
      this.update();
    }
  }

  #firstSource() {
    return Math.max(0, this.rows.findIndex((row) => row.kind === "source"));
  }

  /** The keys of a tree, as WAI-ARIA has them. @param {KeyboardEvent} event */
  #treeKey(event) {
    const row = this.rows[this.focused];
    if (!row) return;
    const { key } = event;
    let to = -1;
    if (key === "ArrowDown") to = this.focused + 1;
    else if (key === "ArrowUp") to = this.focused - 1;
    else if (key === "Home") to = 0;
    else if (key === "End") to = this.rows.length - 1;
    else if (key === "ArrowRight" && row.kind === "folder") {
      if (row.open) to = this.focused + 1;
      else this.#toggle(row, true);
    } else if (key === "ArrowLeft") {
      if (row.kind === "folder" && row.open) this.#toggle(row, false);
      else to = this.rows.findLastIndex((one, k) => k < this.focused && one.depth < row.depth);
    } else if (key === "Enter" || key === " ") {
      this.#act(this.focused, howOf(event));
    } else return;
    event.preventDefault();
    event.stopPropagation();
    if (to >= 0 && to < this.rows.length) this.#focusRow(to);
  }

  /** @param {number} index */
  #focusRow(index) {
    if (!this.rows.length) return this.field.focus();
    this.focused = Math.max(0, Math.min(this.rows.length - 1, index));
    const { high, tall, scroll } = this;
    const y = this.above + this.focused * high;
    if (y < this.top) scroll.scrollTop = y;
    else if (y + high > this.top + tall) scroll.scrollTop = y + high - tall;
    this.top = scroll.scrollTop;
    this.#paint();
    this.pool[this.focused - this.first]?.focus({ preventScroll: true });
    return undefined;
  }
}

function makeRow() {
  return h("div", { class: "tree-row", role: "treeitem" },
    h("span", { class: "mark" }), h("span", { class: "tree-name" }, h("span", null), " ", h("small", null)), " ", h("span", { class: "tree-state" }), " ",
    h("span", { class: "tree-count" }));
}

/** @param {string} name @param {[number, number][]} marks */
function marked(name, marks) {
  if (!marks.length) return [name.length > 60 ? middle(name, 60) : name];
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let at = 0;
  for (const [from, to] of marks) {
    if (from > at) parts.push(name.slice(at, from));
    parts.push(h("mark", null, name.slice(from, to)));
    at = to;
  }
  if (at < name.length) parts.push(name.slice(at));
  return parts;
}

/**
 * What the page says of itself: the status bar (the mode, what came meanwhile, where one is), what
 * stands in place of lines, the chip that tells whether what is on screen is the truth now, what a
 * screen reader hears, and, when nobody looks, the tab's title and icon and the system's
 * notifications.
 *
 * @typedef {object} Facts
 * @property {boolean} following
 * @property {number} lines new since reading began
 * @property {number} errors among them
 * @property {string[][]} right facts at the right, each: words, figure, words
 * @property {string} hint
 * @typedef {import("../model/protocol.js").LinkState} State
 * @typedef {{state: State, ms: number, quiet: number, behind: string, last: string, now: number}}
 *   Standing behind: how much is still to come while following, or ""
 * @typedef {"off" | "counts" | "errors" | "lines"} Level
 * @typedef {import("./pane.js").Pane} Pane
 */

import { resolve, same } from "../model/block.js";
import { count, dateTime, duration, plural, short } from "../model/words.js";
import { fill, h, icon, iconButton, say, show, visible } from "./dom.js";

/** The status bar: the truth about the focused pane. */
export class Status {
  /**
   * @param {HTMLElement} foot
   * @param {{end: () => void, firstError: () => void, dismiss: () => void}} host
   */
  constructor(foot, host) {
    this.mode = h("span", { class: "mode" });
    this.lines = h("span", { class: "new-lines" });
    this.button = h("button", { class: "new-button", hidden: true, onclick: host.end },
      icon("end"), this.lines, h("kbd", null, "End"));
    this.errors = h("button", { class: "new-errors", hidden: true, onclick: host.firstError });
    this.new = h("span", { class: "new" }, this.button, this.errors);
    this.hintText = h("span", null);
    this.hint = h("span", { class: "hint", hidden: true }, this.hintText,
      iconButton("close", "Hide this hint", host.dismiss, "", "small"));
    this.right = h("span", { class: "foot-right" });
    fill(foot, this.mode, this.new, this.hint, this.right);
    this.key = "";
  }

  /** @param {Facts | null} facts */
  set(facts) {
    const key = JSON.stringify(facts);
    if (key === this.key) return;
    this.key = key;
    for (const part of [this.mode, this.new, this.hint, this.right]) show(part, facts !== null);
    if (!facts) return;
    this.mode.className = `mode ${facts.following ? "following" : "reading"}`;
    say(this.mode, facts.following ? "Following" : "Reading");
    show(this.button, !facts.following);
    say(this.lines, facts.lines ? plural(facts.lines, "new line") : "To the end");
    show(this.errors, !facts.following && facts.errors > 0);
    say(this.errors, plural(facts.errors, "error"));
    show(this.hint, facts.hint !== "");
    say(this.hintText, facts.hint);
    fill(this.right, ...facts.right.map(([before, figure, after]) => h("span", { class: "fact" },
      before && `${before} `, figure && h("b", null, figure), after && ` ${after}`)));
  }
}

/** Facts for the state line, least important first. @param {Pane} pane @returns {string[][]} each: words, figure, words */
export function factsOf(pane) {
  const { feed, looks, lastLine, host } = pane;
  const zone = host.zone();
  const facts = [];
  const age = Date.now() - lastLine;
  const ref = pane.following ? null : pane.held();
  if (pane.following && lastLine) {
    facts.push(["last line", duration(age), "ago"]);
    if (age < 5000) facts.push(["", `${Math.round(pane.behind)} ms`, "behind"]);
  } else if (ref) {
    const { block, i } = resolve(ref);
    const file = host.info(block.source)?.path?.split("/").pop() || block.source;
    if (block.number !== null) facts.push(["", `${file}:${block.number + i}`, ""]);
    const ms = looks.timeNear(block, i);
    if (ms === ms) facts.push(["", dateTime(ms, zone), ""]);
    const mark = pane.bookmarks[pane.bookmarks.length - 1];
    if (mark && ms === ms && mark.ms === mark.ms && !same(mark.ref, ref)) {
      facts.push(["", duration(Math.abs(ms - mark.ms)), ms >= mark.ms ? "after the bookmark" : "before the bookmark"]);
    }
    const last = feed.attached ? feed.blocks.at(feed.blocks.end - 1) : null;
    const end = last ? looks.timeNear(last.block, last.i) : NaN;
    if (ms === ms && end - ms >= 1000) facts.push(["", duration(end - ms), "before the end"]);
  }
  facts.push(["in memory", count(feed.blocks.lines), "lines"]);
  if (feed.merged) facts.push(feed.weave.hurried ? ["merged by arrival:", "20,000 lines/s", "and more"] : ["merged by time,", zone, ""]);
  return facts;
}

/** What is said in place of lines; nothing where there are some, or may be in a moment. @param {Pane} pane @returns {import("./dom.js").Child[]} */
export function noticeOf(pane) {
  const { feed, shown, filtered, whole } = pane;
  const [name] = shown;
  const info = shown.length === 1 ? pane.host.info(name) : undefined;
  if (!name || feed.blocks.lines) return [];
  const other = h("button", { class: "primary small", onclick: () => pane.host.act("open") }, "Open another log");
  if (info && info.state !== "live" && info.state !== "archive") {
    const help = info.state === "missing" ? "It is shown as soon as the file appears." : "";
    return [h("strong", null, ABSENT[info.state] ?? info.state), h("p", null, info.path || info.name), info.detail && h("p", null, info.detail), help && h("p", null, help), other];
  }
  if (pane.failure) return [h("strong", null, pane.failureCode === "unknown-source" ? "This log is not there" : "This log cannot be shown"), h("p", null, pane.failure), other];
  if (feed.opening || (filtered && feed.above)) return [];
  if (!filtered) return [h("strong", null, "No lines yet"), h("p", null, "They will appear here.")];
  return [h("strong", null, "No line matches"), h("p", null, whole ? `0 of about ${short(whole)} lines match.` : "The filters hide all lines of this log."),
    h("button", { class: "primary small", onclick: () => pane.toggleFilters() }, "Turn filters off")];
}

/** What is said in place of a log that cannot be followed. @type {Record<string, string>} */
const ABSENT = { missing: "Not there yet", unreadable: "This log cannot be read", "not-a-file": "This is not a file with lines" };

/** The chip that says whether what is on screen is the truth now, and what is done about it if not. */
export class Connection {
  /** @param {{now: () => void, skip: () => void, signIn: () => void}} host */
  constructor(host) {
    this.dot = h("span", { class: "dot" });
    this.word = h("span", { class: "chip-word" });
    this.detail = h("span", { class: "chip-detail" });
    this.button = h("button", { class: "chip-button", hidden: true });
    this.el = h("div", { class: "connection" }, this.dot, this.word, this.detail, this.button);
    this.host = host;
    this.action = () => {};
    this.button.addEventListener("click", () => this.action());
    this.spoken = "";
  }

  /** @param {Standing} standing @returns {string} what a screen reader should hear, once a change */
  set(standing) {
    const { state, behind, quiet, ms, last } = standing;
    const { now, skip, signIn } = this.host;
    const left = Math.max(0, Math.ceil((state.at - standing.now) / 1000));
    const again = `trying again in ${left} s`;
    const lag = quiet > 0 ? `log quiet ${duration(quiet)}` : ms >= 0 ? `${Math.round(ms)} ms` : "";
    /** What it looks like, says, and offers. @type {Record<import("../model/protocol.js").Phase, [string, string, string?, string?, (() => void)?]>} */
    const table = {
      live: behind ? ["behind", "Catching up", `${behind} behind`, "Skip to live", skip] : ["live", "Live", lag],
      connecting: ["waiting", state.tries ? "Reconnecting" : "Connecting"],
      waiting: ["waiting", `Reconnecting in ${left} s`, `${last && `last line ${last}, `}nothing will be lost`, "Now"],
      stopped: ["waiting", "Daemon stopped", again, "Now"],
      offline: ["offline", "Offline", "this device has no network"],
      "signed-out": ["offline", "Signed out", "", "Sign in", signIn],
      refused: ["offline", state.reason || "Too many connections", again, "Now"],
    };
    const [kind, word, detail = "", button = "", action = now] = table[state.phase];
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

/** Shortest pause between two announcements of each kind, ms. @type {Record<Level, number>} */
const SPEECH_PAUSE = { off: Infinity, counts: 5000, errors: 3000, lines: 1000 };

/** What a screen reader hears: seldom enough to be of use, whatever the log does. */
export class Announcer {
  /** @param {HTMLElement} region with role=status */
  constructor(region) {
    this.region = region;
    /** @type {Level} */
    this.level = "counts";
    this.lines = 0;
    this.errors = 0;
    this.text = "";
    this.last = 0;
    this.timer = 0;
  }

  /** Something that must be heard now: a change of mode or connection. @param {string} text */
  now(text) {
    if (!text) return;
    this.region.textContent = text;
    this.last = performance.now();
  }

  /** New lines came to the log that has the focus. @param {number} lines @param {number} errors @param {string} text the newest line, or the newest error */
  news(lines, errors, text) {
    if (this.level === "off") return;
    this.lines += lines;
    this.errors += errors;
    if (this.level === "lines" || errors > 0) this.text = text;
    if (this.level === "errors" && !this.errors) return;
    if (this.timer) return;
    const wait = Math.max(0, this.last + SPEECH_PAUSE[this.level] - performance.now());
    this.timer = setTimeout(() => this.#say(), wait);
  }

  #say() {
    this.timer = 0;
    const counts = this.errors ? `${plural(this.lines, "new line")}, ${plural(this.errors, "error")}` : plural(this.lines, "new line");
    this.now(this.level === "counts" ? counts : this.text.slice(0, 200) || counts);
    this.lines = this.errors = 0;
  }
}

/** @typedef {import("../model/protocol.js").Term} Term */
/** @typedef {{id: number, source: string, term: string | Term, words: string}} Wish */

/** @type {Term} */
export const ERRORS = { level: "error" };

/** At most one notification in this time, ms. */
const PAUSE = 10_000;

/** What happens when nobody looks. */
export class Notify {
  /** @param {HTMLLinkElement} icon */
  constructor(icon) {
    this.icon = icon;
    this.base = icon.href;
    this.name = "";
    this.lines = 0;
    this.errors = 0;
    this.offline = false;
    /** Of what the system should tell. @type {Map<string, Wish>} */
    this.wishes = new Map();
    /** The daemon's own rules, as they are told of. @type {Map<string, Wish>} */
    this.rules = new Map();
    /** Whether the daemon watches; else errors are known from what it counts. */
    this.watches = false;
    this.ids = 2_000_000_000;
    this.last = 0;
    /** What is still to be told. @type {Map<Wish, {lines: number, line: string, cursor: string}>} */
    this.waiting = new Map();
    this.timer = 0;
    this.send = (/** @type {object} */ _command) => {};
    this.say = (/** @type {string} */ _text, /** @type {() => void} */ _go) => {};
    this.focus = (/** @type {string} */ _source, /** @type {string} */ _cursor) => {};
  }

  /** @param {string} source @param {string | Term} term */
  wants(source, term) {
    return this.wishes.has(JSON.stringify([source, term]));
  }

  /** @param {string} source @param {string | Term} term @param {string} words for one such line, "" for an error @param {boolean} on */
  wish(source, term, words, on) {
    const key = JSON.stringify([source, term]);
    const old = this.wishes.get(key);
    if (old) this.send({ type: "stop", id: old.id });
    this.wishes.delete(key);
    if (!on) return;
    const wish = { id: ++this.ids, source, term, words };
    this.wishes.set(key, wish);
    this.#watch(wish);
  }

  /** @param {Wish} wish */
  #watch({ id, source, term }) {
    if (this.watches) this.send({ type: "watch", id, source, include: term, every: 1 });
  }

  /** The connection is new. @param {boolean} watches */
  resume(watches) {
    this.watches = watches;
    for (const wish of this.wishes.values()) this.#watch(wish);
  }

  /**
   * A line that was wished for; or one that a rule of the daemon's config watches for.
   * @param {import("../model/protocol.js").Match} head @param {string} line
   */
  match({ id, rule, source, count: lines, cursor }, line) {
    const key = JSON.stringify([rule, source]);
    const wish = rule === undefined ? [...this.wishes.values()].find((one) => one.id === id)
      : this.rules.get(key) ?? { id: 0, source, term: "", words: rule };
    if (rule !== undefined && wish) this.rules.set(key, wish);
    if (wish && this.away) this.#note(wish, lines, line, cursor);
    else if (rule !== undefined) this.say(visible(`${rule}: ${plural(lines, "line")} in ${source}: ${line}`).slice(0, 200), () => this.focus(source, cursor));
  }

  /** @param {Wish} wish @param {number} lines @param {string} line @param {string} cursor */
  #note(wish, lines, line, cursor) {
    this.waiting.set(wish, { lines: (this.waiting.get(wish)?.lines ?? 0) + lines, line, cursor });
    this.#tell();
  }

  get away() {
    return document.hidden || !document.hasFocus();
  }

  /** @param {string} name of what the tab shows */
  title(name) {
    this.name = name;
    this.#draw();
  }

  /** @param {boolean} offline */
  link(offline) {
    this.offline = offline;
    this.#draw();
  }

  /** Lines came to a log. @param {string} source @param {number} lines @param {number} errors */
  news(source, lines, errors) {
    if (!this.away) return;
    this.lines += lines;
    this.errors += errors;
    this.#draw();
    const wish = this.wishes.get(JSON.stringify([source, ERRORS]));
    if (errors && wish && !this.watches) this.#note(wish, errors, "", "");
  }

  /** Somebody looks again. */
  seen() {
    this.lines = this.errors = 0;
    this.waiting.clear();
    this.#draw();
  }

  #tell() {
    if (this.timer) return;
    const wait = Math.max(0, this.last + PAUSE - Date.now());
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.last = Date.now();
      if (!this.waiting.size || !this.away || typeof Notification === "undefined" || Notification.permission !== "granted") return;
      const texts = [...this.waiting].map(([{ source, words }, { lines, line }]) => {
        const what = words ? `${plural(lines, "line")} with ${words}` : plural(lines, "error");
        return visible(`${what} in ${source}${line && lines === 1 ? `: ${line}` : ""}`);
      });
      const [[{ source }, { cursor }]] = this.waiting;
      this.waiting.clear();
      const note = new Notification("tailws", { body: texts.join(", ").slice(0, 120), tag: "tailws" });
      note.onclick = () => {
        window.focus();
        this.focus(source, cursor);
        note.close();
      };
    }, wait);
  }

  /**
   * Asks for what notifications need; only on a click.
   * @returns {Promise<string>} what to tell the user, or ""
   */
  static async allow() {
    if (!isSecureContext || typeof Notification === "undefined") {
      return "Notifications of the system need https. The tab's title and icon work anyway.";
    }
    if (Notification.permission === "default") await Notification.requestPermission();
    if (Notification.permission === "denied") {
      return "The browser does not allow notifications for this page. The tab's title and icon work anyway.";
    }
    return "";
  }

  #draw() {
    const n = this.errors || this.lines;
    const title = visible(`${n ? `(${count(n)}) ` : ""}${this.name || "tailws"}`);
    if (document.title !== title) document.title = title;
    const kind = this.offline ? "-offline" : this.errors ? "-error" : this.lines ? "-new" : "";
    const href = this.base.replace("favicon.svg", `favicon${kind}.svg`);
    if (this.icon.href !== href) this.icon.href = href;
  }
}

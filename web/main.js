/**
 * Puts the page together: settings, connections, sources, panes, address. Nothing is drawn here and
 * nothing is parsed: this module says who talks to whom.
 */

import { Activity } from "./model/activity.js";
import { emptyPane, formatAddress, MAX_SOURCES, parseAddress, tooLong } from "./model/address.js";
import { filterKeys } from "./model/protocol.js";
import { actionFor, KEYS, labelFor } from "./model/keymap.js";
import { openSettings } from "./model/settings.js";
import { TIME_DISPLAYS } from "./model/times.js";
import { bytes, clock, plural, rate } from "./model/words.js";
import { Announcer } from "./view/announce.js";
import { Connection } from "./view/connection.js";
import { downloadDialog } from "./view/download.js";
import { help, menu, question, settingsDialog, toast } from "./view/dialogs.js";
import { attribute, fill, h, one, say, show } from "./view/dom.js";
import { ask } from "./view/frame.js";
import { icon, logo } from "./view/icons.js";
import { Login, session, signIn, signOut } from "./view/login.js";
import { Notify } from "./view/notify.js";
import { openPalette } from "./view/open.js";
import { Pane } from "./view/pane.js";
import { copy, onCopy } from "./view/selection.js";
import { Socket } from "./view/socket.js";
import { Sources } from "./view/sources.js";
import { Status } from "./view/status.js";

/** @typedef {import("./model/protocol.js").Head} Head */
/** @typedef {import("./model/protocol.js").SourceInfo} SourceInfo */
/** @typedef {import("./model/blocks.js").Ref} Ref */
/** @typedef {{pane: Pane, link: Link}} Slot */

const MOST_PANES = 4;
/** Panes are let go when nobody looks for this long, ms. */
const HIDDEN = 60_000;
/** Further behind than this, one who comes back starts at the end. */
const CATCH_UP = 5000;

const root = document.documentElement;
const settings = openSettings(() => localStorage, new URL(".", document.baseURI).pathname);
/** @type {Set<string>} */
const features = new Set();
const activity = new Activity(Date.now());
const announcer = new Announcer(one("#spoken"));
const notify = new Notify(/** @type {HTMLLinkElement} */ (document.querySelector("#favicon")));
announcer.level = settings.get("announce");

let zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
/** @type {Map<string, SourceInfo>} */
let known = new Map();
/** @type {{name: string, address: string}[]} */
let givenViews = [];
let ids = 1_000_000_000;
/** What must be added to this clock to have the daemon's, ms; null until it is known. @type {number | null} */
let clockOffset = null;

/**
 * A connection with what waits for answers on it. The first one also tells of all sources; a second
 * pane has its own, so that the same log can stand in both with different filters.
 */
class Link {
  constructor() {
    /** @type {Map<number, (head: Head | null) => void>} */
    this.waiting = new Map();
    /** @type {Pane | null} */
    this.pane = null;
    this.socket = new Socket({
      message: (head, body) => this.#message(head, body),
      state: () => linkChanged(this),
    }, session);
  }

  /** @param {Head} head @param {string | null} body */
  #message(head, body) {
    const id = "id" in head ? head.id : undefined;
    const answer = id === undefined ? undefined : this.waiting.get(id);
    if (answer && id !== undefined) {
      this.waiting.delete(id);
      answer(head);
    } else if (this !== links[0] && (head.type === "sources" || head.type === "activity")) {
      return;
    } else if (head.type === "hello") {
      hello(this, head);
    } else if (head.type === "sources") {
      setSources(head.sources);
    } else if (head.type === "activity") {
      pulse(head);
    } else {
      this.pane?.message(head, body);
    }
  }

  /** Sends a command and waits for its answer; null when the connection is lost. @param {object} command @returns {Promise<Head | null>} */
  ask(command) {
    const id = ++ids;
    if (!this.socket.send({ ...command, id })) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      setTimeout(() => {
        if (this.waiting.delete(id)) resolve(null);
      }, 10_000);
    });
  }

  lost() {
    for (const answer of this.waiting.values()) answer(null);
    this.waiting.clear();
  }
}

/** @type {Link[]} */
const links = [];
/** @type {Slot[]} */
const slots = [];
let focused = 0;

// -- the fixed parts of the page

const login = new Login(() => {
  for (const link of links) link.socket.open();
});
const connection = new Connection({
  now: () => links.forEach((link) => link.socket.now()),
  skip: () => current()?.feed.jump({ end: true }),
  signIn: () => login.open(),
});
const status = new Status(one("#foot"), {
  end: () => current()?.toEnd(),
  firstError: () => firstNewError(),
  dismiss: () => {
    settings.learn("hint");
    ask(refresh);
  },
});
const sources = new Sources(one("#side"), {
  open: openSource,
  openView: (address) => go(address),
  removeView: (view) => {
    settings.removeView(view.name);
    drawViews();
  },
  close: () => sidebar(false),
  folders: () => settings.get("folders"),
  keepFolders: (folders) => settings.set("folders", folders),
}, activity);

const hostName = h("span", { class: "host" });
const bell = button("bell", "Notify on errors in these logs", () => toggleNotify());
const theme = button("sun", "Theme", nextTheme);
const phoneName = h("span", { class: "phone-name" });
const phoneState = h("span", { class: "phone-state" });
fill(one("#top"),
  button("menu", "Sources", () => sidebar(), "Ctrl B"),
  h("span", { class: "brand" }, logo(), h("strong", null, "tailws")), hostName,
  h("div", { class: "phone-title" }, phoneName, phoneState),
  h("div", { class: "top-middle" }, h("button", { type: "button", class: "open-button", onclick: () => palette() },
    icon("search"), h("span", null, "Open a source or view"), h("kbd", null, "Ctrl K"))),
  h("div", { class: "top-right" }, connection.el, bell, theme,
    button("gear", "Settings", openSettingsDialog), button("help", "All keys", showKeys, "?"),
    button("search", "Find", () => act("find"), "/", "phone-only"),
    button("more", "More", (event) => phoneMenu(event), "", "phone-only")));
const tabs = h("div", { class: "tabs", role: "toolbar", "aria-label": "Actions" },
  tab("list", "Sources", () => sidebar()), tab("filter", "Filter", () => act("filter")),
  tab("clock", "Time", () => act("time")), tab("up", "Prev error", () => act("errorPrevious")),
  tab("down", "Next error", () => act("errorNext")));
one("#foot").append(tabs);
one("#side").append(sideHandle());
const drawerShade = h("div", { class: "shade", onclick: () => sidebar(false) });
document.body.append(drawerShade);
one("#skip").addEventListener("click", (event) => {
  event.preventDefault();
  current()?.focus();
});

/**
 * @param {import("./view/icons.js").IconName} name @param {string} label
 * @param {(event: MouseEvent) => void} act @param {string} [key] @param {string} [cls]
 */
function button(name, label, act, key = "", cls = "") {
  return h("button", { type: "button", class: `icon-button ${cls}`, "aria-label": label, title: key ? `${label}  ${key}` : label, onclick: act }, icon(name));
}

/** @param {import("./view/icons.js").IconName} name @param {string} label @param {() => void} act */
function tab(name, label, act) {
  return h("button", { type: "button", class: "tab", onclick: act }, icon(name), h("span", null, label));
}

/** The edge of the sources: drag it, or use the arrows. */
function sideHandle() {
  const width = () => settings.get("sidebar");
  const set = (/** @type {number} */ px) => {
    settings.set("sidebar", Math.round(Math.max(180, Math.min(480, px))));
    root.style.setProperty("--side", `${width()}px`);
    attribute(handle, "aria-valuenow", width());
  };
  const handle = h("div", {
    class: "side-handle", role: "separator", tabindex: "0", "aria-orientation": "vertical", "aria-label": "Width of the sources",
    "aria-valuemin": "180", "aria-valuemax": "480", "aria-valuenow": String(width()),
    onpointerdown: (/** @type {PointerEvent} */ event) => handle.setPointerCapture(event.pointerId),
    onpointermove: (/** @type {PointerEvent} */ event) => {
      if (handle.hasPointerCapture(event.pointerId)) set(event.clientX);
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
      if (!step) return;
      event.preventDefault();
      set(width() + step);
    },
  });
  return handle;
}

// -- panes

/** @returns {Pane | undefined} */
function current() {
  return slots[focused]?.pane;
}

/** @returns {Slot} */
function addPane() {
  let link = links.find((one) => !one.pane);
  if (!link) {
    link = new Link();
    links.push(link);
  }
  const its = link;
  const pane = new Pane({
    send: (command) => its.socket.send(command),
    changed: () => ask(refresh),
    moved: (push) => addressChanged(push),
    toast,
    announce: (text) => {
      if (pane === current()) announcer.now(text);
    },
    news: (lines, errors, text) => news(pane, lines, errors, text),
    zone: () => zone,
    offset: () => clockOffset,
    act,
    colour,
    facts: (source) => ({ rate: rateOf(source), fact: factOf(source) }),
    menu,
    copy: (text, escapes) => copyText(text, escapes),
    link: (ref) => copyLink(pane, ref),
    info: (source) => known.get(source),
  }, features);
  its.pane = pane;
  its.socket.open();
  pane.looks.set({ zone, theme: dark() ? "dark" : "light", times: settings.get("times"), numbers: numbersOn() });
  pane.el.addEventListener("focusin", () => focusPane(slots.findIndex((slot) => slot.pane === pane)));
  pane.el.addEventListener("mousedown", () => focusPane(slots.findIndex((slot) => slot.pane === pane)));
  const slot = { pane, link: its };
  slots.push(slot);
  one("#main").append(pane.el);
  arrange();
  return slot;
}

const COLOURS = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"];

/** @type {Map<string, string>} */
const colours = new Map();

/** The colour of a log: its own among those that are shown. @param {string} source */
function colour(source) {
  const shown = new Set(slots.flatMap(({ pane }) => pane.shown));
  for (const name of colours.keys()) if (!shown.has(name)) colours.delete(name);
  const used = new Set(colours.values());
  const its = colours.get(source) ?? COLOURS.find((one) => !used.has(one)) ?? COLOURS[0];
  colours.set(source, its);
  return its;
}

/** @param {number} index */
function removePane(index) {
  const [slot] = slots.splice(index, 1);
  if (!slot) return;
  slot.pane.close();
  slot.link.pane = null;
  if (slot.link !== links[0]) {
    slot.link.socket.close();
    links.splice(links.indexOf(slot.link), 1);
  }
  focused = Math.min(focused, slots.length - 1);
  arrange();
  focusPane(focused);
  current()?.focus();
  addressChanged(true);
}

function arrange() {
  one("#main").dataset.panes = String(slots.length);
  slots.forEach(({ pane }, k) => pane.el.classList.toggle("focused", k === focused));
  if (slots[0]) slots[0].pane.paper.el.id = "log";
  drawShown();
}

/** @param {number} index */
function focusPane(index) {
  if (index < 0 || index >= slots.length || index === focused) return;
  focused = index;
  arrange();
  ask(refresh);
}

/** Tells the list of sources what is on screen. */
function drawShown() {
  const shown = new Map();
  for (const { pane } of slots) {
    for (const [name, colour] of pane.colours) shown.set(name, pane.shown.length > 1 || slots.length > 1 ? colour : "");
  }
  sources.setShown(shown);
  if (!document.hidden) for (const name of shown.keys()) activity.saw(name);
  notify.title(current()?.shown.map((name) => name.split("/").pop()).join(", ") ?? "");
}

/** @param {string} source @param {import("./view/sources.js").How} how */
function openSource(source, how) {
  const pane = current() ?? addPane().pane;
  if (how === "add" && pane.shown.length && !pane.shown.includes(source)) {
    if (pane.shown.length >= MAX_SOURCES) return toast(`A pane shows up to ${MAX_SOURCES} logs.`);
    showIn(pane, [...pane.shown, source]);
  } else if (how === "beside" && slots.length < MOST_PANES && pane.shown.length) {
    const slot = addPane();
    focused = slots.length - 1;
    showIn(slot.pane, [source]);
    arrange();
  } else showIn(pane, [source]);
  sidebarNarrow();
  current()?.focus();
  return undefined;
}

/** @param {Pane} pane @param {string[]} names @param {import("./model/feed.js").Place} [place] */
function showIn(pane, names, place = { end: true }) {
  const [name] = names;
  const pulse = names.length === 1 ? activity.pulses.get(name) : undefined;
  pane.unseen = pulse?.unseen ?? 0;
  pane.unseenSince = pulse?.since ?? 0;
  const remembered = settings.log(name ?? "");
  pane.setWrap(remembered.wrap ?? innerWidth < 600);
  pane.setRaw(remembered.raw ?? false);
  pane.show(names, place);
  drawShown();
}

// -- messages

/** @param {Link} link @param {Extract<Head, {type: "hello"}>} head */
function hello(link, head) {
  if (link === links[0]) {
    features.clear();
    for (const feature of head.features ?? []) features.add(feature);
    if (head.zone) zone = head.zone;
    say(hostName, head.title || head.host || location.host);
    givenViews = head.views ?? [];
    drawViews();
    root.classList.toggle("no-locate", !features.has("locate"));
    if (features.has("activity")) link.socket.send({ type: "activity" });
    session().then((who) => { signedIn = who === "in"; });
    for (const { pane } of slots) pane.looks.set({ zone });
    setSources(head.sources);
    setClock(link);
  }
  const { pane } = link;
  if (!pane) return;
  if (pane.feed.sources.length) {
    pane.feed.resume();
    pane.map.refresh();
  } else if (link === links[0]) begin();
}

/** Compares the clocks, half way through a question and its answer. @param {Link} link */
async function setClock(link) {
  const sent = Date.now();
  const pong = await link.ask({ type: "ping" });
  if (pong?.type === "pong") clockOffset = pong.t - (sent + Date.now()) / 2;
}

/** @param {SourceInfo[]} list */
function setSources(list) {
  const nothing = known.size === 0;
  known = new Map(list.map((source) => [source.name, source]));
  sources.set(list);
  for (const { pane } of slots) {
    for (const source of list) if (source.zone) pane.looks.zones.set(source.name, source.zone);
    pane.dirty();
  }
  if (nothing && list.length && begun && !current()?.shown.length) begin();
  drawEmpty();
}

let begun = false;

/** What the address says; without one, the log with the newest line. */
function begin() {
  begun = true;
  const address = parseAddress(location.hash);
  if (address.panes[0].sources.length) return apply(address, history.state);
  const live = [...known.values()].filter((source) => source.state === "live");
  live.sort((a, b) => (b.modified ?? 0) - (a.modified ?? 0));
  if (live[0]) {
    showIn(slots[0].pane, [live[0].name]);
    slots[0].pane.focus();
  }
  return undefined;
}

/** @param {Extract<Head, {type: "activity"}>} head */
function pulse(head) {
  const now = Date.now();
  const shown = new Set(document.hidden ? [] : slots.flatMap(({ pane }) => pane.feed.sources));
  for (const [source, [lines = 0, size = 0, errors = 0]] of Object.entries(head.sources)) {
    activity.add(source, lines, size, errors, now, shown.has(source));
    if (document.hidden || !shown.has(source)) notify.news(source, lines, errors);
    for (const { pane } of slots) if (pane.map.source === source) pane.map.grow(size);
  }
}

/** @param {Pane} pane @param {number} lines @param {number} errors @param {string} text */
function news(pane, lines, errors, text) {
  if (!features.has("activity")) {
    const [source] = pane.feed.sources;
    if (source) activity.add(source, lines, text.length, errors, Date.now(), !document.hidden);
  }
  if (notify.away) notify.news(pane.feed.sources[0] ?? "", lines, errors);
  if (pane === current() && document.activeElement === pane.paper.paper) {
    announcer.news(lines, errors, text.slice(text.lastIndexOf("\n") + 1));
  }
}

/** @param {Link} link */
function linkChanged(link) {
  const { phase } = link.socket.state;
  if (phase !== "live") link.lost();
  if (link === links[0]) {
    root.dataset.link = phase;
    notify.link(phase !== "live" && phase !== "connecting");
  }
  if (phase === "signed-out") login.open();
  else if (phase === "live") login.close();
  ask(refresh);
}

// -- what is written in the bars

function refresh() {
  const now = Date.now();
  const pane = current();
  const [first] = links;
  if (!first) return;
  const quiet = pane?.shown.length === 1 ? activity.quiet(pane.shown[0], now) : 0;
  const late = pane && pane.following && pane.behind > 2000 && now - pane.lastLine < 5000;
  announcer.now(connection.set({
    state: first.socket.state, quiet, now,
    ms: pane && pane.following && now - pane.lastLine < 5000 ? pane.behind : -1,
    behind: late || (pane && pane.following && pane.behindBytes > 1 << 20) ? `${bytes(pane.behindBytes)}` : "",
    last: pane?.lastLine ? clock(pane.lastLine, zone) : "",
  }));
  const offered = { split: slots.length < MOST_PANES, many: slots.length > 1, download: features.has("download") };
  slots.forEach((slot, k) => {
    slot.pane.drawHead(offered);
    const its = slot.pane.shown.join(", ") || "log";
    attribute(slot.pane.el, "aria-label", slots.length > 1 ? `Pane ${k + 1}, ${its}` : its);
  });
  say(phoneName, pane?.shown.map((name) => name.split("/").pop()).join(", ") || "tailws");
  say(phoneState, phoneWords(first.socket.state.phase, pane));
  show(bell, !!pane?.shown.length);
  attribute(bell, "aria-pressed", String(!!pane?.shown.some((name) => notify.on.has(name))));
  if (!pane?.shown.length) return status.set(null);
  const hints = ["stop", "find", "filter", "help"].some((hint) => !settings.learned(hint));
  status.set({
    following: pane.following, lines: pane.mode.lines, errors: pane.mode.errors, right: pane.facts(),
    hint: hints && !settings.learned("hint") ? "Space stops, / finds, f filters, ? all keys" : "",
  });
  return undefined;
}

/** @param {string} phase @param {Pane | undefined} pane */
function phoneWords(phase, pane) {
  if (phase !== "live") return connection.word.textContent ?? "";
  const name = pane?.shown[0];
  return ["Live", name ? rateOf(name).replace("/s", " lines/s") : ""].filter(Boolean).join(", ");
}

/** @param {string} source */
function rateOf(source) {
  const perSecond = activity.rate(source);
  return perSecond ? rate(perSecond) : "";
}

/** Path and size of a log. @param {string} source */
function factOf(source) {
  const info = known.get(source);
  const files = slots.map(({ pane }) => pane.map).find((map) => map.source === source)?.files ?? [];
  const size = files.length ? files.reduce((sum, file) => sum + file.size, 0) : info?.size;
  const much = size === undefined ? "" : files.length > 1 ? `${bytes(size)} in ${plural(files.length, "file")}` : bytes(size);
  return [info?.path, much].filter(Boolean).join("   ");
}

function drawViews() {
  sources.setViews([
    ...settings.views().map((view) => ({ ...view, own: true })),
    ...givenViews.map((view) => ({ ...view, own: false })),
  ]);
}

const emptyNote = h("div", { class: "empty", hidden: true });
one("#main").append(emptyNote);

/** What to write where, when the daemon follows nothing. */
function drawEmpty() {
  const nothing = known.size === 0;
  show(emptyNote, nothing);
  root.classList.toggle("no-sources", nothing);
  if (!nothing || emptyNote.childElementCount) return;
  const yaml = "sources:\n  - name: syslog\n    path: /var/log/syslog";
  fill(emptyNote, h("h2", null, "No logs yet"),
    h("p", null, "The daemon follows nothing. Tell it in its config what to follow:"),
    h("pre", null, yaml), h("button", { type: "button", class: "primary small", onclick: () => copyText(yaml) }, "Copy"),
    h("p", null, "Then let it read its config again: ", h("code", null, "systemctl reload tailws"), ", or send it SIGHUP. The log appears here by itself."));
}

// -- the address

/** @param {Pane} pane @returns {import("./model/address.js").Pane} */
function paneAddress(pane) {
  const hold = pane.following ? null : (pane.current ?? pane.firstVisible);
  const at = hold && pane.features.has("locate") ? pane.placeOf(hold) : null;
  const { wrap, raw } = pane.looks.options;
  return {
    ...emptyPane(), sources: pane.shown, chips: pane.chips, q: pane.finder.text,
    at: at && { cursor: at.cursor, skip: at.skip }, wrap: wrap === innerWidth < 600 ? null : wrap, raw: raw || null,
  };
}

function address() {
  return { panes: slots.map(({ pane }) => paneAddress(pane)) };
}

let pushing = false;
let writeTimer = 0;
let applying = false;

/**
 * The address is out of date, or, with `push`, is about to be: then one can go back to where one is.
 * @param {boolean} push
 */
function addressChanged(push) {
  if (applying) return;
  if (push && !pushing) {
    // What one goes back to is where one is now.
    write(false);
    pushing = true;
  }
  if (push) clearTimeout(writeTimer);
  if (!writeTimer || push) writeTimer = setTimeout(() => {
    writeTimer = 0;
    write(true);
  }, pushing ? 20 : 400);
}

/** @param {boolean} may whether it may be a new step */
function write(may) {
  if (!slots.some(({ pane }) => pane.shown.length) || slots.some(({ pane }) => pane.feed.opening)) {
    if (may && !writeTimer) addressChanged(false);
    return;
  }
  const text = `#${formatAddress(address())}`;
  const state = { y: slots.map(({ pane }) => (pane.current ? pane.layout.yOf(pane.current) - pane.paper.top : null)) };
  if (text === location.hash || text.length > 8192) return;
  if (may && pushing) history.pushState(state, "", text);
  else history.replaceState(state, "", text);
  if (may) pushing = false;
}

/** Shows what an address says. @param {import("./model/address.js").Address} address @param {{y?: (number | null)[]} | null} [state] */
function apply({ panes }, state = null) {
  applying = true;
  while (slots.length > panes.length) {
    const slot = slots.pop();
    slot?.pane.close();
    if (slot && slot.link !== links[0]) {
      slot.link.socket.close();
      links.splice(links.indexOf(slot.link), 1);
    }
  }
  while (slots.length < panes.length) addPane();
  focused = Math.min(focused, slots.length - 1);
  panes.forEach((wanted, k) => {
    const { pane } = slots[k];
    if (!wanted.sources.length) return;
    pane.landing = state?.y?.[k] ?? null;
    pane.chips = [];
    pane.setChips(wanted.chips, false);
    if (wanted.at && !features.has("locate")) wanted.at = null;
    if (wanted.at) pane.landed = (opened) => explain(pane, opened);
    pane.unseen = 0;
    showIn(pane, wanted.sources, wanted.at ? { ...wanted.at, link: true } : { end: true });
    if (wanted.wrap !== null) pane.setWrap(wanted.wrap);
    if (wanted.raw !== null) pane.setRaw(wanted.raw);
    if (wanted.q) pane.finder.show(wanted.q);
  });
  arrange();
  applying = false;
  current()?.focus();
}

/** A link to a line that is no longer kept explains itself. @param {Pane} pane @param {import("./model/feed.js").Opened} opened */
function explain(pane, opened) {
  if (opened.exact || !opened.to) return;
  const ms = pane.looks.timeNear(opened.to.block, opened.to.i);
  toast(`This line is no longer kept${ms === ms ? `; the log now begins on ${new Date(ms).toISOString().slice(0, 10)}` : ""}. This is the oldest one.`);
}

/** @param {string} fragment */
function go(fragment) {
  addressChanged(true);
  apply(parseAddress(fragment));
  addressChanged(true);
  sidebarNarrow();
}

addEventListener("popstate", (event) => {
  clearTimeout(writeTimer);
  writeTimer = 0;
  pushing = false;
  const wanted = parseAddress(location.hash);
  if (wanted.panes[0].sources.length) apply(wanted, event.state);
});

/** @param {Pane} pane @param {Ref} ref */
async function copyLink(pane, ref) {
  const place = pane.placeOf(ref);
  const link = slots.find((slot) => slot.pane === pane)?.link;
  const located = features.has("locate")
    ? await link?.ask({ type: "locate", source: ref.block.source, cursor: place.cursor, skip: place.skip, ...filterKeys(place.under) })
    : null;
  const own = located?.type === "located" && located.cursor ? { cursor: located.cursor, skip: 0 } : { cursor: place.cursor, skip: place.skip };
  const wanted = { panes: [{ ...paneAddress(pane), at: own }] };
  const problem = tooLong(wanted);
  if (problem) return toast(problem);
  const url = new URL(location.href);
  url.hash = formatAddress(wanted);
  toast((await copy(url.href)) ? "Link to this line copied" : "The browser does not let the page copy.");
  return undefined;
}

/** @param {string} text @param {boolean} [escapes] */
async function copyText(text, escapes = false) {
  const done = await copy(text, escapes);
  const lines = text.split("\n").length;
  if (!done) toast("The browser does not let the page copy.");
  else if (lines > 1000) toast(`${plural(lines, "line")} copied`);
  else announcer.now("Copied");
}

onCopy(() => current()?.selectionText() ?? null, (lines) => {
  if (lines > 1000) toast(`${plural(lines, "line")} copied`);
});

// -- actions

function palette() {
  /** @type {import("./view/open.js").Entry[]} */
  const entries = [
    ...[...known.values()].map((source) => ({
      kind: "log", text: source.name, detail: source.state === "live" ? rateOf(source.name) : source.state,
      act: (/** @type {import("./view/open.js").How} */ how) => openSource(source.name, how),
    })),
    ...[...settings.views(), ...givenViews].map((view) => ({ kind: "saved view", text: view.name, act: () => go(view.address) })),
    ...KEYS.filter(({ action }) => action in ACTIONS && offered(action)).map(({ action, text }) => ({
      kind: "command", text, key: labelFor(action), act: () => act(action),
    })),
    { kind: "command", text: "Settings", act: openSettingsDialog },
    ...(signedIn ? [{ kind: "command", text: "Sign out", act: leave }] : []),
  ];
  openPalette(entries);
}

let signedIn = false;

async function leave() {
  await signOut();
  for (const link of links) {
    link.socket.close();
    link.socket.closed = false;
  }
  login.open();
}

/** What the daemon does not offer is not shown. @param {string} action */
function offered(action) {
  if (["time", "link"].includes(action)) return features.has("locate");
  if (action === "download") return features.has("download") && current()?.feed.sources.length === 1;
  return true;
}

/** What of a pane can be had as a file. @param {Pane} pane @returns {import("./view/download.js").Part[]} */
function downloads(pane) {
  const [source] = pane.feed.sources;
  /** @type {Record<string, string>} */
  const filter = pane.filtered ? { filter: JSON.stringify(pane.feed.filter) } : {};
  const picked = pane.selectedPlace();
  const from = pane.following ? null : pane.heldPlace();
  const files = pane.map.files;
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const whole = files.length ? `${bytes(size)} in ${plural(files.length, "file")}` : "all of its files";
  return [
    ...(picked ? [{
      label: "Selected lines", detail: plural(picked.lines, "line"),
      fields: { source, after: picked.cursor, skip: String(picked.skip), lines: String(picked.lines), ...filter },
    }] : []),
    ...(pane.filtered ? [{ label: "This view", detail: "what the filter shows of the whole log", fields: { source, ...filter } }] : []),
    ...(from ? [{
      label: "From this line on", detail: pane.filtered ? "what the filter shows, up to the end" : "up to the end",
      fields: { source, after: from.cursor, skip: String(from.skip), ...filter },
    }] : []),
    { label: "The whole log", detail: whole, fields: { source } },
  ];
}

function showKeys() {
  help((action) => offered(action));
}

/** @param {boolean} [open] */
function sidebar(open) {
  if (innerWidth < 900) {
    const drawer = open ?? !root.classList.contains("drawer");
    root.classList.toggle("drawer", drawer);
    if (drawer) sources.focusList();
    else current()?.focus();
    return;
  }
  const hidden = open === undefined ? !root.classList.contains("side-hidden") : !open;
  root.classList.toggle("side-hidden", hidden);
  settings.set("sidebarOpen", !hidden);
}

function sidebarNarrow() {
  root.classList.remove("drawer");
}

function dark() {
  const chosen = settings.get("theme");
  return chosen === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}

/** @param {"auto" | "dark" | "light"} wanted */
function setTheme(wanted) {
  settings.set("theme", wanted);
  if (wanted === "auto") delete root.dataset.theme;
  else root.dataset.theme = wanted;
  fill(theme, icon(wanted === "auto" ? "auto" : wanted === "dark" ? "moon" : "sun"));
  attribute(theme, "title", `Theme: ${wanted === "auto" ? "as the system has it" : wanted}`);
  sources.update();
  for (const { pane } of slots) {
    pane.looks.set({ theme: dark() ? "dark" : "light" });
    pane.map.repaint();
    pane.dirty();
  }
}

function nextTheme() {
  const order = /** @type {const} */ (["auto", "dark", "light"]);
  setTheme(order[(order.indexOf(settings.get("theme")) + 1) % 3]);
}

function numbersOn() {
  return settings.get("numbers") && innerWidth >= 600;
}

function applySettings() {
  const density = settings.get("density");
  if (density === "comfortable") delete root.dataset.density;
  else root.dataset.density = density;
  root.classList.toggle("plain-scrollbar", settings.get("plainScrollbar"));
  root.style.setProperty("--side", `${settings.get("sidebar")}px`);
  for (const { pane } of slots) {
    pane.looks.set({ numbers: numbersOn(), times: settings.get("times") });
    pane.remeasure();
  }
}

function openSettingsDialog() {
  const simple = (/** @type {string} */ value) => value;
  settingsDialog([
    { label: "Theme", value: settings.get("theme"), choices: [["auto", "As the system"], ["dark", "Dark"], ["light", "Light"]], set: (v) => setTheme(/** @type {"auto"} */ (simple(v))) },
    { label: "Density", value: settings.get("density"), choices: [["comfortable", "Comfortable"], ["compact", "Compact"], ["large", "Large"]], set: (v) => { settings.set("density", /** @type {"compact"} */ (v)); applySettings(); } },
    { label: "Times", value: settings.get("times"), choices: TIMES, set: (v) => setTimes(/** @type {"utc"} */ (v)) },
    { label: "Screen reader hears", value: settings.get("announce"), choices: [["off", "Nothing"], ["counts", "Counts"], ["errors", "Errors"], ["lines", "Every line"]], set: (v) => { settings.set("announce", /** @type {"off"} */ (v)); announcer.level = settings.get("announce"); } },
  ], [
    { label: "Line numbers", on: settings.get("numbers"), set: (on) => { settings.set("numbers", on); applySettings(); } },
    { label: "Keys without Ctrl", help: "j, k, /, f and the like", on: settings.get("singleKeys"), set: (on) => settings.set("singleKeys", on) },
    { label: "Ctrl F finds in the log", help: "Off: it is the browser's own", on: settings.get("ctrlF"), set: (on) => settings.set("ctrlF", on) },
    { label: "Plain scrollbar", help: "Without bars of what stands where", on: settings.get("plainScrollbar"), set: (on) => { settings.set("plainScrollbar", on); applySettings(); } },
  ], !settings.stored && h("p", { class: "quiet" }, "This browser keeps nothing for this page: settings last until it is closed."));
}

/** @type {[string, string][]} */
const TIMES = [["file", "As in the file"], ["local", "Local"], ["utc", "UTC"], ["previous", "Since the line before"], ["bookmark", "Since the bookmark"]];

/** @param {import("./model/times.js").TimeDisplay} times */
function setTimes(times) {
  settings.set("times", times);
  for (const { pane } of slots) {
    pane.looks.set({ times });
    pane.dirty();
  }
}

function nextTimes() {
  const times = TIME_DISPLAYS[(TIME_DISPLAYS.indexOf(settings.get("times")) + 1) % TIME_DISPLAYS.length];
  setTimes(times);
  toast(`Times: ${TIMES.find(([value]) => value === times)?.[1].toLowerCase() ?? times}`);
}

async function toggleNotify() {
  const names = current()?.shown ?? [];
  const on = !names.some((name) => notify.on.has(name));
  for (const name of names) {
    if (on) notify.on.add(name);
    else notify.on.delete(name);
  }
  ask(refresh);
  if (!on) return toast("No notifications for these logs");
  const problem = await Notify.allow();
  toast(problem || "You are told of errors in these logs while you look elsewhere.");
  return undefined;
}

notify.focus = (/** @type {string} */ source) => openSource(source, "open");

/** @param {MouseEvent} event */
function phoneMenu(event) {
  const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
  const pane = current();
  menu({ x: box.right - 220, y: box.bottom + 4 }, [
    { text: pane?.looks.options.wrap ? "Do not wrap lines" : "Wrap lines", act: () => act("wrap") },
    { text: pane?.looks.options.raw ? "Formatted" : "Raw", act: () => act("raw") },
    ...(features.has("locate") ? [{ text: "Copy link to this line", act: () => act("link") }] : []),
    ...(features.has("download") ? [{ text: "Download", act: () => act("download") }] : []),
    { text: "Bookmark", act: () => act("bookmark") },
    { text: "Notify on errors", act: () => toggleNotify() },
    { text: "Open", act: () => palette() },
    { text: "Theme", act: nextTheme },
    { text: "Settings", act: openSettingsDialog },
    { text: "All keys", act: showKeys },
  ]);
}

/** The first error among the lines that came since reading began. */
function firstNewError() {
  const pane = current();
  if (!pane) return;
  const { blocks } = pane.feed;
  if (!pane.feed.attached) return pane.toEnd();
  const from = blocks.at(Math.max(blocks.first, blocks.end - pane.mode.lines));
  if (from) pane.finder.level("error", true, blocks.ord(from) - 1);
  return undefined;
}

function saveView() {
  question("Save this view", "Its name", current()?.shown.join(", ") ?? "", (name) => {
    const panes = address().panes.map((pane) => ({ ...pane, at: null, q: "" }));
    toast(settings.saveView(name, formatAddress({ panes })) ? `Saved as “${name}”` : "There is no room for another view.");
    drawViews();
  });
}

/** @param {number} step */
function unseen(step) {
  const names = sources.rows.flatMap((row) => (row.source ? [row.source.name] : []));
  const here = names.indexOf(current()?.shown[0] ?? "");
  for (let k = 1; k <= names.length; k++) {
    const name = names[(here + step * k + names.length * k) % names.length];
    if (activity.pulses.get(name)?.unseen) return openSource(name, "open");
  }
  toast("No other log has new lines.");
  return undefined;
}

/** @param {number} step */
function region(step) {
  const pane = current();
  const places = [
    () => one("#top .open-button"), () => sources.field, () => pane?.filterBar.field, () => pane?.paper.paper, () => pane?.map.el,
  ].map((place) => place()).filter((element) => element && element.offsetParent !== null);
  const at = places.findIndex((element) => element?.closest(".top, .side, .filter-bar, .scroller, .map")?.contains(document.activeElement));
  places[(at + step + places.length) % places.length]?.focus();
}

/** Closes what is on top. */
function escape() {
  const pane = current();
  if (!pane) return;
  if (root.classList.contains("drawer")) sidebar(false);
  else if (pane.finder.bar.open) pane.finder.close();
  else if (pane.timeBox.open) {
    pane.timeBox.hide();
    pane.focus();
  } else if (!pane.clearSelection() && !pane.finder.clear()) pane.select(null);
}

/** What an action of the table of keys does to the focused pane or the page. @type {Record<string, (pane: Pane) => unknown>} */
const ACTIONS = {
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
  timeDisplay: nextTimes,
  bookmark: (pane) => pane.bookmark(),
  bookmarkNext: (pane) => pane.toBookmark(1),
  bookmarkPrevious: (pane) => pane.toBookmark(-1),
  expand: (pane) => pane.expand(),
  groups: (pane) => pane.toggleGroups(),
  select: (pane) => pane.startSelecting(),
  copy: (pane) => {
    const ref = pane.current ?? pane.firstVisible;
    const text = pane.selectionText() ?? (ref ? pane.lineOf(ref) : null);
    if (text !== null) copyText(text);
    pane.clearSelection();
  },
  link: (pane) => {
    const ref = pane.current ?? (pane.following ? pane.lastVisible : pane.firstVisible);
    if (ref) copyLink(pane, ref);
  },
  rowMenu: (pane) => {
    const ref = pane.current ?? pane.firstVisible;
    if (ref) pane.rowMenu(ref);
  },
  raw: (pane) => {
    pane.setRaw(!pane.looks.options.raw);
    for (const name of pane.shown) settings.setLog(name, { raw: pane.looks.options.raw });
    addressChanged(false);
  },
  wrap: (pane) => {
    pane.setWrap(!pane.looks.options.wrap);
    for (const name of pane.shown) settings.setLog(name, { wrap: pane.looks.options.wrap });
    addressChanged(false);
  },
  download: (pane) => downloadDialog(downloads(pane)),
  help: showKeys,
  close: escape,
  sources: () => {
    if (innerWidth < 900) root.classList.add("drawer");
    else root.classList.remove("side-hidden");
    sources.focus();
  },
  sidebar: () => sidebar(),
  open: () => palette(),
  addLog: () => palette(),
  unseenPrevious: () => unseen(-1),
  unseenNext: () => unseen(1),
  pane1: () => toPane(0),
  pane2: () => toPane(1),
  pane3: () => toPane(2),
  pane4: () => toPane(3),
  split: (pane) => {
    if (slots.length >= MOST_PANES) return toast(`There are ${MOST_PANES} panes already.`);
    const slot = addPane();
    showIn(slot.pane, pane.shown);
    focused = slots.length - 1;
    arrange();
    slot.pane.focus();
    return undefined;
  },
  regionNext: () => region(1),
  regionPrevious: () => region(-1),
  saveView: () => saveView(),
  closePane: (pane) => removePane(slots.findIndex((slot) => slot.pane === pane)),
};

/** @param {number} index */
function toPane(index) {
  if (!slots[index]) return;
  focusPane(index);
  slots[index].pane.focus();
}

/** @param {string} action */
function act(action) {
  const pane = current();
  const run = ACTIONS[action];
  if (!pane || !run || !offered(action)) return;
  if (["stop", "find", "filter", "help"].includes(action)) settings.learn(action);
  run(pane);
  pane.dirty();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const target = event.target instanceof Element ? event.target : null;
  const inField = !!target?.closest("input, textarea, select");
  const onButton = !!target?.closest("button, a, summary, [role=treeitem]");
  const action = actionFor(event, { inField, onButton, singleKeys: settings.get("singleKeys"), ctrlF: settings.get("ctrlF") });
  if (!action || !(action in ACTIONS) || !offered(action)) return;
  // A second Ctrl F, in the field, is the browser's own.
  if (action === "find" && inField && target === current()?.finder.bar.field) return;
  event.preventDefault();
  act(action);
});

// -- time and attention

function everySecond() {
  const now = Date.now();
  activity.tick(now);
  for (const link of links) link.socket.watch();
  sources.pulse();
  for (const { pane } of slots) pane.tick(pane.shown.reduce((sum, name) => sum + activity.rate(name), 0));
  ask(refresh);
}

let clockwork = setInterval(everySecond, 1000);

let hiddenTimer = 0;
let asleep = false;
let hiddenAt = 0;

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenAt = Date.now();
    for (const { pane } of slots) pane.leftAt = pane.feed.blocks.at(pane.feed.blocks.end - 1);
    clearInterval(clockwork);
    hiddenTimer = setTimeout(() => {
      asleep = true;
      for (const { pane } of slots) pane.feed.sleep();
    }, HIDDEN);
    return;
  }
  notify.seen();
  clockwork = setInterval(everySecond, 1000);
  for (const link of links) link.socket.now();
  for (const { pane } of slots) {
    const missed = pane.shown.reduce((sum, name) => sum + (activity.pulses.get(name)?.unseen ?? 0), 0);
    pane.unseen = pane.following ? missed : 0;
    pane.unseenSince = hiddenAt;
    if (!missed) pane.leftAt = null;
    if (!asleep) continue;
    if (pane.following && missed > CATCH_UP) {
      pane.leftAt = null;
      pane.feed.jump({ end: true });
    } else pane.feed.resume();
  }
  asleep = false;
  drawShown();
  ask(refresh);
});
addEventListener("focus", () => notify.seen());
addEventListener("online", () => links.forEach((link) => link.socket.now()));
addEventListener("offline", () => links.forEach((link) => link.socket.offline()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(settings.get("theme")));

// -- begin

addPane();
setTheme(settings.get("theme"));
applySettings();
if (!settings.get("sidebarOpen")) root.classList.add("side-hidden");
const token = /** @type {{tailwsToken?: string}} */ (window).tailwsToken;
if (token) {
  links[0].socket.closed = true;
  const { ok, message, wait } = await signIn(token);
  links[0].socket.closed = false;
  if (ok) links[0].socket.open();
  else {
    login.open();
    login.tell(message, wait);
  }
}

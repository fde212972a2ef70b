/**
 * Puts the page together: settings, connections, sources, panes, address. Nothing is drawn here and
 * nothing is parsed: this module says who talks to whom.
 */

import { Activity } from "./model/sources.js";
import { MAX_SOURCES, formatAddress, parseAddress } from "./model/address.js";
import { termOf } from "./model/filters.js";
import { KEYS, labelFor } from "./model/keymap.js";
import { openSettings } from "./model/settings.js";
import { bytes, clock, localZone, plural, rate } from "./model/words.js";
import { Actions, Appearance, LESSONS } from "./page/actions.js";
import { AddressBar, Desk } from "./page/desk.js";
import { Login, menu, openPalette, question, session, signIn, signOut, toast } from "./view/dialogs.js";
import { ask, attribute, fill, h, icon, iconButton as button, logo, one, press, say, show } from "./view/dom.js";
import { copy, onCopy } from "./view/selection.js";
import { Link } from "./view/socket.js";
import { Sources } from "./view/sources.js";
import { Announcer, Connection, ERRORS, Notify, Status } from "./view/status.js";

/** @typedef {import("./model/protocol.js").Head} Head */
/** @typedef {import("./model/protocol.js").SourceInfo} SourceInfo */
/** @typedef {import("./view/pane.js").Pane} Pane */

/** Panes are let go when nobody looks for this long, ms. */
const HIDDEN = 60_000;
/** Further behind than this, in lines or in bytes, one who comes back starts at the end. */
const CATCH_UP = { lines: 5000, bytes: 1 << 20 };

const root = document.documentElement;
const settings = openSettings(() => localStorage, new URL(".", document.baseURI).pathname);
/** @type {Set<string>} */
const features = new Set();
const activity = new Activity(Date.now());
const announcer = new Announcer(one("#spoken"));
const notify = new Notify(/** @type {HTMLLinkElement} */ (document.querySelector("#favicon")));
announcer.level = settings.get("announce");

let zone = "UTC";
/** @type {Map<string, SourceInfo>} */
let known = new Map();
/** @type {{name: string, address: string}[]} */
let givenViews = [];
/** What must be added to this clock to have the daemon's, ms; null until it is known. @type {number | null} */
let clockOffset = null;
let signedIn = false;

// -- the panes, and what they ask of the page

/** @type {Desk} */
const desk = new Desk({
  link: () => new Link({ head: take, changed: linkChanged }, session),
  pane: (pane, link) => ({
    send: (command) => link.socket.send(command),
    changed: () => ask(refresh),
    moved: (push) => {
      address.changed(push);
      if (!push) desk.follow(pane());
    },
    toast,
    announce: (text) => {
      if (pane() === desk.current) announcer.now(text);
    },
    news: (lines, errors, text) => news(pane(), lines, errors, text),
    zone: () => zone,
    offset: () => clockOffset,
    act: (action) => actions.run(action),
    colour: (source) => desk.colour(source),
    facts: (source) => ({ rate: rateOf(source), fact: factOf(source) }),
    menu,
    copy: copyText,
    link: (ref) => void address.copyLink(pane(), ref),
    info: (source) => known.get(source),
  }),
  made: (pane) => {
    pane.looks.set({ zone });
    appearance.dress(pane);
  },
  arranged: () => {
    drawShown();
    ask(refresh);
  },
  removed: () => address.changed(true),
}, features);

const address = new AddressBar({ desk, features, show: showIn, say: toast });

// -- the fixed parts of the page

/** @type {Login | undefined} */
let login;
/** Asks for the token. */
function enter() {
  login ??= new Login(() => desk.links.forEach((link) => link.socket.open()));
  login.open();
  return login;
}
const connection = new Connection({
  now: () => desk.links.forEach((link) => link.socket.now()),
  skip: () => desk.current?.feed.jump({ end: true }),
  signIn: enter,
});
const status = new Status(one("#foot"), {
  end: () => desk.current?.toEnd(),
  firstError: () => desk.current?.firstNewError(),
  dismiss: () => {
    settings.learn("hint");
    ask(refresh);
  },
});
const sources = new Sources(one("#side"), {
  open: openSource,
  openView: go,
  removeView: (view) => {
    settings.removeView(view.name);
    drawViews();
  },
  close: () => sidebar(false),
  folders: () => settings.get("folders"),
  keepFolders: (folders) => settings.set("folders", folders),
  fact: factOf,
}, activity);

const hostName = h("span", { class: "host" });
const bell = button("bell", "Notify on errors in these logs", (event) => openBell(event));
const theme = button("sun", "Theme", () => appearance.nextTheme());
const phoneName = h("span", { class: "phone-name" });
const phoneState = h("span", { class: "phone-state" });

const appearance = new Appearance({ settings, desk, announcer, recoloured: () => sources.update(), say: toast }, theme);
const actions = new Actions({
  desk, features, settings, activity, sources, appearance, sidebar, palette, saveView, say: toast,
  show: showIn,
  open: (source) => openSource(source, "open"),
  copy: (text) => void copyText(text),
  link: (pane, ref) => void address.copyLink(pane, ref),
  addressChanged: () => address.changed(false),
});

fill(one("#top"),
  button("menu", "Sources", () => sidebar(), "Ctrl B"),
  h("span", { class: "brand" }, logo(), h("strong", null, "tailws")), hostName,
  h("div", { class: "phone-title" }, phoneName, phoneState),
  h("div", { class: "top-middle" }, h("button", { class: "open-button", onclick: palette },
    icon("search"), h("span", null, "Open a source or view"), h("kbd", null, "Ctrl K"))),
  h("div", { class: "top-right" }, connection.el, bell, theme,
    button("gear", "Settings", () => appearance.openSettings()), button("help", "All keys", () => actions.run("help"), "?"),
    button("search", "Find", () => actions.run("find"), "/", "phone-only"),
    button("more", "More", phoneMenu, "", "phone-only")));
one("#foot").append(h("div", { class: "tabs", role: "toolbar", "aria-label": "Actions" },
  tab("list", "Sources", () => sidebar()), tab("filter", "Filter", () => actions.run("filter")),
  tab("clock", "Time", () => actions.run("time")), tab("up", "Prev error", () => actions.run("errorPrevious")),
  tab("down", "Next error", () => actions.run("errorNext"))));
one("#side").append(sideHandle());
document.body.append(h("div", { class: "shade", onclick: () => sidebar(false) }));
one("#skip").addEventListener("click", (event) => {
  event.preventDefault();
  desk.current?.focus();
});
const emptyNote = h("div", { class: "empty", hidden: true });
one("#main").append(emptyNote);

/** @param {import("./view/dom.js").IconName} name @param {string} label @param {() => void} act */
function tab(name, label, act) {
  return h("button", { class: "tab", onclick: act }, icon(name), h("span", null, label));
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

/** @param {boolean} [open] */
function sidebar(open) {
  if (innerWidth < 900) {
    const drawer = open ?? !root.classList.contains("drawer");
    root.classList.toggle("drawer", drawer);
    if (drawer) sources.focusList();
    else desk.current?.focus();
    return;
  }
  const hidden = open === undefined ? !root.classList.contains("side-hidden") : !open;
  root.classList.toggle("side-hidden", hidden);
  settings.set("sidebarOpen", !hidden);
}

/** @param {MouseEvent} event */
function phoneMenu(event) {
  const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
  menu({ x: box.right - 220, y: box.bottom + 4 }, [
    ...(desk.current?.header.items() ?? []),
    { text: "Bookmark", act: () => actions.run("bookmark") },
    { text: "Notify on errors", act: () => void toggleNotify(ERRORS, "") },
    { text: "Open", act: () => palette() },
    { text: "Theme", act: () => appearance.nextTheme() },
    { text: "Settings", act: () => appearance.openSettings() },
    { text: "All keys", act: () => actions.run("help") },
  ]);
}

function palette() {
  /** @type {import("./view/dialogs.js").Entry[]} */
  const entries = [
    ...[...known.values()].map((source) => ({
      kind: "log", text: source.name, detail: source.state === "live" ? rateOf(source.name) : source.state,
      act: (/** @type {import("./view/dialogs.js").How} */ how) => openSource(source.name, how),
    })),
    ...[...settings.views(), ...givenViews].map((view) => ({ kind: "saved view", text: view.name, act: () => go(view.address) })),
    ...KEYS.filter(({ action }) => actions.offered(action)).map(({ action, text }) => ({
      kind: "command", text, key: labelFor(action), act: () => actions.run(action),
    })),
    { kind: "command", text: "Settings", act: () => appearance.openSettings() },
    ...(signedIn ? [{ kind: "command", text: "Sign out", act: leave }] : []),
  ];
  openPalette(entries);
}

async function leave() {
  await signOut();
  for (const link of desk.links) {
    link.socket.close();
    link.socket.closed = false;
  }
  enter();
}

function saveView() {
  question("Save this view", "Its name", desk.current?.shown.join(", ") ?? "", (name) => {
    const panes = address.address.panes.map((pane) => ({ ...pane, at: null, q: "" }));
    toast(settings.saveView(name, formatAddress({ panes })) ? `Saved as “${name}”` : "There is no room for another view.");
    drawViews();
  });
}

// -- what is shown

/** Tells the list of sources what is on screen. */
function drawShown() {
  const shown = new Map();
  for (const pane of desk.panes) {
    for (const [name, colour] of pane.colours) shown.set(name, pane.shown.length > 1 || desk.slots.length > 1 ? colour : "");
  }
  sources.setShown(shown);
  if (!document.hidden) for (const name of shown.keys()) activity.saw(name);
  notify.title(desk.current?.shown.map((name) => name.split("/").pop()).join(", ") ?? "");
}

/** @param {string} source @param {import("./view/sources.js").How} how */
function openSource(source, how) {
  const pane = desk.current ?? desk.add();
  if (how === "add" && pane.shown.length && !pane.shown.includes(source)) {
    if (pane.shown.length >= MAX_SOURCES) return toast(`A pane shows up to ${MAX_SOURCES} logs.`);
    showIn(pane, [...pane.shown, source]);
  } else if (how === "beside" && !desk.full && pane.shown.length) {
    showIn(desk.beside(), [source]);
    desk.arrange();
  } else showIn(pane, [source]);
  root.classList.remove("drawer");
  desk.current?.focus();
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

/** Goes to an address. @param {string} fragment */
function go(fragment) {
  address.go(fragment);
  root.classList.remove("drawer");
}

// -- messages

/** What nobody has asked for. @param {Link} link @param {Head} head @param {string | null} body */
function take(link, head, body) {
  if (link !== desk.links[0] && (head.type === "sources" || head.type === "activity")) return;
  if (head.type === "hello") hello(link, head);
  else if (head.type === "sources") setSources(head.sources);
  else if (head.type === "activity") pulse(head);
  else if (head.type === "match") notify.match(head, body ?? "");
  else if (head.type === "rates") activity.hour(head.sources, Date.now());
  else link.pane?.message(head, body);
}

/** @param {Link} link @param {Extract<Head, {type: "hello"}>} head */
function hello(link, head) {
  if (link === desk.links[0]) {
    features.clear();
    for (const feature of head.features ?? []) features.add(feature);
    zone = head.zone || localZone();
    say(hostName, head.title || head.host || location.host);
    givenViews = head.views ?? [];
    drawViews();
    root.classList.toggle("no-locate", !features.has("locate"));
    if (features.has("activity")) link.socket.send({ type: "activity" });
    notify.send = (command) => link.socket.send(command);
    notify.resume(features.has("watch"));
    activity.scale = 0;
    session().then((who) => { signedIn = who === "in"; });
    for (const pane of desk.panes) pane.looks.set({ zone });
    setSources(head.sources);
    setClock(link);
  }
  const { pane } = link;
  if (!pane) return;
  if (pane.feed.sources.length) {
    if (!asleep) pane.feed.resume(); // else when somebody looks
    pane.map.refresh();
  } else if (link === desk.links[0]) begin();
  link.socket.settle();
}

/** Compares the clocks, half way through a question and its answer. @param {Link} link */
async function setClock(link) {
  const sent = Date.now();
  const pong = (await link.ask({ type: "ping" }))?.head;
  if (pong?.type === "pong") clockOffset = pong.t - (sent + Date.now()) / 2;
}

/** @param {SourceInfo[]} list */
function setSources(list) {
  const nothing = known.size === 0;
  known = new Map(list.map((source) => [source.name, source]));
  sources.set(list);
  for (const pane of desk.panes) {
    for (const source of list) if (source.zone) pane.looks.zones.set(source.name, source.zone);
    pane.dirty();
  }
  if (nothing && list.length && begun && !desk.current?.shown.length) begin();
  drawEmpty();
}

let begun = false;

/** What the address says; without one, the log with the newest line. */
function begin() {
  begun = true;
  const wanted = parseAddress(location.hash);
  if (wanted.panes[0].sources.length) return address.apply(wanted, history.state);
  const live = [...known.values()].filter((source) => source.state === "live");
  live.sort((a, b) => (b.modified ?? 0) - (a.modified ?? 0));
  if (live[0]) {
    showIn(desk.panes[0], [live[0].name]);
    ask(() => setTimeout(() => desk.current?.focus()));
  }
  return undefined;
}

/** @param {Extract<Head, {type: "activity"}>} head */
function pulse(head) {
  const now = Date.now();
  const shown = new Set(document.hidden ? [] : desk.panes.flatMap((pane) => pane.feed.sources));
  for (const [source, [lines = 0, size = 0, errors = 0]] of Object.entries(head.sources)) {
    activity.add(source, lines, errors, now, shown.has(source), size);
    if (document.hidden || !shown.has(source)) notify.news(source, lines, errors);
    for (const pane of desk.panes) if (pane.map.source === source) pane.map.grow(size, lines);
  }
  if (features.has("rates") && !activity.scale) { // not before: what is passing has been counted now
    activity.scale = 1;
    desk.links[0].socket.send({ type: "rates" });
  }
}

/** @param {Pane} pane @param {number} lines @param {number} errors @param {string} text */
function news(pane, lines, errors, text) {
  if (!features.has("activity")) {
    const [source] = pane.feed.sources;
    if (source) activity.add(source, lines, errors, Date.now(), !document.hidden);
  }
  // In a hidden tab the daemon's counts say it, also of what is not received.
  if (notify.away && !(document.hidden && features.has("activity"))) notify.news(pane.feed.sources[0] ?? "", lines, errors);
  if (pane === desk.current && document.activeElement === pane.paper.paper) {
    announcer.news(lines, errors, text.slice(text.lastIndexOf("\n") + 1));
  }
}

/** @param {Link} link */
function linkChanged(link) {
  const { phase } = link.socket.state;
  if (link === desk.links[0]) {
    root.dataset.link = phase;
    notify.link(phase !== "live" && phase !== "connecting");
  }
  if (phase === "signed-out") enter();
  else if (phase === "live") login?.close();
  ask(refresh);
}

// -- what is written in the bars

function refresh() {
  const now = Date.now();
  const pane = desk.current;
  const [first] = desk.links;
  if (!first) return;
  const quiet = pane?.shown.length === 1 ? activity.quiet(pane.shown[0], now) : 0;
  const late = pane && pane.following && pane.behind > 2000 && now - pane.lastLine < 5000;
  announcer.now(connection.set({
    state: first.socket.state, quiet, now,
    ms: pane && pane.following && now - pane.lastLine < 5000 ? pane.behind : -1,
    behind: late || (pane && pane.following && pane.behindBytes > 1 << 20) ? `${bytes(pane.behindBytes)}` : "",
    last: pane?.lastLine ? clock(pane.lastLine, zone) : "",
  }));
  const offered = { split: !desk.full && innerWidth >= 600, many: desk.slots.length > 1, tied: desk.tied, download: features.has("download") };
  desk.panes.forEach((pane, k) => {
    pane.drawHead(offered);
    const its = pane.shown.join(", ") || "log";
    attribute(pane.el, "aria-label", desk.slots.length > 1 ? `Pane ${k + 1}, ${its}` : its);
  });
  say(phoneName, pane?.shown.map((name) => name.split("/").pop()).join(", ") || "tailws");
  say(phoneState, phoneWords(first.socket.state.phase, pane));
  show(bell, !!pane?.shown.length);
  press(bell, [...notify.wishes.values()].some((wish) => pane?.shown.includes(wish.source)));
  if (!pane?.shown.length) return status.set(null);
  const hints = LESSONS.some((hint) => !settings.learned(hint));
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
  const files = desk.panes.map((pane) => pane.map).find((map) => map.source === source)?.files ?? [];
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

/** What to write where, when the daemon follows nothing. */
function drawEmpty() {
  const nothing = known.size === 0;
  show(emptyNote, nothing);
  root.classList.toggle("no-sources", nothing);
  if (!nothing || emptyNote.childElementCount) return;
  const yaml = "sources:\n  - name: syslog\n    path: /var/log/syslog";
  fill(emptyNote, h("h2", null, "No logs yet"),
    h("p", null, "The daemon follows nothing. Tell it in its config what to follow:"),
    h("pre", null, yaml), h("button", { class: "primary small", onclick: () => copyText(yaml) }, "Copy"),
    h("p", null, "Then let it read its config again: ", h("code", null, "systemctl reload tailws"), ", or send it SIGHUP. The log appears here by itself."));
}

/** @param {string} text @param {boolean} [escapes] */
async function copyText(text, escapes = false) {
  const done = await copy(text, escapes);
  const lines = text.split("\n").length;
  if (!done) toast("The browser does not let the page copy.");
  else if (lines > 1000) toast(`${plural(lines, "line")} copied`);
  else announcer.now("Copied");
}

onCopy(() => {
  const pane = desk.current;
  // The browser waits for no daemon: what is not held here comes after it.
  pane?.pickAcross();
  const far = !!pane?.picked.far;
  if (far) actions.gather(pane);
  return far ? null : (pane?.selectionText() ?? null);
}, (lines) => {
  if (lines > 1000) toast(`${plural(lines, "line")} copied`);
});

/** Of what one is told: errors, and what the chips show or mark. @param {MouseEvent} event */
function openBell(event) {
  const pane = desk.current;
  const chips = features.has("watch") ? (pane?.chips ?? []).filter((chip) => chip.on && chip.kind !== "hide" && chip.form !== "level") : [];
  if (!pane || !chips.length) return void toggleNotify(ERRORS, "");
  const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
  menu({ x: box.right - 220, y: box.bottom + 4 }, [{ term: ERRORS, words: "" }, ...chips.map((chip) => ({ term: termOf(chip), words: `“${chip.text}”` }))].map(({ term, words }) => ({
    text: `Notify on ${words || "errors"}`, key: pane.shown.some((name) => notify.wants(name, term)) ? "on" : "", act: () => void toggleNotify(term, words),
  })));
}

/** @param {string | import("./model/protocol.js").Term} term @param {string} words */
async function toggleNotify(term, words) {
  const names = desk.current?.shown ?? [];
  const on = !names.some((name) => notify.wants(name, term));
  for (const name of names) notify.wish(name, term, words, on);
  ask(refresh);
  const what = words || "errors";
  if (!on) return toast(`No notifications of ${what} in these logs`);
  const problem = await Notify.allow();
  toast(problem || `You are told of ${what} in these logs while you look elsewhere.`);
  return undefined;
}

notify.say = toast;
notify.focus = (/** @type {string} */ source, /** @type {string} */ cursor) => {
  if (cursor && desk.current) showIn(desk.current, [source], { cursor, skip: 0 });
  else openSource(source, "open");
};

// -- time and attention

function everySecond() {
  const now = Date.now();
  activity.tick(now);
  for (const link of desk.links) link.socket.watch();
  sources.pulse();
  for (const pane of desk.panes) pane.tick(pane.shown.reduce((sum, name) => sum + activity.rate(name), 0));
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
    for (const pane of desk.panes) pane.leftAt = pane.feed.blocks.at(pane.feed.blocks.end - 1);
    clearInterval(clockwork);
    hiddenTimer = setTimeout(() => {
      asleep = true;
      for (const pane of desk.panes) pane.feed.sleep();
    }, HIDDEN);
    return;
  }
  notify.seen();
  clockwork = setInterval(everySecond, 1000);
  for (const link of desk.links) link.socket.now();
  for (const pane of desk.panes) {
    const missed = { lines: 0, bytes: 0 };
    for (const name of pane.shown) {
      missed.lines += activity.pulses.get(name)?.unseen ?? 0;
      missed.bytes += activity.pulses.get(name)?.unseenBytes ?? 0;
    }
    pane.back(missed.lines, hiddenAt, asleep);
    if (!asleep) continue;
    if (pane.following && (missed.lines > CATCH_UP.lines || missed.bytes > CATCH_UP.bytes)) {
      if (!pane.feed.tears) pane.leftAt = null;
      pane.feed.jump({ end: true });
    } else pane.feed.resume();
  }
  asleep = false;
  drawShown();
  ask(refresh);
});
addEventListener("focus", () => notify.seen());
addEventListener("online", () => desk.links.forEach((link) => link.socket.now()));
addEventListener("offline", () => desk.links.forEach((link) => link.socket.offline()));

// -- begin

desk.add();
appearance.apply();
const holder = /** @type {{tailwsToken?: string}} */ (window);
const token = holder.tailwsToken;
delete holder.tailwsToken;
if (token) {
  desk.links[0].socket.closed = true;
  const { ok, message, wait } = await signIn(token);
  desk.links[0].socket.closed = false;
  if (ok) desk.links[0].socket.open();
  else enter().tell(message, wait);
}

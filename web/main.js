/**
 * Puts the page together: settings, connections, sources, panes, keys. Nothing is drawn here, and
 * nothing is parsed: this module only says who talks to whom.
 */

import { Activity } from "./model/activity.js";
import { actionFor } from "./model/keymap.js";
import { openSettings } from "./model/settings.js";
import { clock, duration, count } from "./model/words.js";
import { Connection } from "./view/connection.js";
import { fill, h, one, show } from "./view/dom.js";
import { ask } from "./view/frame.js";
import { icon, logo } from "./view/icons.js";
import { Login, session, signIn } from "./view/login.js";
import { Pane } from "./view/pane.js";
import { Socket } from "./view/socket.js";
import { Sources } from "./view/sources.js";
import { Status } from "./view/status.js";

/** @typedef {import("./model/protocol.js").Head} Head */

const basePath = new URL(".", document.baseURI).pathname;
const settings = openSettings(() => localStorage, basePath);
const features = /** @type {Set<string>} */ (new Set());
const activity = new Activity(Date.now());

let zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
/** @type {import("./model/protocol.js").SourceInfo[]} */
let known = [];

const socket = new Socket({ message, state: connectionChanged }, session);
const login = new Login(() => socket.open());
const connection = new Connection({ now: () => socket.now(), skip: () => pane.toEnd(), signIn: () => login.open() });
const status = new Status(one("#foot"), {
  end: () => pane.toEnd(),
  firstError: () => pane.toEnd(),
  dismiss: () => settings.learn("hint"),
});
const sources = new Sources(one("#side"), {
  open: (source) => open([source]),
  openView: () => {},
  removeView: () => {},
  close: () => {},
  folders: () => settings.get("folders"),
  keepFolders: (folders) => settings.set("folders", folders),
}, activity);

const pane = new Pane({
  send: (command) => socket.send(command),
  changed: () => ask(refresh),
  toast: () => {},
  announce: speak,
  news: (lines, errors, text) => {
    if (!features.has("activity")) {
      for (const source of pane.sources) activity.add(source, lines, text.length, errors, Date.now(), true);
    }
  },
  zone: () => zone,
}, features);
one("#main").append(pane.el);

const host = h("span", { class: "host" });
fill(one("#top"),
  h("button", { type: "button", class: "icon-button", "aria-label": "Sources", title: "Sources  Ctrl B", onclick: toggleSide }, icon("menu")),
  h("span", { class: "brand" }, logo(), h("strong", null, "tailws")), host,
  h("span", { class: "top-space" }),
  connection.el,
  h("button", { type: "button", class: "icon-button", "aria-label": "Theme", title: "Theme", onclick: nextTheme }, icon("sun")));

/** @param {string[]} names */
function open(names) {
  pane.open(names, {}, { end: true });
  sources.setShown(new Map(names.map((name, k) => [name, `s${(k % 8) + 1}`])));
  for (const name of names) activity.saw(name);
  pane.focus();
}

/** @param {Head} head @param {string | null} body */
function message(head, body) {
  switch (head.type) {
    case "hello":
      features.clear();
      for (const feature of head.features ?? []) features.add(feature);
      if (head.zone) zone = head.zone;
      pane.looks.set({ zone });
      fill(host, head.title || head.host || location.host);
      known = head.sources;
      sources.set(known);
      if (features.has("activity")) socket.send({ type: "activity" });
      if (pane.sources.length) pane.feed.resume();
      else first();
      return;
    case "sources":
      known = head.sources;
      sources.set(known);
      if (!pane.sources.length) first();
      return;
    case "activity":
      for (const [source, [lines, bytes, errors]] of Object.entries(head.sources)) {
        activity.add(source, lines, bytes, errors ?? 0, Date.now(), pane.sources.includes(source) && !document.hidden);
      }
      sources.pulse();
      return;
    default:
      pane.message(head, body);
  }
}

/** The log with the latest line opens by itself. */
function first() {
  const live = known.filter((source) => source.state === "live");
  const [best] = live.sort((a, b) => (b.modified ?? 0) - (a.modified ?? 0));
  if (best) open([best.name]);
}

function connectionChanged() {
  document.documentElement.dataset.link = socket.state.phase;
  if (socket.state.phase === "signed-out") login.open();
  ask(refresh);
}

function refresh() {
  const now = Date.now();
  speak(connection.set({
    state: socket.state, ms: pane.following && pane.lastLine ? pane.behind : -1,
    quiet: pane.sources.length === 1 ? activity.quiet(pane.sources[0], now) : 0,
    behind: 0, last: pane.lastLine ? clock(pane.lastLine, zone) : "", now,
  }));
  if (!pane.sources.length) return status.set(null);
  const right = [];
  if (pane.following && pane.lastLine) right.push(`last line ${duration(now - pane.lastLine)} ago`);
  right.push(`in memory ${count(pane.feed.blocks.lines)} lines`);
  status.set({
    following: pane.following, lines: pane.mode.lines, errors: pane.mode.errors, right,
    hint: pane.following && !settings.learned("hint") ? "Space stops, / finds, f filters, ? all keys" : "",
  });
  return undefined;
}

/** @param {string} text */
function speak(text) {
  if (text) one("#spoken").textContent = text;
}

function toggleSide() {
  const hidden = document.documentElement.classList.toggle("side-hidden");
  settings.set("sidebarOpen", !hidden);
}

function nextTheme() {
  const order = /** @type {const} */ (["auto", "dark", "light"]);
  const theme = order[(order.indexOf(settings.get("theme")) + 1) % 3];
  settings.set("theme", theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  sources.update();
}

/** What a key does. @type {Record<string, () => void>} */
const ACTIONS = {
  stop: () => pane.space(),
  pageUp: () => pane.page(-1),
  pageDown: () => pane.page(1),
  halfDown: () => pane.page(0.5),
  halfUp: () => pane.page(-0.5),
  lineDown: () => pane.step(1),
  lineUp: () => pane.step(-1),
  first: () => pane.first(),
  end: () => void pane.toEnd(),
  left: () => pane.sideways(-20),
  right: () => pane.sideways(20),
  lineStart: () => pane.sideways(-Infinity),
  lineEnd: () => pane.sideways(Infinity),
  wrap: () => pane.looks.set({ wrap: !pane.looks.options.wrap }),
  sources: () => sources.focus(),
  sidebar: toggleSide,
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented) return;
  const target = event.target instanceof Element ? event.target : null;
  const inField = !!target?.closest("input, textarea, select, [contenteditable]");
  const onButton = !!target?.closest("button, a, summary, [role=treeitem]");
  const action = actionFor(event, { inField, onButton, singleKeys: settings.get("singleKeys"), ctrlF: settings.get("ctrlF") });
  const act = action && ACTIONS[action];
  if (!act || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  act();
  pane.dirty();
});

setInterval(() => {
  activity.tick(Date.now());
  sources.pulse();
  socket.watch();
  ask(refresh);
}, 1000);
addEventListener("online", () => socket.now());
addEventListener("offline", () => socket.offline());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) socket.now();
});

const token = /** @type {{tailwsToken?: string}} */ (window).tailwsToken;
if (token) await signIn(token);
socket.open();
show(one("#foot"), true);

/**
 * What opens over the page: the way to everything (logs, views, commands), the list of keys, the
 * settings, downloads, a small menu, a question, a toast, and signing in. Native `<dialog>`: the
 * browser holds the focus, makes the rest inert, and closes on Escape.
 *
 * @typedef {{kind: string, text: string, detail?: string, key?: string, act: (how: How) => void}} Entry
 * @typedef {"open" | "add" | "beside"} How
 * @typedef {{label: string, detail: string, fields: Record<string, string>}} Part
 */

import { keyLabel, KEYS, searchKeys } from "../model/keymap.js";
import { fill, h, howOf, icon, iconButton, logo, say, set, show } from "./dom.js";

/**
 * Opens what is taken away when it is closed, by a click beside it for one.
 * @param {HTMLDialogElement} el
 */
function open(el) {
  const before = document.activeElement;
  el.addEventListener("click", (event) => {
    if (event.target === el) el.close();
  });
  el.addEventListener("close", () => {
    el.remove();
    // The focus goes back, unless it has gone on meanwhile: "close" is told late.
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  });
  document.body.append(el);
  el.showModal();
}

/**
 * @param {string} title
 * @param {string} cls
 * @param {...import("./dom.js").Child} content
 */
export function dialog(title, cls, ...content) {
  const id = `dialog-${cls}`;
  const el = h("dialog", { class: `dialog ${cls}`, "aria-labelledby": id },
    h("div", { class: "dialog-head" }, h("h2", { id }, title),
      iconButton("close", "Close", () => el.close(), "Esc")),
    ...content);
  open(el);
  return el;
}

/** All keys, searchable. @param {(action: string) => boolean} offered */
export function help(offered) {
  if (document.querySelector(".dialog.help")) return;
  const list = h("div", { class: "help-list", tabindex: "0", role: "region", "aria-label": "Keys" });
  const draw = () => {
    const found = (field.value.trim() ? searchKeys(field.value) : [...KEYS]).filter(({ action }) => offered(action));
    /** @type {Map<string, HTMLElement[]>} */
    const groups = new Map();
    for (const { keys, text, group } of found) {
      const rows = groups.get(group) ?? [];
      rows.push(h("div", { class: "help-row" },
        h("dt", null, ...keys.flatMap((key, k) => [k ? " " : "", h("kbd", null, keyLabel(key))])), h("dd", null, text)));
      groups.set(group, rows);
    }
    fill(list, ...[...groups].map(([group, rows]) => h("section", { class: "help-group" }, h("h3", null, group), h("dl", null, ...rows))),
      !found.length && h("p", { class: "quiet" }, "No key does that."));
  };
  const field = h("input", { type: "text", class: "dialog-field", placeholder: "What should a key do?", "aria-label": "Search the keys", oninput: draw });
  dialog("Keys", "help", h("div", { class: "dialog-bar" }, field), list);
  draw();
  field.focus();
}

/**
 * @typedef {{label: string, value: string, choices: [string, string][],
 *   set: (value: string) => void}} Choice
 * @typedef {{label: string, help?: string, on: boolean, set: (on: boolean) => void}} Switch
 */

/**
 * @param {Choice[]} choices
 * @param {Switch[]} switches
 * @param {...import("./dom.js").Child} extra
 */
export function settingsDialog(choices, switches, ...extra) {
  if (document.querySelector(".dialog.settings")) return;
  dialog("Settings", "settings", h("div", { class: "settings-body" },
    ...choices.map((choice) => {
      const select = h("select", { onchange: () => choice.set(select.value) },
        ...choice.choices.map(([value, text]) => h("option", { value, selected: value === choice.value }, text)));
      return h("label", { class: "setting" }, h("span", null, choice.label), select);
    }),
    ...switches.map((one) => {
      const box = h("input", { type: "checkbox", onchange: () => one.set(box.checked) });
      box.checked = one.on;
      return h("label", { class: "setting" }, h("span", null, one.label, one.help && h("small", null, one.help)), box);
    }),
    ...extra));
}

/**
 * A short question with one field.
 * @param {string} title @param {string} label @param {string} value
 * @param {(text: string) => void} done
 */
export function question(title, label, value, done) {
  const field = h("input", { type: "text", class: "dialog-field", id: "question", value, maxlength: "120" });
  const form = h("form", { method: "dialog", class: "question", onsubmit: () => {
    const text = field.value.trim();
    if (text) done(text);
  } }, h("label", { for: "question" }, label), field, h("button", { type: "submit", class: "primary" }, "Save"));
  dialog(title, "ask", form);
  field.select();
}

/** Something that takes a while: it says how far it is, and can be stopped. @param {string} title */
export function waiting(title) {
  const words = h("p", { role: "status" });
  const button = h("button", { class: "primary small", onclick: () => act() }, "Stop");
  const el = dialog(title, "waiting", h("div", { class: "question" }, words, button));
  let act = () => el.close();
  return {
    get stopped() {
      return !el.open;
    },
    say: (/** @type {string} */ text) => say(words, text),
    close: () => el.close(),
    /** It is done, and one click is missing. @param {string} text @param {() => void} then */
    offer(text, then) {
      fill(button, text);
      act = () => {
        el.close();
        then();
      };
    },
  };
}

/**
 * A menu at a place on the screen.
 * @param {{x: number, y: number}} at
 * @param {{text: string, key?: string, act: () => void}[]} items
 */
export function menu(at, items) {
  const el = h("dialog", { class: "menu", "aria-label": "Menu" }, h("div", { role: "menu" }, ...items.map((item) =>
    h("button", { role: "menuitem", onclick: () => {
      el.close();
      item.act();
    } }, h("span", null, item.text), item.key && h("kbd", null, item.key)))));
  el.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...el.querySelectorAll("button")];
    const at2 = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    buttons[(at2 + step + buttons.length) % buttons.length].focus();
  });
  open(el);
  const { width, height } = el.getBoundingClientRect();
  el.style.left = `${Math.max(8, Math.min(at.x, innerWidth - width - 8))}px`;
  el.style.top = `${Math.max(8, Math.min(at.y, innerHeight - height - 8))}px`;
}

let toastTimer = 0;

/** A word that goes away by itself; for what has no other place. @param {string} text @param {() => void} [go] to what it tells of */
export function toast(text, go) {
  const box = document.querySelector("#toasts");
  if (!(box instanceof HTMLElement)) return;
  fill(box, h("div", { class: "toast", role: "status" }, text,
    ...(go ? [" ", h("button", { class: "text-button", onclick: go }, "Show")] : [])));
  show(box, true);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => fill(box), go ? 20_000 : 5000);
}

/** Entries shown at most. */
const MOST_ENTRIES = 60;

/** @param {Entry[]} entries @param {string} [typed] */
export function openPalette(entries, typed = "") {
  if (document.querySelector(".palette")) return;
  let chosen = 0;
  /** @type {Entry[]} */
  let found = [];
  const field = h("input", {
    type: "text", class: "palette-field", placeholder: "Open a log, a view or a command", role: "combobox",
    "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list", spellcheck: "false",
    autocomplete: "off", "aria-label": "Open", value: typed, oninput: () => draw(),
  });
  const list = h("div", { class: "palette-list", role: "listbox", id: "palette-list", "aria-label": "Found" });
  const el = h("dialog", { class: "palette", "aria-label": "Open" },
    h("div", { class: "palette-bar" }, icon("search"), field), list,
    h("div", { class: "palette-foot" }, h("kbd", null, "Enter"), " opens  ", h("kbd", null, "Shift Enter"), " adds to the pane  ", h("kbd", null, "Ctrl Enter"), " opens beside"));

  /** @param {Entry} entry @param {How} how */
  const take = (entry, how) => {
    el.close();
    entry.act(how);
  };
  const draw = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = entries.filter((entry) => {
      const text = `${entry.text} ${entry.kind}`.toLowerCase();
      return words.every((word) => text.includes(word));
    }).slice(0, MOST_ENTRIES);
    chosen = Math.max(0, Math.min(chosen, found.length - 1));
    fill(list, ...found.map((entry, k) => h("div", {
      class: "palette-row", role: "option", id: `palette-${k}`, "aria-selected": String(k === chosen),
      onclick: (/** @type {MouseEvent} */ event) => take(entry, howOf(event)),
    }, h("span", { class: "palette-text" }, entry.text), h("span", { class: "palette-kind" }, entry.detail || entry.kind), entry.key && h("kbd", null, entry.key))),
    !found.length && h("p", { class: "quiet" }, "Nothing has this name."));
    if (found.length) field.setAttribute("aria-activedescendant", `palette-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
  };
  el.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step) {
      event.preventDefault();
      chosen = Math.max(0, Math.min(found.length - 1, chosen + step));
      draw();
    } else if (event.key === "Enter" && found[chosen]) {
      event.preventDefault();
      take(found[chosen], howOf(event));
    }
  });
  open(el);
  field.focus();
  draw();
}

/** @param {Part[]} parts */
export function downloadDialog(parts) {
  if (document.querySelector(".dialog.download")) return;
  const el = dialog("Download", "download", h("div", { class: "download-list" }, ...parts.map((part) =>
    h("button", { class: "download-part", onclick: () => {
      post(part.fields);
      el.close();
    } }, h("strong", null, part.label), h("span", null, part.detail)))));
  /** @type {HTMLElement | null} */ (el.querySelector(".download-part"))?.focus();
}

/** @param {Record<string, string>} fields */
function post(fields) {
  const form = h("form", { method: "post", action: "download", target: "_blank", rel: "noopener", hidden: true },
    ...Object.entries(fields).map(([name, value]) => h("input", { type: "hidden", name, value })));
  document.body.append(form);
  form.submit();
  form.remove();
}

/*
 * Signing in: the access token for a cookie. The token goes into one request body and nowhere else;
 * the daemon answers with a cookie that scripts cannot read.
 */

/**
 * Whether this browser is signed in: "open" where nobody need be, "unknown" when the daemon does not
 * answer.
 * @returns {Promise<"in" | "open" | "out" | "unknown">}
 */
export async function session() {
  try {
    const answer = await fetch("session", { headers: { accept: "application/json" }, cache: "no-store" });
    if (answer.status === 401) return "out";
    if (!answer.ok) return "unknown";
    const who = await answer.json();
    return who.access === "none" ? "open" : "in";
  } catch {
    return "unknown";
  }
}

/**
 * Trades a token for the cookie.
 * @param {string} token
 * @returns {Promise<{ok: boolean, message: string, wait: number}>} wait: seconds before another try
 */
export async function signIn(token) {
  try {
    const answer = await fetch("session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) return { ok: true, message: "", wait: 0 };
    if (answer.status === 429) {
      const wait = Math.min(3600, Number(answer.headers.get("retry-after")) || 60);
      return { ok: false, message: "Too many tries.", wait };
    }
    if (answer.status === 401) {
      return { ok: false, message: "This token is not valid (any more).", wait: 0 };
    }
    return { ok: false, message: `The daemon answered with ${answer.status}.`, wait: 0 };
  } catch {
    return { ok: false, message: "The daemon does not answer.", wait: 0 };
  }
}

/** @returns {Promise<void>} */
export async function signOut() {
  await fetch("session", { method: "DELETE" }).catch(() => undefined);
}

export class Login {
  /** @param {() => void} done */
  constructor(done) {
    this.done = done;
    this.field = h("input", {
      type: "password", name: "password", autocomplete: "current-password", id: "token",
      spellcheck: "false", autocapitalize: "none", required: true,
    });
    this.user = h("input", {
      type: "text", name: "username", autocomplete: "username", value: "tailws", class: "sr",
      tabindex: "-1", "aria-hidden": "true", readonly: true,
    });
    this.error = h("p", { class: "login-error", role: "alert" });
    this.button = h("button", { type: "submit", class: "primary" }, "Sign in");
    this.form = h("form", { class: "login-form", method: "dialog", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#try();
    } },
    h("div", { class: "login-brand" }, logo(), h("strong", null, "tailws")),
    h("h2", { id: "login-title" }, "Sign in"),
    this.user,
    h("label", { for: "token" }, "Access token"), this.field, this.error,
    h("p", { class: "login-help" }, "The daemon printed it at its start. Installed as a service, it is in this file:"),
    h("code", { class: "login-code" }, "/etc/credstore/tailws.token"),
    this.button);
    this.el = h("dialog", { class: "login", "aria-labelledby": "login-title" }, this.form);
    // Escape must not leave a page behind that cannot do anything.
    this.el.addEventListener("cancel", (event) => event.preventDefault());
    this.timer = 0;
  }

  open() {
    if (this.el.open) return;
    if (!this.el.isConnected) document.body.append(this.el);
    this.el.showModal();
    this.field.focus();
  }

  close() {
    if (this.el.open) this.el.close();
    this.field.value = "";
  }

  async #try() {
    this.button.disabled = true;
    say(this.error, "");
    const { ok, message, wait } = await signIn(this.field.value);
    this.button.disabled = wait > 0;
    if (ok) {
      this.close();
      this.done();
      return;
    }
    set(this.field, { "aria-invalid": "true" });
    this.field.select();
    this.tell(message, wait);
  }

  /** What came of a try. @param {string} message @param {number} seconds before the next one */
  tell(message, seconds) {
    clearTimeout(this.timer);
    say(this.error, seconds ? `${message} Try again in ${seconds} s.` : message);
    this.button.disabled = seconds > 0;
    if (seconds > 0) this.timer = setTimeout(() => this.tell(message, seconds - 1), 1000);
  }
}

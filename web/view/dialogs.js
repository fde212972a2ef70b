/**
 * What opens over the page: the list of keys, the settings, a small menu, a question, a toast.
 * Native `<dialog>`: the browser holds the focus, makes the rest inert, and closes on Escape.
 */

import { KEYS, keyLabel, searchKeys } from "../model/keymap.js";
import { fill, h, show } from "./dom.js";
import { icon } from "./icons.js";

/**
 * Gives the focus back, unless it has gone on meanwhile: "close" is told late.
 * @param {Element | null} before what had it
 */
function giveBack(before) {
  const lost = document.activeElement === null || document.activeElement === document.body;
  if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
}

/**
 * A dialog that is taken away when it is closed, and gives the focus back.
 * @param {string} title
 * @param {string} cls
 * @param {...import("./dom.js").Child} content
 */
export function dialog(title, cls, ...content) {
  const before = document.activeElement;
  const id = `dialog-${cls}`;
  const close = () => el.close();
  const el = h("dialog", { class: `dialog ${cls}`, "aria-labelledby": id },
    h("div", { class: "dialog-head" }, h("h2", { id }, title),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: close }, icon("close"))),
    ...content);
  el.addEventListener("click", (event) => {
    if (event.target === el) close();
  });
  el.addEventListener("close", () => {
    el.remove();
    giveBack(before);
  });
  document.body.append(el);
  el.showModal();
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

/**
 * A menu at a place on the screen.
 * @param {{x: number, y: number}} at
 * @param {{text: string, key?: string, act: () => void}[]} items
 */
export function menu(at, items) {
  const before = document.activeElement;
  const close = () => {
    if (el.open) el.close();
  };
  const el = h("dialog", { class: "menu", "aria-label": "Menu" }, h("div", { role: "menu" }, ...items.map((item) =>
    h("button", { type: "button", role: "menuitem", onclick: () => {
      close();
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
  el.addEventListener("click", (event) => {
    if (event.target === el) close();
  });
  el.addEventListener("close", () => {
    el.remove();
    giveBack(before);
  });
  document.body.append(el);
  el.showModal();
  const { width, height } = el.getBoundingClientRect();
  el.style.left = `${Math.max(8, Math.min(at.x, innerWidth - width - 8))}px`;
  el.style.top = `${Math.max(8, Math.min(at.y, innerHeight - height - 8))}px`;
}

let toastTimer = 0;

/** A word that goes away by itself; for what has no other place. @param {string} text */
export function toast(text) {
  const box = document.querySelector("#toasts");
  if (!(box instanceof HTMLElement)) return;
  fill(box, h("div", { class: "toast", role: "status" }, text));
  show(box, true);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => fill(box), 5000);
}

/**
 * The way to everything without a menu: one field over logs, saved views and commands.
 *
 * @typedef {{kind: string, text: string, detail?: string, key?: string, act: (how: How) => void}} Entry
 * @typedef {"open" | "add" | "beside"} How
 */

import { h, fill } from "./dom.js";
import { icon } from "./icons.js";

/** Entries shown at most. */
const MOST = 60;

/** @param {Entry[]} entries @param {string} [typed] */
export function openPalette(entries, typed = "") {
  if (document.querySelector(".palette")) return;
  const before = document.activeElement;
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
    }).slice(0, MOST);
    chosen = Math.max(0, Math.min(chosen, found.length - 1));
    fill(list, ...found.map((entry, k) => h("div", {
      class: "palette-row", role: "option", id: `palette-${k}`, "aria-selected": String(k === chosen),
      onclick: (/** @type {MouseEvent} */ event) => take(entry, event.ctrlKey ? "beside" : event.shiftKey ? "add" : "open"),
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
      take(found[chosen], event.ctrlKey ? "beside" : event.shiftKey ? "add" : "open");
    }
  });
  el.addEventListener("click", (event) => {
    if (event.target === el) el.close();
  });
  el.addEventListener("close", () => {
    el.remove();
    if (before instanceof HTMLElement && before.isConnected && document.activeElement === document.body) before.focus({ preventScroll: true });
  });
  document.body.append(el);
  el.showModal();
  field.focus();
  draw();
}

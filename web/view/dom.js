/**
 * Making elements. Text goes in as text nodes and nothing else: this page has no markup parser. What
 * hides or reorders text, in the name of a file for one, is shown by its number.
 *
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, unknown>} Props `class`, `text`, `on*` handlers, `aria-*` and `data-*`
 *   and other attributes; true sets an empty attribute, false and null leave it out
 */

import { label } from "../model/cells.js";

/** Controls but tab and newline, direction marks, zero-width characters, tags. */
const UNSEEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;

/** @param {unknown} text */
export function visible(text) {
  return String(text).replace(UNSEEN, (sign) => label(sign.codePointAt(0) ?? 0));
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  if (props) set(element, props);
  add(element, children);
  return element;
}

/** @param {Element} element @param {Props} props */
export function set(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === "class") {
      element.setAttribute("class", String(value ?? ""));
    } else if (name === "text") {
      element.textContent = visible(value ?? "");
    } else if (name === "value") {
      /** @type {HTMLInputElement} */ (element).value = String(value ?? "");
    } else {
      attribute(element, name, value);
    }
  }
}

/** @param {Element} element @param {Child[]} children */
export function add(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
}

/** Sets, or takes away, one attribute; touches nothing when it is so already.
 * @param {Element} element @param {string} name @param {unknown} value */
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const said = name === "title" || name.startsWith("aria-");
  const text = value === true ? "" : said ? visible(value) : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Changes a text only where it differs: a text that is set again is laid out again.
 * @param {Element} element @param {string} text */
export function say(element, text) {
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/** @param {Element} element @param {boolean} shown */
export function show(element, shown) {
  /** @type {HTMLElement} */ (element).hidden = !shown;
}

/** Replaces all children. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

/** @param {string} selector @returns {HTMLElement} */
export function one(selector) {
  const element = document.querySelector(selector);
  if (!(element instanceof HTMLElement)) throw new Error(`no element ${selector}`);
  return element;
}

/** @type {{theme: string, values: Map<string, string>}} */
const colours = { theme: "", values: new Map() };
/** @type {HTMLElement | null} */
let swatch = null;

/**
 * A colour of the style sheet, for a canvas: computed, because a custom property is only its text.
 * @param {string} token
 */
export function colour(token) {
  const theme = `${document.documentElement.dataset.theme} ${matchMedia("(prefers-color-scheme: dark)").matches}`;
  if (colours.theme !== theme) {
    colours.theme = theme;
    colours.values.clear();
  }
  let value = colours.values.get(token);
  if (!value) {
    if (!swatch) {
      swatch = h("span", { hidden: true });
      document.body.append(swatch);
    }
    swatch.style.color = `var(${token})`;
    value = getComputedStyle(swatch).color;
    colours.values.set(token, value);
  }
  return value;
}

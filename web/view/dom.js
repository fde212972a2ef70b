/**
 * What all views are made of: elements, icons, and the page's one animation frame.
 *
 * Text goes in as text nodes and nothing else: this page has no markup parser. What hides or
 * reorders text, in the name of a file for one, is shown by its number. An icon is decoration;
 * whoever uses one gives the control its name. All draw in the same frame, and nothing runs while
 * nothing changes.
 *
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, unknown>} Props `class`, `text`, `on*` handlers, `aria-*` and `data-*`
 *   and other attributes; true sets an empty attribute, false and null leave it out. A button sends
 *   no form unless its `type` says so
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
  if (tag === "button") attribute(element, "type", tag);
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

/** A control that is an icon. @param {IconName} name @param {string} label @param {(event: MouseEvent) => void} act @param {string} [key] @param {string} [cls] */
export function iconButton(name, label, act, key = "", cls = "") {
  return h("button", { class: `icon-button ${cls}`, "aria-label": label, title: key ? `${label}  ${key}` : label, onclick: act }, icon(name));
}

/** A small button that stays pressed. @param {string} text @param {string} title @param {() => void} [then] */
export function toggle(text, title, then) {
  const button = h("button", { class: "toggle", title, "aria-label": title, "aria-pressed": "false", onclick: () => {
    press(button, !pressed(button));
    then?.();
  } }, text);
  return button;
}

/** @param {() => void} [then] */
export const caseToggle = (then) => toggle("Aa", "Match upper and lower case", then);
/** @param {() => void} [then] */
export const regexToggle = (then) => toggle(".*", "Regular expression (RE2)", then);

/** @param {Element} button */
export const pressed = (button) => button.getAttribute("aria-pressed") === "true";

/** @param {Element} button @param {boolean} on */
export const press = (button, on) => attribute(button, "aria-pressed", String(on));

/** How something is opened, by the keys that are held: beside what is shown, added to it, or in its place.
 * @param {MouseEvent | KeyboardEvent} event @returns {"open" | "add" | "beside"} */
export const howOf = (event) => (event.ctrlKey || event.metaKey ? "beside" : event.shiftKey ? "add" : "open");

/**
 * A canvas of that many pixels, empty.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height
 */
export function brush(canvas, width, height) {
  const context = canvas.getContext("2d");
  const scale = devicePixelRatio || 1;
  const [wide, high] = [width, height].map((size) => Math.max(1, Math.round(size * scale)));
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  context?.setTransform(scale, 0, 0, scale, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
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

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8L14 14",
  filter: "M2 3h12L9.5 8.5V13l-3-1.5v-3z",
  clock: "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4zM8 4.5V8l2.5 1.8",
  up: "M3.5 10L8 5.5 12.5 10",
  down: "M3.5 6L8 10.5 12.5 6",
  end: "M8 2.5v10M4 8.8l4 4 4-4",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  bell: "M3.5 11.5h9c-1-1.2-1.3-2.2-1.3-4.5 0-2.2-1.3-3.8-3.2-3.8S4.8 4.8 4.8 7c0 2.3-.3 3.3-1.3 4.5zM6.7 13.7h2.6",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.3v1.4M8 13.3v1.4M1.3 8h1.4M13.3 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M12.7 3.3l-1 1M4.3 11.7l-1 1",
  moon: "M13.5 9.5A5.8 5.8 0 0 1 6.5 2.5a5.8 5.8 0 1 0 7 7z",
  auto: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12M8 5h4M8 8h5.8M8 11h4.5",
  help: "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4zM6.2 6.3c.1-1.1.9-1.7 1.9-1.7s1.9.7 1.9 1.7c0 1.3-1.9 1.4-1.9 2.7M8.1 11.3h.01",
  wrap: "M2 3.5h12M2 8h9.5a2.2 2.2 0 0 1 0 4.5H8.5M10 10.8l-1.8 1.7L10 14.2M2 12.5h3",
  split: "M2 2.5h12v11H2zM8 2.5v11",
  download: "M8 2v8.5M4.5 7.5L8 11l3.5-3.5M2.5 13.5h11",
  link: "M6.7 9.3a2.7 2.7 0 0 0 3.9 0l2.3-2.3a2.7 2.7 0 0 0-3.9-3.9l-.9.9M9.3 6.7a2.7 2.7 0 0 0-3.9 0L3.1 9a2.7 2.7 0 0 0 3.9 3.9l.9-.9",
  star: "M8 2l1.8 3.8 4.2.5-3.1 2.9.8 4.1L8 11.3l-3.7 2 .8-4.1L2 6.3l4.2-.5z",
  plus: "M8 3v10M3 8h10",
  gear: "M8 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4zM8 1.8l.7 2 2.1-.5.9 1.9 1.9 1-.6 2 1.2 1.8-1.7 1.3-.1 2.2-2.2-.1L8 14.2l-1.8-1.3-2.2.1-.1-2.2L2.2 9.5 3.4 8l-.6-2 1.9-1 .9-1.9 2.1.5z",
  tie: "M2.5 3v10M13.5 3v10M5 8h6M6.8 6L5 8l1.8 2M9.2 6L11 8l-1.8 2",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {string} cls @param {string} box @param {[string, string][]} paths each with its class @returns {SVGSVGElement} */
function drawing(cls, box, paths) {
  const draw = (/** @type {string} */ tag, /** @type {Props} */ props) => {
    const element = document.createElementNS(SVG, tag);
    set(element, props);
    return element;
  };
  const svg = draw("svg", { class: cls, viewBox: box, "aria-hidden": "true" });
  svg.append(...paths.map(([d, part]) => draw("path", { d, class: part })));
  return /** @type {SVGSVGElement} */ (svg);
}

/** @param {IconName} name */
export const icon = (name) => drawing("icon", "0 0 16 16", [[PATHS[name], ""]]);

/** The mark of tailws: lines of a log, the last one alive. */
export const logo = () => drawing("logo", "0 0 20 20", [["M2 5h9M2 10h16M6 15h5", "logo-a"], ["M14 10v5h4", "logo-b"]]);

/** @type {Set<(now: number) => void>} */
const wanted = new Set();
let asked = 0;

/** Draws `render` once, in the next frame. @param {(now: number) => void} render */
export function ask(render) {
  wanted.add(render);
  if (!asked) asked = requestAnimationFrame(run);
}

/** @param {number} now */
function run(now) {
  asked = 0;
  const renders = [...wanted];
  wanted.clear();
  for (const render of renders) render(now);
}

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

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.8 10.8L14 14",
  filter: "M2 3h12L9.5 8.5V13l-3-1.5v-3z",
  clock: "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4zM8 4.5V8l2.5 1.8",
  up: "M3.5 10L8 5.5 12.500 10",
  down: "M3.5 6L8 10.500 12.500 6",
  right: "M6 3.500L10.500 8 6 12.500",
  end: "M8 2.500v10M4 8.800l4 4 4-4",
  list: "M5.500 4h8M5.500 8h8M5.500 12h8M2.500 4h.01M2.500 8h.01M2.500 12h.01",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  bell: "M3.500 11.500h9c-1-1.200-1.300-2.200-1.300-4.500 0-2.200-1.300-3.800-3.200-3.800S4.800 4.800 4.800 7c0 2.300-.3 3.300-1.300 4.500zM6.700 13.700h2.600",
  bellOff: "M2.500 2.500l11 11M5 6.200c0 3-.4 4.100-1.500 5.300h8M6.200 3.700c2.600-1.300 5 .4 5 3.300 0 1 .05 1.700.2 2.300M6.700 13.700h2.600",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.300v1.400M8 13.300v1.400M1.300 8h1.400M13.300 8h1.400M3.300 3.300l1 1M11.700 11.700l1 1M12.700 3.300l-1 1M4.300 11.700l-1 1",
  moon: "M13.500 9.500A5.800 5.800 0 0 1 6.500 2.500a5.800 5.800 0 1 0 7 7z",
  auto: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12M8 5h4M8 8h5.800M8 11h4.500",
  help: "M8 14.200A6.200 6.200 0 1 0 8 1.800a6.200 6.200 0 0 0 0 12.400zM6.200 6.300c.1-1.100.9-1.700 1.900-1.700s1.900.7 1.900 1.700c0 1.300-1.900 1.400-1.900 2.700M8.100 11.300h.01",
  wrap: "M2 3.500h12M2 8h9.500a2.200 2.200 0 0 1 0 4.500H8.500M10 10.800l-1.800 1.700L10 14.200M2 12.500h3",
  split: "M2 2.500h12v11H2zM8 2.500v11",
  download: "M8 2v8.500M4.500 7.500L8 11l3.500-3.500M2.500 13.500h11",
  link: "M6.700 9.300a2.700 2.700 0 0 0 3.900 0l2.300-2.300a2.700 2.700 0 0 0-3.900-3.900l-.9.9M9.300 6.700a2.700 2.700 0 0 0-3.900 0L3.100 9a2.700 2.700 0 0 0 3.900 3.900l.9-.9",
  star: "M8 2l1.800 3.800 4.200.5-3.100 2.900.8 4.100L8 11.300l-3.700 2 .8-4.100L2 6.300l4.200-.5z",
  plus: "M8 3v10M3 8h10",
  lock: "M4 7.500h8v6H4zM5.500 7.500V5.300a2.500 2.500 0 0 1 5 0v2.200",
  gear: "M8 10.200a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400zM8 1.800l.7 2 2.100-.5.9 1.900 1.900 1-.6 2 1.200 1.800-1.700 1.300-.1 2.200-2.200-.1L8 14.200l-1.800-1.300-2.200.1-.1-2.200L2.200 9.500 3.400 8l-.6-2 1.900-1 .9-1.900 2.100.5z",
  tie: "M2.500 3v10M13.500 3v10M5 8h6M6.800 6L5 8l1.800 2M9.200 6L11 8l-1.800 2",
  copy: "M5.500 5.500h8v8h-8zM3.500 10.500h-1v-8h8v1",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {IconName} name @returns {SVGSVGElement} */
export function icon(name) {
  const svg = /** @type {SVGSVGElement} */ (document.createElementNS(SVG, "svg"));
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** The mark of tailws: lines of a log, the last one alive. @returns {SVGSVGElement} */
export function logo() {
  const svg = /** @type {SVGSVGElement} */ (document.createElementNS(SVG, "svg"));
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "logo");
  svg.setAttribute("aria-hidden", "true");
  for (const [d, part] of [["M2 5h9", "a"], ["M2 10h16", "a"], ["M6 15h5", "a"], ["M14 10v5h4", "b"]]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", `logo-${part}`);
    svg.append(path);
  }
  return svg;
}

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

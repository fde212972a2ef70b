/**
 * The few things that one does with a line, beside the line that the mouse is over. They never
 * cover text: where there is no room behind the line, the keys and the row's menu do the same.
 *
 * @typedef {{text: string, title: string, act: () => void}} Tool
 */

import { fill, h, show } from "./dom.js";

export class RowTools {
  /** @param {HTMLElement} layer */
  constructor(layer) {
    // Not for screen readers, and not for the focus: the keys and the menu of the line do the same.
    this.el = h("div", { class: "row-tools", hidden: true, "aria-hidden": "true", onmousedown: (/** @type {Event} */ event) => event.preventDefault() });
    layer.append(this.el);
    this.y = NaN;
    this.key = "";
    /** What it is shown for. */
    this.over = "";
    /** @type {Tool[]} */
    this.tools = [];
  }

  /**
   * @param {Tool[]} tools
   * @param {number} y on the paper
   * @param {number} from where the text ends, px
   * @param {number} to where the pane ends, px
   */
  show(tools, y, from, to) {
    const key = tools.map((tool) => tool.text).join();
    if (key !== this.key) {
      this.key = key;
      this.tools = tools;
      fill(this.el, ...tools.map((tool, k) => h("button", { type: "button", tabindex: "-1", title: tool.title, onclick: () => this.tools?.[k]?.act() }, tool.text)));
    }
    this.tools = tools;
    show(this.el, true);
    if (from + this.el.offsetWidth + 20 > to) return this.hide();
    this.y = y;
    this.el.style.transform = `translate(${Math.round(from + 12)}px, ${y}px)`;
    return undefined;
  }

  hide() {
    show(this.el, false);
  }
}

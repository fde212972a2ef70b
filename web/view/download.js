/**
 * Download: what is selected, what this view shows, or the whole log, as a file.
 *
 * A form is posted, so that no pattern gets into an access log; the answer is an attachment, so the
 * page stays where it is.
 *
 * @typedef {{label: string, detail: string, fields: Record<string, string>}} Part
 */

import { h } from "./dom.js";
import { dialog } from "./dialogs.js";

/** @param {Part[]} parts */
export function downloadDialog(parts) {
  if (document.querySelector(".dialog.download")) return;
  const el = dialog("Download", "download", h("div", { class: "download-list" }, ...parts.map((part) =>
    h("button", { type: "button", class: "download-part", onclick: () => {
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

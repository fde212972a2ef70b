/**
 * Signing in: the access token for a cookie, in a panel over the kept page.
 *
 * The token goes into one request body and nowhere else. The daemon answers with a cookie that
 * scripts cannot read.
 */

import { h, logo, say, set, show } from "./dom.js";

const URL_ = "session";

/**
 * Whether this browser is signed in: "open" where nobody need be, "unknown" when the daemon does not
 * answer.
 * @returns {Promise<"in" | "open" | "out" | "unknown">}
 */
export async function session() {
  try {
    const answer = await fetch(URL_, { headers: { accept: "application/json" }, cache: "no-store" });
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
    const answer = await fetch(URL_, {
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
  await fetch(URL_, { method: "DELETE" }).catch(() => undefined);
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

  /** What came of a try that was made without the field. @param {string} message @param {number} wait */
  tell(message, wait) {
    this.#wait(message, wait);
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
    this.#wait(message, wait);
  }

  /** @param {string} message @param {number} seconds */
  #wait(message, seconds) {
    clearTimeout(this.timer);
    say(this.error, seconds ? `${message} Try again in ${seconds} s.` : message);
    this.button.disabled = seconds > 0;
    if (seconds > 0) this.timer = setTimeout(() => this.#wait(message, seconds - 1), 1000);
    show(this.error, true);
  }
}

/**
 * One WebSocket to the daemon that is kept open: it reconnects by itself and says how it stands.
 * What was subscribed is not its business: whoever listens resumes by cursor on `hello`. A link is
 * one with what waits for answers on it.
 *
 * @typedef {import("../model/protocol.js").Head} Head
 * @typedef {import("../model/protocol.js").LinkState} State
 * @typedef {{message: (head: Head, body: string | null) => void, state: (state: State) => void}}
 *   Listener
 * @typedef {{head: Head, body: string | null}} Answer
 * @typedef {{ws: WebSocket, messages: MessageEvent[], source: string, asked: string}} Early a
 *   connection from before the modules were here: what came, and the command that was sent for whom
 */

import { read, start, SUBPROTOCOL, update } from "../model/protocol.js";

/** The daemon's pings are answered by the browser, unseen. So that a dead line is noticed, the page
 * looks for silence: the daemon says `activity` once a second where it offers it. */
const SILENCE = 30_000;
/** An answer is waited for this long, ms. */
const PATIENCE = 10_000;
/** Ids of commands: far from those that a pane gives its own. */
let ids = 1_000_000_000;

export class Socket {
  /**
   * @param {Listener} listener
   * @param {() => Promise<"in" | "open" | "out" | "unknown">} session asks whether this browser is signed
   *   in: a WebSocket hides why its handshake failed
   */
  constructor(listener, session) {
    this.listener = listener;
    this.session = session;
    this.state = start();
    this.heard = 0;
    /** Whether this daemon can be expected to say something every second. */
    this.chatty = false;
    /** @type {WebSocket | null} */
    this.ws = null;
    this.timer = 0;
    this.opened = false;
    this.closed = false;
    /** What was asked before this was here. @type {Early | null} */
    this.early = null;
  }

  get live() {
    return this.state.phase === "live";
  }

  open() {
    clearTimeout(this.timer);
    if (this.ws || this.closed) return;
    this.#update({ type: "try" });
    this.opened = false;
    const holder = /** @type {{tailwsEarly?: Early}} */ (window);
    const early = holder.tailwsEarly;
    delete holder.tailwsEarly;
    const taken = early && early.ws.readyState < WebSocket.CLOSING ? early : null;
    this.early = taken?.asked ? taken : null;
    const ws = taken?.ws ?? new WebSocket("ws", SUBPROTOCOL);
    this.ws = ws;
    ws.onmessage = (event) => {
      this.heard = Date.now();
      if (typeof event.data !== "string") return;
      const message = read(event.data);
      if (!message) return;
      if (message.head.type === "hello") {
        this.opened = true;
        this.chatty = message.head.features?.includes("activity") ?? false;
        this.#update({ type: "open" });
      }
      this.listener.message(message.head, message.body);
    };
    ws.onclose = (event) => this.#lost(ws, event.code, event.reason);
    // The rest of the page has to be there first.
    queueMicrotask(() => taken?.messages.forEach((event) => ws.onmessage?.(event)));
  }

  /** @param {WebSocket} ws @param {number} code @param {string} reason */
  async #lost(ws, code, reason) {
    if (this.ws !== ws) return;
    this.ws = null;
    if (!this.opened && !this.closed && navigator.onLine && (await this.session()) === "out") {
      this.#update({ type: "signed-out" });
      return;
    }
    if (this.closed || this.ws) return;
    this.#update({ type: "closed", code, reason, now: Date.now(), random: Math.random() });
    if (!navigator.onLine) this.#update({ type: "offline" });
    else this.timer = setTimeout(() => this.open(), this.state.at - Date.now());
  }

  /** Tries at once: the user asked, the network is back, or the page is looked at again. */
  now() {
    if (this.live && this.ws) {
      if (this.chatty && Date.now() - this.heard > SILENCE) this.#abandon();
      return;
    }
    if (!this.ws) this.open();
  }

  /** Gives up a connection that has said nothing for too long. */
  watch() {
    if (this.live && this.chatty && Date.now() - this.heard > SILENCE) this.#abandon();
  }

  #abandon() {
    const ws = this.ws;
    if (!ws) return;
    ws.onclose = ws.onmessage = null;
    ws.close();
    this.#lost(ws, 1006, "silence");
  }

  /** The browser says that there is no network. */
  offline() {
    clearTimeout(this.timer);
    if (!this.ws) this.#update({ type: "offline" });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    const ws = this.ws;
    this.ws = null;
    ws?.close(1000);
  }

  /** @param {object} command @returns {boolean} whether it was sent */
  send(command) {
    if (!this.live || this.ws?.readyState !== WebSocket.OPEN) return false;
    const text = JSON.stringify(command);
    if (text !== this.early?.asked) this.ws.send(text);
    else this.early = null;
    return true;
  }

  /** Takes back what was asked early, where it was not what was wanted. */
  settle() {
    if (this.early) this.send({ type: "unsubscribe", source: this.early.source });
    this.early = null;
  }

  /** @param {import("../model/protocol.js").LinkEvent} event */
  #update(event) {
    const before = this.state;
    this.state = update(before, event);
    if (this.state !== before) this.listener.state(this.state);
  }
}

/**
 * A connection with what waits for answers on it. The first one also tells of all sources; a second
 * pane has its own, so that the same log can stand in both with different filters.
 */
export class Link {
  /**
   * @param {{head: (link: Link, head: Head, body: string | null) => void, changed: (link: Link) => void}} host
   *   head: a message that nobody has asked for
   * @param {() => Promise<"in" | "open" | "out" | "unknown">} session
   */
  constructor(host, session) {
    /** @type {Map<number, (answer: Answer | null) => void>} */
    this.waiting = new Map();
    /** @type {import("./pane.js").Pane | null} */
    this.pane = null;
    this.socket = new Socket({
      message: (head, body) => {
        const id = "id" in head ? head.id : undefined;
        const answer = id === undefined ? undefined : this.waiting.get(id);
        if (id === undefined || !answer) return host.head(this, head, body);
        this.waiting.delete(id);
        answer({ head, body });
      },
      state: (state) => {
        if (state.phase !== "live") this.lost();
        host.changed(this);
      },
    }, session);
  }

  /** Sends a command and waits for its answer; null when the connection is lost. @param {object} command @returns {Promise<Answer | null>} */
  ask(command) {
    const id = ++ids;
    if (!this.socket.send({ ...command, id })) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      setTimeout(() => {
        if (this.waiting.delete(id)) resolve(null);
      }, PATIENCE);
    });
  }

  lost() {
    for (const answer of this.waiting.values()) answer(null);
    this.waiting.clear();
  }
}

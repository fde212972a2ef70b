/**
 * What this browser remembers: bounded, parsed strictly, and working when storage is refused.
 *
 *   openSettings(storage, basePath) -> Settings
 *   Settings.get(name) / .set(name, value)      the simple values of DEFAULTS
 *   Settings.log(source) / .setLog(source, {wrap?, raw?})   per log, 200 kept, LRU
 *   Settings.views() / .saveView(name, address) / .removeView(name)
 *   Settings.learned(hint) / .learn(hint)       hints of the status bar that were used once
 *   Settings.stored                             false when the browser refuses to keep anything
 *
 * `storage` is `localStorage` or null; merely touching `localStorage` may throw, so the caller
 * hands over a function. Never put log text, tokens or search terms in here.
 */

const VERSION = 1;
const MAX_BYTES = 256 * 1024; // far below the 5 MB that all sites of an origin share
const MAX_LOGS = 200;
const MAX_VIEWS = 100;
const MAX_NAME = 512;
const MAX_ADDRESS = 8192;

/**
 * @typedef {"auto" | "dark" | "light"} Theme
 * @typedef {"comfortable" | "compact" | "large"} Density
 * @typedef {"file" | "local" | "utc" | "previous" | "bookmark"} TimeDisplay
 * @typedef {"off" | "counts" | "errors" | "lines"} Announce
 * @typedef {{theme: Theme, density: Density, times: TimeDisplay, announce: Announce,
 *   sidebar: number, sidebarOpen: boolean, singleKeys: boolean, ctrlF: boolean,
 *   plainScrollbar: boolean, numbers: boolean, folders: string[]}} Values
 * @typedef {{wrap?: boolean, raw?: boolean}} LogSettings
 * @typedef {{name: string, address: string}} View
 * @typedef {{getItem(key: string): string | null, setItem(key: string, value: string): void}} Store
 */

/** @type {Readonly<Values>} */
export const DEFAULTS = Object.freeze({
  theme: "auto",
  density: "comfortable",
  times: "file",
  announce: "counts",
  sidebar: 252,
  sidebarOpen: true,
  singleKeys: true,
  ctrlF: true,
  plainScrollbar: false,
  numbers: true,
  folders: [],
});

/** @param {readonly string[]} allowed */
const oneOf = (allowed) => (/** @type {unknown} */ v) => allowed.includes(/** @type {string} */ (v));
const isBoolean = (/** @type {unknown} */ v) => typeof v === "boolean";

/** @param {unknown} v @param {number} max @returns {v is string} */
const isText = (v, max) => typeof v === "string" && v.length > 0 && v.length <= max;

/** What a value must be to be believed. @type {Record<keyof Values, (v: unknown) => boolean>} */
const VALID = {
  theme: oneOf(["auto", "dark", "light"]),
  density: oneOf(["comfortable", "compact", "large"]),
  times: oneOf(["file", "local", "utc", "previous", "bookmark"]),
  announce: oneOf(["off", "counts", "errors", "lines"]),
  sidebar: (v) => typeof v === "number" && v >= 180 && v <= 480,
  sidebarOpen: isBoolean,
  singleKeys: isBoolean,
  ctrlF: isBoolean,
  plainScrollbar: isBoolean,
  numbers: isBoolean,
  folders: (v) => Array.isArray(v) && v.length <= 500 && v.every((f) => isText(f, MAX_NAME)),
};

/** @param {unknown} v @returns {Record<string, unknown>} */
const asObject = (v) => {
  const plain = typeof v === "object" && v !== null && !Array.isArray(v);
  return plain ? /** @type {Record<string, unknown>} */ (v) : {};
};

/** @param {unknown} v @returns {unknown[]} */
const asArray = (v) => (Array.isArray(v) ? v : []);

/** @param {unknown} v @returns {LogSettings} */
function cleanLog(v) {
  const { wrap, raw } = asObject(v);
  /** @type {LogSettings} */
  const clean = {};
  if (typeof wrap === "boolean") clean.wrap = wrap;
  if (typeof raw === "boolean") clean.raw = raw;
  return clean;
}

export class Settings {
  /** @type {Store | null} */ #store;
  /** @type {string} */ #key;
  /** @type {Values} */ #values;
  /** Oldest use first. @type {Map<string, LogSettings>} */ #logs = new Map();
  /** @type {Map<string, string>} */ #views = new Map();
  /** @type {Set<string>} */ #learned = new Set();
  /** Whether the last write was kept; the page says so once when not. */
  stored = true;

  /**
   * @param {Store | null} store
   * @param {string} key
   */
  constructor(store, key) {
    this.#store = store;
    this.#key = key;
    const saved = this.#read();
    const values = asObject(saved.values);
    this.#values = { ...DEFAULTS };
    for (const name of /** @type {(keyof Values)[]} */ (Object.keys(DEFAULTS))) {
      if (VALID[name](values[name])) Object.assign(this.#values, { [name]: values[name] });
    }
    for (const entry of asArray(saved.logs).slice(-MAX_LOGS)) {
      const [name, log] = asArray(entry);
      if (isText(name, MAX_NAME)) this.#logs.set(name, cleanLog(log));
    }
    for (const entry of asArray(saved.views).slice(0, MAX_VIEWS)) {
      const [name, address] = asArray(entry);
      if (isText(name, MAX_NAME) && isText(address, MAX_ADDRESS)) this.#views.set(name, address);
    }
    for (const hint of asArray(saved.learned).slice(0, 20)) {
      if (isText(hint, 32)) this.#learned.add(hint);
    }
  }

  /** @returns {Record<string, unknown>} */
  #read() {
    try {
      const text = this.#store?.getItem(this.#key);
      if (!text || text.length > MAX_BYTES) return {};
      const saved = asObject(JSON.parse(text));
      return saved.version === VERSION ? saved : {};
    } catch {
      return {};
    }
  }

  #write() {
    if (!this.#store) {
      this.stored = false;
      return;
    }
    const text = () =>
      JSON.stringify({
        version: VERSION,
        values: this.#values,
        logs: [...this.#logs],
        views: [...this.#views],
        learned: [...this.#learned],
      });
    let json = text();
    while (json.length > MAX_BYTES && this.#logs.size > 0) {
      for (const name of [...this.#logs.keys()].slice(0, 20)) this.#logs.delete(name);
      json = text();
    }
    try {
      this.#store.setItem(this.#key, json);
      this.stored = true;
    } catch {
      this.stored = false; // full or refused: what is in memory still holds for this visit
    }
  }

  /**
   * @template {keyof Values} K
   * @param {K} name
   * @returns {Values[K]}
   */
  get(name) {
    return this.#values[name];
  }

  /**
   * A value that is not allowed is ignored.
   * @template {keyof Values} K
   * @param {K} name
   * @param {Values[K]} value
   */
  set(name, value) {
    if (!VALID[name]?.(value)) return;
    this.#values[name] = value;
    this.#write();
  }

  /** @param {string} source @returns {LogSettings} */
  log(source) {
    return { ...this.#logs.get(source) };
  }

  /**
   * Merges into what is known of the log and makes it the most recently used.
   * @param {string} source
   * @param {LogSettings} change
   */
  setLog(source, change) {
    if (!isText(source, MAX_NAME)) return;
    const merged = cleanLog({ ...this.#logs.get(source), ...change });
    this.#logs.delete(source);
    this.#logs.set(source, merged);
    for (const name of this.#logs.keys()) {
      if (this.#logs.size <= MAX_LOGS) break;
      this.#logs.delete(name);
    }
    this.#write();
  }

  /** @returns {View[]} in the order in which they were saved */
  views() {
    return [...this.#views].map(([name, address]) => ({ name, address }));
  }

  /**
   * @param {string} name
   * @param {string} address an address fragment, without `#`
   * @returns {boolean} false when the name or address is too long or there are too many views
   */
  saveView(name, address) {
    if (!isText(name, MAX_NAME) || !isText(address, MAX_ADDRESS)) return false;
    if (!this.#views.has(name) && this.#views.size >= MAX_VIEWS) return false;
    this.#views.set(name, address);
    this.#write();
    return true;
  }

  /** @param {string} name */
  removeView(name) {
    if (this.#views.delete(name)) this.#write();
  }

  /** @param {string} hint */
  learned(hint) {
    return this.#learned.has(hint);
  }

  /** @param {string} hint */
  learn(hint) {
    if (!isText(hint, 32) || this.#learned.has(hint) || this.#learned.size >= 20) return;
    this.#learned.add(hint);
    this.#write();
  }
}

/**
 * @param {() => Store | null} storage e.g. `() => localStorage`; may throw
 * @param {string} basePath the path under which the page is served: two daemons behind one proxy
 *   share an origin, not their settings
 */
export function openSettings(storage, basePath) {
  /** @type {Store | null} */
  let store = null;
  try {
    store = storage();
  } catch {
    // Refused by the browser's privacy settings.
  }
  return new Settings(store, `tailws:${basePath}`);
}

/**
 * The list of sources as a tree by `/` in their names, flattened to the rows that are shown.
 *
 * @typedef {import("./protocol.js").SourceInfo} SourceInfo
 * @typedef {{kind: "folder" | "source", depth: number, name: string, path: string, open: boolean,
 *   source: SourceInfo | null, count: number, marks: [number, number][]}} TreeRow marks: parts of
 *   the name that match what was typed
 */

/**
 * @typedef {{name: string, path: string, folders: Map<string, Folder>, sources: SourceInfo[]}} Folder
 */

/** @param {string} name @param {string} path @returns {Folder} */
const folder = (name, path) => ({ name, path, folders: new Map(), sources: [] });

/**
 * @param {SourceInfo[]} sources
 * @param {string} typed substrings of the name in any order, separated by spaces
 * @param {Set<string>} closed paths of folders that are closed
 * @returns {TreeRow[]}
 */
export function rows(sources, typed, closed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const root = folder("", "");
  for (const source of sources) {
    const lower = source.name.toLowerCase();
    if (!words.every((word) => lower.includes(word))) continue;
    const parts = source.name.split("/").filter(Boolean);
    let at = root;
    for (const part of parts.slice(0, -1)) {
      const path = at.path ? `${at.path}/${part}` : part;
      let next = at.folders.get(part);
      if (!next) {
        next = folder(part, path);
        at.folders.set(part, next);
      }
      at = next;
    }
    at.sources.push(source);
  }
  /** @type {TreeRow[]} */
  const out = [];
  walk(root, 0, words, closed, out);
  return out;
}

/** @param {Folder} at @returns {number} */
function size(at) {
  let n = at.sources.length;
  for (const sub of at.folders.values()) n += size(sub);
  return n;
}

const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * @param {Folder} at @param {number} depth @param {string[]} words @param {Set<string>} closed
 * @param {TreeRow[]} out
 */
function walk(at, depth, words, closed, out) {
  /** @type {[string, Folder | SourceInfo][]} */
  const entries = [
    ...[...at.folders.entries()],
    ...at.sources.map((source) => /** @type {[string, SourceInfo]} */ ([last(source.name), source])),
  ];
  entries.sort((a, b) => order.compare(a[0], b[0]));
  for (const [name, entry] of entries) {
    if (!("folders" in entry)) {
      out.push({
        kind: "source", depth, name, path: entry.name, open: false, source: entry, count: 1,
        marks: matches(name, words),
      });
      continue;
    }
    // A folder with one folder in it, and nothing else, is one row: app/orders.
    let inner = entry;
    let shown = name;
    while (inner.sources.length === 0 && inner.folders.size === 1) {
      const [only] = inner.folders.values();
      inner = only;
      shown = `${shown}/${only.name}`;
    }
    const open = words.length > 0 || !closed.has(inner.path);
    out.push({
      kind: "folder", depth, name: shown, path: inner.path, open, source: null, count: size(inner),
      marks: matches(shown, words),
    });
    if (open) walk(inner, depth + 1, words, closed, out);
  }
}

/** @param {string} name */
const last = (name) => name.slice(name.lastIndexOf("/") + 1) || name;

/** @param {string} name @param {string[]} words @returns {[number, number][]} */
function matches(name, words) {
  const lower = name.toLowerCase();
  /** @type {[number, number][]} */
  const found = [];
  for (const word of words) {
    const at = lower.indexOf(word);
    if (at >= 0) found.push([at, at + word.length]);
  }
  found.sort((a, b) => a[0] - b[0]);
  /** @type {[number, number][]} */
  const merged = [];
  for (const [from, to] of found) {
    const before = merged[merged.length - 1];
    if (before && from <= before[1]) before[1] = Math.max(before[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { PALETTE } from "../../../web/model/ansi.js";

const css = readFileSync(new URL("../../../web/tokens.css", import.meta.url), "utf8");

/** @type {Record<"light" | "dark", Record<string, string>>} */
const themes = { light: {}, dark: {} };
for (const [, name, light, dark] of css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);/g)) {
  themes.light[/** @type {string} */ (name)] = /** @type {string} */ (light);
  themes.dark[/** @type {string} */ (name)] = /** @type {string} */ (dark);
}

// The colours of ANSI sequences are the page's own, too.
for (const theme of /** @type {const} */ (["light", "dark"])) {
  PALETTE[theme].forEach((rgb, i) => { themes[theme][`a${i}`] = `#${rgb.toString(16).padStart(6, "0")}`; });
}

/** Relative luminance, WCAG 2.2. @param {string} hex */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * /** @type {number} */ (r) + 0.7152 * /** @type {number} */ (g) + 0.0722 * /** @type {number} */ (b);
}

/** @param {string} a @param {string} b */
function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (/** @type {number} */ (high) + 0.05) / (/** @type {number} */ (low) + 0.05);
}

const GROUNDS = ["paper", "bg", "raise", "err-row", "warn-row"];
const range = (/** @type {string} */ prefix, /** @type {number} */ from, /** @type {number} */ to) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${prefix}${from + i}`);

/** Tokens, the grounds on which they stand, and the least contrast: [dark, light]. */
const PAIRS = /** @type {[string[], string[], number, number][]} */ ([
  [["edge"], ["paper", "bg", "raise", "raise2"], 3, 3],
  [["text"], GROUNDS, 13.3, 15.2],
  [["text2"], GROUNDS, 8.2, 7.6],
  [["text3"], GROUNDS, 5.2, 5.0],
  [["text3"], ["raise2"], 4.5, 4.7],
  [["text3"], ["err-row", "warn-row", "hover", "cur"], 4.9, 4.9],
  [["accent"], GROUNDS, 7.7, 5.1],
  [["on-accent"], ["accent"], 8.7, 5.8],
  [["live"], GROUNDS, 8.5, 4.8],
  [["warn"], GROUNDS, 9.2, 5.4],
  [["err"], GROUNDS, 6.8, 5.2],
  [["text"], ["sel"], 8.7, 13.0],
  [["on-find"], ["find", "find-cur"], 8.9, 9.4],
  ...range("", 1, 4).map((n) => /** @type {[string[], string[], number, number]} */ (
    [[`on-mk${n}`], [`mk${n}`], 7.8, 8.3])),
  [range("s", 1, 8), GROUNDS, 7.6, 4.9],
  [["key", "str", "num"], GROUNDS, 8.0, 5.8],
  [range("a", 0, 15), ["paper"], 5.0, 4.9],
  [range("a", 0, 15), ["err-row", "warn-row", "hover"], 4.5, 4.5],
]);

for (const theme of /** @type {("dark" | "light")[]} */ (["dark", "light"])) {
  test(`every text and control has its contrast on every ground, ${theme}`, () => {
    const colours = themes[theme];
    const colour = (/** @type {string} */ name) => colours[name] ?? assert.fail(`no token --${name}`);
    const weak = [];
    for (const [names, grounds, dark, light] of PAIRS) {
      const least = theme === "dark" ? dark : light;
      for (const name of names) {
        for (const ground of grounds) {
          const ratio = contrast(colour(name), colour(ground));
          if (Math.round(ratio * 10) / 10 < least) weak.push(`--${name} on --${ground}: ${ratio.toFixed(2)} < ${least}`);
        }
      }
    }
    assert.deepEqual(weak, []);
  });
}

test("text reaches 4.5 and controls 3 without rounding", () => {
  for (const colours of Object.values(themes)) {
    for (const name of Object.keys(colours)) {
      if (!/^(?:text\d?|accent|live|warn|err|key|str|num|[sa]\d+)$/.test(name)) continue;
      for (const ground of ["paper", "hover"]) {
        const ratio = contrast(/** @type {string} */ (colours[name]), /** @type {string} */ (colours[ground]));
        assert.ok(ratio >= 4.5, `--${name} on --${ground}: ${ratio}`);
      }
    }
  }
});

test("more contrast and forced colours have their own values", () => {
  assert.match(css, /prefers-contrast: more\) \{[^}]*--text3: var\(--text2\);[^}]*--line: var\(--edge\);/);
  const forced = css.slice(css.indexOf("forced-colors: active"));
  for (const name of ["paper", "text", "text2", "text3", "edge", "accent", "sel"]) {
    assert.match(forced, new RegExp(`--${name}: [A-Z]\\w+;`));
  }
  assert.doesNotMatch(forced, /#\w{6}/);
});

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const WEB = new URL("../../../web/", import.meta.url);
const files = readdirSync(new URL("model/", WEB)).filter((name) => name.endsWith(".js"));
const source = (/** @type {string} */ path) => readFileSync(new URL(path, WEB), "utf8");
/** Code without comments: what is forbidden may be talked about. @param {string} text */
const code = (text) => text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");

test("the model imports only the model, and nobody twice", () => {
  assert.ok(files.length >= 20);
  for (const name of files) {
    const imports = [...code(source(`model/${name}`)).matchAll(/\bfrom "([^"]+)"|\bimport\("([^"]+)"\)/g)].map((hit) => hit[1] ?? hit[2]);
    for (const path of imports) {
      assert.match(path ?? "", /^\.\/[a-z]+\.js$/, `${name} imports ${path}`);
      assert.ok(files.includes((path ?? "").slice(2)), `${name} imports ${path}`);
    }
  }
});

test("each module of the model can be read in one go: it has fewer than 300 lines", () => {
  const long = files.filter((name) => source(`model/${name}`).split("\n").length > 300);
  assert.deepEqual(long, []);
});

test("imports within the model have no cycle", () => {
  const edges = new Map(files.map((name) => [name,
    [...code(source(`model/${name}`)).matchAll(/\bfrom "\.\/([^"]+)"/g)].map((hit) => hit[1] ?? "")]));
  /** @type {Set<string>} */ const done = new Set();
  /** @param {string} name @param {string[]} path */
  const walk = (name, path) => {
    assert.ok(!path.includes(name), [...path, name].join(" -> "));
    if (done.has(name)) return;
    for (const next of edges.get(name) ?? []) walk(next, [...path, name]);
    done.add(name);
  };
  for (const name of files) walk(name, []);
});

test("the model has no document, no clock, no chance and no network", () => {
  const forbidden = /\b(?:document|window|localStorage|navigator|fetch|WebSocket|setTimeout|setInterval|requestAnimationFrame|performance)\b|Date\.now|new Date\(\)|Math\.random/;
  for (const name of files) {
    const found = forbidden.exec(code(source(`model/${name}`)).replace(/"[^"\n]*"/g, "\"\""));
    assert.equal(found?.[0], undefined, `${name}: ${found?.[0]}`);
  }
});

test("nothing in the page makes markup or code from text", () => {
  const paths = ["boot.js", "main.js", ...["model", "page", "view"].flatMap((dir) =>
    readdirSync(new URL(`${dir}/`, WEB)).filter((name) => name.endsWith(".js")).map((name) => `${dir}/${name}`))];
  const forbidden = /\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\s*\(|new Function|DOMParser|createContextualFragment|srcdoc)\b/;
  for (const path of paths) {
    const found = forbidden.exec(code(source(path)));
    assert.equal(found?.[0], undefined, `${path}: ${found?.[0]}`);
  }
});

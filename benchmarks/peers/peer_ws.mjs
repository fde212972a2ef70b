// ws (node): `client.send` for each, as its README does it, with fs.watch (inotify) for the file.
import fs from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { modules: { type: "string" }, path: { type: "string" }, port: { type: "string" }, window: { type: "string", default: "0" } },
});
const { WebSocketServer } = createRequire(`${values.modules}/`)("ws");
const BLOCK = 128 * 1024;
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(values.port), backlog: 4096, perMessageDeflate: false });
const file = fs.openSync(values.path, "r");
const window = Number(values.window);
const block = Buffer.allocUnsafe(BLOCK);
let at = fs.fstatSync(file).size;
let last = -Infinity;
let waiting = false;

function deliver() {
  waiting = false;
  const n = fs.readSync(file, block, 0, BLOCK, at);
  const end = n ? block.lastIndexOf(10, n - 1) + 1 : 0;
  if (!end) return;
  at += end;
  const lines = Buffer.from(block.subarray(0, end)); // ws may keep it, so it cannot be reused
  for (const client of server.clients) client.send(lines, { binary: false });
  last = performance.now();
  if (n === BLOCK) setImmediate(deliver);
}

fs.watch(values.path, () => {
  if (waiting) return;
  const wait = last + window - performance.now();
  if (wait > 0) {
    waiting = true;
    setTimeout(deliver, wait);
  } else deliver();
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed } from "../../../web/model/feed.js";
import { rowsOf } from "./held.js";
import { random } from "./random.js";

/**
 * A daemon that keeps its promises: logs are arrays, a cursor is the index of a line, messages wait
 * in a pipe until they are delivered, and a cut loses the pipe and all subscriptions.
 */
class Daemon {
  /** @type {Map<string, string[]>} */ logs = new Map();
  /** @type {Map<string, number>} */ subscribed = new Map();
  /** @type {{head: any, body: string | null}[]} */ pipe = [];
  open = true;

  /** @param {any} command */
  send(command) {
    if (!this.open) return false;
    const { type, source, id } = command;
    const log = this.logs.get(source) ?? assert.fail(source);
    const say = (/** @type {object} */ head, /** @type {string[]} */ lines = []) =>
      void this.pipe.push({ head: { source, id, ...head }, body: lines.length > 0 ? lines.join("\n") : null });
    if (type === "subscribe") {
      const from = command.cursor === undefined ? Math.max(0, log.length - command.lines) : Number(command.cursor);
      this.subscribed.set(source, from);
      say({ type: "subscribed", cursor: String(from) });
    } else if (type === "unsubscribe") {
      this.subscribed.delete(source);
      say({ type: "unsubscribed" });
    } else if (type === "history" && command.before !== undefined) {
      const end = Number(command.before);
      const start = Math.max(0, end - command.lines);
      say({ type: "history", start: String(start), end: String(end), more: start > 0 }, log.slice(start, end));
    } else if (type === "history") {
      const start = Number(command.after);
      const end = Math.min(log.length, start + command.lines);
      say({ type: "history", start: String(start), end: String(end), more: end < log.length }, log.slice(start, end));
    } else if (type === "locate") {
      const at = command.time !== undefined ? byTime(log, command.time)
        : command.cursor !== undefined ? Number(command.cursor) + command.skip : Math.floor(log.length * command.fraction);
      say({ type: "located", cursor: String(at), exact: true, ...(at < log.length ? { time: saysWhen(log[at]) } : {}) });
    } else {
      assert.fail(type);
    }
    return true;
  }

  /** Puts the next lines of a subscription into the pipe. @param {string} source @param {number} most */
  pump(source, most) {
    const from = this.subscribed.get(source);
    const log = this.logs.get(source) ?? [];
    if (from === undefined || from >= log.length) return;
    const to = Math.min(log.length, from + most);
    this.subscribed.set(source, to);
    this.pipe.push({
      head: { type: "lines", source, start: String(from), end: String(to), t: 0 }, body: log.slice(from, to).join("\n"),
    });
  }

  cut() {
    this.open = false;
    this.pipe = [];
    this.subscribed.clear();
  }
}

/** @param {string} line */
const saysWhen = (line) => Number(line.split(" ")[2]);

/** As a daemon looks: it takes a log to be in the order of its times, and its last line tells. @param {string[]} log @param {number} time */
function byTime(log, time) {
  const at = log.findIndex((line) => saysWhen(line) >= time);
  return at < 0 || saysWhen(log[log.length - 1]) < time ? log.length : at;
}

/** @param {number} seed @param {string[]} names */
function stage(seed, names) {
  const r = random(seed);
  const daemon = new Daemon();
  let clock = 0;
  /** @param {string} name @param {number} count */
  const write = (name, count) => {
    const log = daemon.logs.get(name) ?? [];
    daemon.logs.set(name, log);
    for (; count > 0; count -= 1) log.push(`${name} ${log.length} ${(clock += r.int(0, 3))}`);
  };
  for (const name of names) write(name, r.pick([0, 1, 40, 900]));
  for (let n = 0; n < 300; n += 1) write(r.pick(names), r.int(0, 4));
  const reader = { following: true, eye: 0 };
  const feed = new Feed(/** @type {any} */ ({
    send: (/** @type {object} */ command) => daemon.send(command),
    eye: () => Math.min(Math.max(reader.eye, feed.blocks.first), Math.max(feed.blocks.first, feed.blocks.end - 1)),
    floor: () => feed.blocks.end,
    following: () => reader.following,
    arrived() {}, counted() {}, opened() {}, changed() {},
    failed: (/** @type {string} */ message) => assert.fail(message),
    timeOf: (/** @type {any} */ block, /** @type {number} */ i) => Number(block.line(i).split(" ")[2]),
    now: () => 0,
  }), new Set(["history.after", "locate"]));
  feed.blocks.limits = { bytes: 60_000, lines: 3000 };
  return { r, daemon, write, reader, feed };
}

/** @param {{daemon: Daemon, feed: Feed}} on */
function deliverAll({ daemon, feed }) {
  for (let guard = 0; guard < 10_000; guard += 1) {
    const message = daemon.pipe.shift();
    if (message) feed.message(message.head, message.body);
    else {
      for (const source of daemon.logs.keys()) daemon.pump(source, 500);
      if (daemon.pipe.length === 0) return;
    }
  }
  assert.fail("the feed never comes to rest");
}

/** The lines of one log that are held, as their numbers in it. @param {Feed} feed @param {string} name */
const held = (feed, name) => rowsOf(feed.blocks).filter((row) => row.startsWith(`${name} `)).map((row) => Number(row.split(" ")[1]));

/** @param {number[]} numbers @param {string} what */
function consecutive(numbers, what) {
  numbers.forEach((n, i) => {
    if (i > 0) assert.equal(n, /** @type {number} */ (numbers[i - 1]) + 1, `${what}: ${n} stands behind ${numbers[i - 1]}`);
  });
}

/** @param {ReturnType<typeof stage>} on @param {string[]} names */
function act({ r, daemon, write, reader, feed }, names) {
  const { blocks } = feed;
  const step = r.int(0, 15);
  if (step < 3) write(r.pick(names), r.int(1, 30));
  else if (step < 6) daemon.pump(r.pick(names), r.int(1, 40));
  else if (step < 11) {
    for (let n = r.int(1, 4); n > 0; n -= 1) {
      const message = daemon.pipe.shift();
      if (message) feed.message(message.head, message.body);
    }
  } else if (step === 11) {
    reader.following = false;
    reader.eye = blocks.first + r.int(0, 20);
    feed.wantAbove();
  } else if (step === 12) {
    reader.eye = blocks.end - r.int(1, 20);
    feed.wantBelow();
  } else if (step === 13) {
    if (r.next() < 0.5) {
      reader.following = true;
      reader.eye = blocks.end;
      feed.jump({ end: true });
    } else {
      reader.following = false;
      feed.jump({ fraction: r.next() });
    }
  } else if (step === 14 && r.next() < 0.4) {
    reader.following = false;
    feed.detach();
  } else if (step === 15 && r.next() < 0.4) {
    daemon.cut();
    write(r.pick(names), r.int(0, 50));
    daemon.open = true;
    feed.resume();
  }
}

for (const names of [["a"], ["a", "b", "c"]]) {
  test(`property: whatever one does and whatever breaks, what is held of ${names.length} log(s) is without hole or repetition`, () => {
    for (let seed = 0; seed < 30; seed += 1) {
      const on = stage(seed, names);
      const { feed, daemon, reader } = on;
      feed.open(names, {}, { end: true });
      for (let step = 0; step < 150; step += 1) {
        act(on, names);
        if (step % 5 === 0) for (const name of names) consecutive(held(feed, name), `seed ${seed}, step ${step}`);
        assert.ok(feed.blocks.rows <= 3000 + 2500, "bounds hold but for a page");
      }
      // At rest, back at the end: the last lines of every log are there, and new ones come.
      reader.following = true;
      reader.eye = Infinity;
      deliverAll(on);
      feed.jump({ end: true });
      deliverAll(on);
      on.write(/** @type {string} */ (names[0]), 3);
      deliverAll(on);
      for (const name of names) {
        const numbers = held(feed, name);
        consecutive(numbers, `seed ${seed}, at the end`);
        const length = (daemon.logs.get(name) ?? []).length;
        if (length > 0) assert.equal(numbers[numbers.length - 1], length - 1, `seed ${seed}: the end of ${name}`);
      }
      // Reading up from there comes to the first line of every log.
      reader.following = false;
      feed.blocks.limits = { bytes: 1e9, lines: 1e9 };
      for (let guard = 0; feed.above && guard < 50; guard += 1) {
        feed.wantAbove();
        deliverAll(on);
      }
      for (const name of names) {
        assert.deepEqual(held(feed, name), (daemon.logs.get(name) ?? []).map((_, i) => i), `seed ${seed}: all of ${name}`);
      }
      assert.equal(rowsOf(feed.blocks)[0], "--", `seed ${seed}: and to the beginning`);
    }
  });
}

test("property: a merge that is opened at a line shows that line, all of every log around it, and each in its time", () => {
  const names = ["a", "b", "c", "silent"];
  for (let seed = 0; seed < 60; seed += 1) {
    const { r, daemon, feed, reader } = stage(seed, []);
    for (const name of names) daemon.logs.set(name, []);
    let clock = 100_000;
    for (let n = 0; n < 450; n += 1) {
      // Many lines have the same time; one log ends long before the others.
      clock += r.pick([0, 0, 1, 400]);
      const name = r.pick(n < 60 ? names : ["a", "b", "c"]);
      const log = daemon.logs.get(name);
      log?.push(`${name} ${log.length} ${clock}`);
    }
    // The last line of another came late, or its clock is wrong.
    const late = daemon.logs.get("b");
    late?.push(`b ${late.length} 100000`);
    const source = r.pick(names);
    const log = daemon.logs.get(source) ?? [];
    if (!log.length) continue;
    const i = r.pick([0, log.length - 1, r.int(0, log.length - 1)]);
    const time = Math.max(...log.slice(0, i + 1).map(saysWhen));
    /** @type {any} */ let opened = null;
    feed.host.opened = (how) => { opened = how; };
    reader.following = false;
    const skip = r.int(0, Math.min(i, 5));
    feed.open(names, {}, { cursor: String(i - skip), skip, source, time });
    deliverAll({ daemon, feed });
    assert.equal(opened.to.block.line(opened.to.i), log[i], `seed ${seed}: the line itself`);
    feed.blocks.limits = { bytes: 1e9, lines: 1e9 };
    for (let guard = 0; guard < 20; guard += 1) {
      feed.wantAbove();
      feed.wantBelow();
      deliverAll({ daemon, feed });
    }
    const rows = rowsOf(feed.blocks).filter((row) => !row.startsWith("--"));
    for (const name of names) assert.deepEqual(rows.filter((row) => row.startsWith(`${name} `)), daemon.logs.get(name), `seed ${seed}: all of ${name}`);
    let before = -Infinity;
    for (const row of rows) {
      if (saysWhen(row) === 100_000 && row.startsWith("b ")) continue;
      assert.ok(saysWhen(row) >= before, `seed ${seed}: ${row} stands behind ${before}`);
      before = saysWhen(row);
    }
  }
});

test("a log of a merge that cannot be had does not keep the others away", () => {
  const { daemon, feed } = stage(1, ["a", "b"]);
  const send = daemon.send.bind(daemon);
  daemon.send = (command) => {
    if (command.source !== "b" || command.type === "subscribe") return send(command);
    daemon.pipe.push({ head: { type: "error", source: "b", id: command.id, code: "gone", message: "not kept" }, body: null });
    return true;
  };
  const log = daemon.logs.get("a") ?? [];
  for (const place of [{ end: /** @type {const} */ (true) }, { time: saysWhen(log[5]) }, { cursor: "7", skip: 0, source: "a", time: saysWhen(log[7]) }]) {
    feed.open(["a", "b"], {}, place);
    deliverAll({ daemon, feed });
    assert.equal(feed.opening, null);
    assert.ok(held(feed, "a").length > 0, JSON.stringify(place));
  }
});

test("a new line is told with when it was read, also where it goes into the block of older ones", () => {
  const { daemon, feed } = stage(1, ["a"]);
  daemon.logs.set("a", ["a 0 0", "a 1 1"]);
  /** @type {number[][]} */
  const told = [];
  feed.host.arrived = (block, from, t) => void told.push([block.count, from, t]);
  feed.open(["a"], {}, { end: true });
  deliverAll({ daemon, feed });
  feed.message({ type: "lines", source: "a", start: "2", end: "3", t: 7 }, "a 2 2");
  feed.message({ type: "lines", source: "a", start: "3", end: "4", t: 9 }, "a 3 3");
  assert.equal(feed.blocks.list.filter((block) => !block.rule).length, 1);
  assert.deepEqual(told, [[2, 0, 0], [3, 2, 7], [4, 3, 9]]);
});

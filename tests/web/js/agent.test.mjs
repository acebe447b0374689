import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { BoundsError, bound, localTime, requireBounds } from "../../../marketplace/web/static/web/js/agent/bounds.js";
import { MandateError, mandateText, requireMandate } from "../../../marketplace/web/static/web/js/agent/mandate.js";
import { addressOf, signText } from "../../../marketplace/web/static/web/js/protocol/signing.js";

const vectors = JSON.parse(readFileSync(new URL("../../../fixtures/vectors/agent.json", import.meta.url), "utf8"));
const { rules, version, owner, until, text } = vectors.mandate;
const NOW = until - 1000;
const SLOT = 1_465_466_400;
const key = new Uint8Array(32).fill(9);
const address = addressOf(key);
const view = (more = {}) => ({ side: "a", channel: "0x01", openTrades: [], offers: [], staged: null, dropped: null, tree: { size: 1, peaks: [] }, ...more });
test("the mandate's text is the core's, and only the own wallet's word counts", () => {
  assert.equal(mandateText(rules, { version, owner, until }), text);
  const mandate = signText(text, key);
  const me = { owner, address, newest: version };
  const plan = { rules, version, mandate, until };
  assert.deepEqual(requireMandate(plan, me, NOW), rules);
  for (const wrong of [{ rules: { ...rules, sell_from: "1" } }, { rules: { ...rules, budget: "200001" } }, { until: until + 1 }, { version: version + 1 }, { mandate: null }]) {
    assert.throws(() => requireMandate({ ...plan, ...wrong }, me, NOW), MandateError, JSON.stringify(wrong));
  }
  assert.throws(() => requireMandate(plan, { ...me, newest: version + 1 }, NOW), /older/);
  assert.throws(() => requireMandate(plan, { ...me, owner: "somebody" }, NOW), MandateError);
  assert.throws(() => requireMandate(plan, me, until), /ran out/);
});

test("the shared vectors: what may be signed, to the last unit, and what not", () => {
  assert.ok(vectors.bounds.length > 50);
  for (const one of vectors.bounds) {
    const base = vectors.steps[one.step];
    const step = { ...base, ...one.changes, position: { ...base.position, ...one.position } };
    const all = new Map((one.bound ?? []).map((p, i) => [String(i), { id: String(i), slotStart: p.slot_start, sells: p.sells, wh: p.wh, amount: BigInt(p.amount), until: Infinity }]));
    const facts = { view: view({ tree: { size: one.known === false ? 0 : 1, peaks: [] } }), bound: all, now: one.now ?? NOW, until };
    const check = () => requireBounds(step, { ...rules, ...one.rules }, facts);
    if (one.allowed) assert.doesNotThrow(check, one.name);
    else assert.throws(check, BoundsError, one.name);
  }
  for (const { slot_start, zone, day, minute } of vectors.days) assert.deepEqual(localTime(slot_start, zone), { day, minute });
});

test("a promise counts while it can be kept, and for good once it is a trade", () => {
  const trade = { id: "0xbb", seller: "a", quantityWh: "70", slotStart: String(SLOT), amount: "5" };
  const signed = [
    { id: "0xbb", slotStart: SLOT, sells: true, wh: 70, amount: 5n, until: 0 },
    { id: "0xcc", slotStart: SLOT, sells: true, wh: 30, amount: 3n, until: NOW - 60 },
    { id: "0xdd", slotStart: SLOT, sells: true, wh: 20, amount: 2n, until: NOW - 200 },
    { id: "0xee", slotStart: SLOT, sells: true, wh: 10, amount: 1n, until: 0, traded: true },
  ];
  const all = bound([view({ openTrades: [trade] })], signed, NOW);
  assert.deepEqual([...all.keys()].sort(), ["0xbb", "0xcc", "0xee"]);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { BoundsError, bound, inHours, localTime, requireBounds } from "../../../marketplace/web/static/web/js/agent/bounds.js";
import { MandateError, mandateText, requireMandate } from "../../../marketplace/web/static/web/js/agent/mandate.js";
import { addressOf, signText } from "../../../marketplace/web/static/web/js/protocol/signing.js";

const { rules, version, owner, until, text } = JSON.parse(readFileSync(new URL("./mandate.json", import.meta.url), "utf8"));
const NOW = until - 1000;
const SLOT = 1_465_466_400;
const key = new Uint8Array(32).fill(9);
const address = addressOf(key);
const view = (more = {}) => ({ side: "a", channel: "0x01", openTrades: [], offers: [], staged: null, dropped: null, tree: { size: 1, peaks: [] }, ...more });
const action = (more = {}) => ({
  kind: "offer",
  channel: "0x01",
  offer: "",
  sells: true,
  quantity_wh: 300,
  price_per_kwh: "120000",
  imbalance_per_kwh: "380000",
  slot_start: SLOT,
  position: { surplus_wh: 500, need_wh: 0, stored_wh: 0, sold_wh: 0, bought_wh: 0 },
  spent: "0",
  ...more,
});
const facts = (all = new Map(), more = {}) => ({ view: view(), bound: all, now: NOW, until, ...more });
const buys = { sells: false, price_per_kwh: "110000", position: { surplus_wh: 0, need_wh: 500, stored_wh: 0, sold_wh: 0, bought_wh: 0 } };
const promise = (more) => new Map([["0xaa", { id: "0xaa", slotStart: SLOT, sells: true, wh: 0, amount: 0n, until: Infinity, traded: true, ...more }]]);

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

test("a step within the rules passes", () => {
  requireBounds(action(), rules, facts());
  requireBounds(action(buys), rules, facts());
  requireBounds(action({ quantity_wh: 400 }), rules, facts());
});

test("a step outside of any rule is never signed", () => {
  const outside = [
    { price_per_kwh: "119999" },
    { quantity_wh: 401 },
    { quantity_wh: 1501, position: { surplus_wh: 9000, need_wh: 0, stored_wh: 0, sold_wh: 0, bought_wh: 0 } },
    { quantity_wh: 0 },
    { quantity_wh: 0.5 },
    { slot_start: SLOT + 1 },
    { position: { surplus_wh: 500, need_wh: 0, stored_wh: 0, sold_wh: 101, bought_wh: 0 } },
    { ...buys, price_per_kwh: "110001" },
    { ...buys, spent: "167001" },
    { ...buys, quantity_wh: 501 },
  ];
  for (const more of outside) assert.throws(() => requireBounds(action(more), rules, facts()), BoundsError, JSON.stringify(more));
  assert.throws(() => requireBounds(action(), { ...rules, sells: false }, facts()), BoundsError);
  assert.throws(() => requireBounds(action(), { ...rules, from_minute: 730, to_minute: 700 }, facts()), BoundsError);
  assert.throws(() => requireBounds(action(), { ...rules, partners: "known" }, facts(new Map(), { view: view({ tree: { size: 0, peaks: [] } }) })), BoundsError);
  assert.throws(() => requireBounds(action(), rules, facts(new Map(), { now: until })), BoundsError);
});

test("what the site forgets, this browser counts", () => {
  assert.throws(() => requireBounds(action(), rules, facts(promise({ wh: 101 }))), /still open/);
  requireBounds(action(), rules, facts(promise({ wh: 100 })));
  assert.throws(() => requireBounds(action(buys), rules, facts(promise({ sells: false, slotStart: SLOT + 900, amount: 167_001n }))), /budget/);
  requireBounds(action(buys), rules, facts(promise({ sells: false, slotStart: SLOT + 900, amount: 167_000n })));
  requireBounds(action(buys), rules, facts(promise({ sells: false, slotStart: SLOT - 86_400, amount: 167_001n })));
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

test("hours and days are the zone's", () => {
  assert.deepEqual(localTime(SLOT, "Europe/Berlin"), { day: "2016-06-09", minute: 720 });
  assert.equal(inHours({ ...rules, from_minute: 1320, to_minute: 360 }, SLOT), false);
  assert.equal(inHours({ ...rules, from_minute: 1320, to_minute: 360 }, SLOT - 7 * 3600), true);
});

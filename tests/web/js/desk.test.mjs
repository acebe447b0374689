import assert from "node:assert/strict";
import { test } from "node:test";

import { clock } from "../../../marketplace/web/static/web/js/channel/clock.js";
import { draftOf, dropDraft, keepDraft } from "../../../marketplace/web/static/web/js/channel/drafts.js";
import { roomInWords } from "../../../marketplace/web/static/web/js/channel/room.js";
import { turnOf } from "../../../marketplace/web/static/web/js/channel/running.js";

const NOW = 1_000_000;
const offer = (offeror, validUntil) => ({ offeror, offer: { validUntil: String(validUntil) } });
const view = (changes) => ({ phase: "open", side: "a", offers: [], staged: null, openingSignatures: ["0x01", "0x"], ...changes });

test("each conversation says whose turn it is, what wants the person most first", () => {
  const cases = [
    [{ phase: "disputed" }, 0, /dispute/],
    [{ phase: "requested", side: "b" }, 0, /Sign the opening/],
    [{ phase: "requested" }, 3, /Not open yet/],
    [{ phase: "staged", staged: { proposer: "b" } }, 0, /Your signature/],
    [{ phase: "staged", staged: { proposer: "a" } }, 2, /Waits/],
    [{ offers: [offer("b", NOW + 5), offer("b", NOW + 9), offer("a", NOW + 9)] }, 1, /Your turn: 2 offers/],
    [{ offers: [offer("a", NOW + 5), offer("b", NOW - 5)] }, 2, /Your offer stands/],
    [{}, 3, /Open/],
    [{ phase: "changing" }, 3, /In work/],
  ];
  for (const [changes, rank, word] of cases) {
    const turn = turnOf(view(changes), NOW);
    assert.equal(turn.rank, rank, turn.word);
    assert.match(turn.word, word);
  }
});

test("the grid's answer names what is full and how much more fits", () => {
  const room = { slot_start: 0, quantity_wh: 1, fits: true, passes_wh: 1, room_wh: 2400, ends: true, kind: "transformer", place: "T1", cost: "0" };
  assert.match(roomInWords(room), /the transformer carries 2[.,]400.kWh more in this slot/);
  assert.match(roomInWords({ ...room, kind: "line", place: "L7", fits: false }), /Too much: the line L7 carries only 2[.,]400/);
  assert.match(roomInWords({ ...room, fits: false, room_wh: 0, kind: "voltage", place: "B3" }), /Nothing more fits .* B3 is full/);
  assert.match(roomInWords({ ...room, ends: false, cost: "500000" }), /much more.*you pay half of/);
});

test("a clock runs to the second, and never below nothing", () => {
  assert.deepEqual([0, -3, 7.2, 247, 3750, 200_000].map(clock), ["0:00", "0:00", "0:08", "4:07", "1:02:30", "2 days 7 h"]);
});

test("a draft is kept for its partner, for a day", (t) => {
  const held = new Map();
  globalThis.localStorage = { getItem: (k) => held.get(k) ?? null, setItem: (k, v) => held.set(k, v), removeItem: (k) => held.delete(k) };
  t.mock.timers.enable({ apis: ["Date"], now: NOW });
  const draft = { side: "buy", quantity: "1.5", price: "22", imbalance: "38", valid: "900", slot: 900, answers: "" };
  keepDraft("me", "oak", draft);
  assert.equal(draftOf("me", "oak").price, "22");
  assert.equal(draftOf("me", "elm"), null);
  assert.equal(draftOf("you", "oak"), null);
  t.mock.timers.tick(25 * 3600 * 1000);
  assert.equal(draftOf("me", "oak"), null);
  assert.equal(held.size, 0);
  keepDraft("me", "oak", draft);
  dropDraft("me", "oak");
  assert.equal(draftOf("me", "oak"), null);
});

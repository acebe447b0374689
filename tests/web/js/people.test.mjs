import assert from "node:assert/strict";
import { test } from "node:test";

import { BookError } from "../../../marketplace/web/static/web/js/channel/book.js";
import { isDeposit, promise } from "../../../marketplace/web/static/web/js/channel/funding.js";
import { openingOf } from "../../../marketplace/web/static/web/js/channel/opening.js";
import { askedOf, awaitsMe, nextStep, requireUsual } from "../../../marketplace/web/static/web/js/channel/people.js";
import { settleable } from "../../../marketplace/web/static/web/js/channel/settling.js";
import { ZERO_ADDRESS, ZERO_HASH } from "../../../marketplace/web/static/web/js/protocol/bytes.js";

const contract = (conversation, side, phase, scid = null, peer = "them") => ({ conversation, side, phase, scid, peer });
const none = new Set();
const credit = { agreement: "1", sid: `0x${"01".repeat(32)}`, msc: `0x${"ab".repeat(20)}`, merchant: "Nord" };

test("the next step follows from what both said so far", () => {
  const step = (contracts, used = none) => nextStep(contracts, "them", used).step;
  assert.equal(step([]), "start");
  assert.equal(step([contract("1", "a", "proposed")]), "asked");
  assert.equal(step([contract("1", "b", "proposed")]), "invited");
  assert.equal(step([contract("1", "a", "accepted", "s")]), "sign");
  assert.equal(step([contract("1", "a", "agreed", "s")]), "sign");
  assert.equal(step([contract("1", "b", "accepted", "s")]), "wait");
});

test("what is over, others', or has had its channel starts nothing", () => {
  const over = [contract("1", "a", "aborted"), contract("2", "a", "agreed", "s"), contract("3", "b", "proposed", null, "somebody")];
  assert.equal(nextStep(over, "them", new Set(["s"])).step, "start");
});

test("an answer goes before a question, and a partner's before the own one", () => {
  const both = [contract("1", "a", "proposed"), contract("2", "b", "proposed")];
  assert.equal(nextStep(both, "them", none).contract.conversation, "2");
  const answered = [...both, contract("3", "a", "accepted", "s")];
  assert.equal(nextStep(answered, "them", none).contract.conversation, "3");
});

test("only the site's usual terms are taken", () => {
  const ledger = { metering: `0x${"04".repeat(20)}`, challenge_period: 60, dispute_limit: 5, stale_penalty: "1000000" };
  const terms = { metering: ledger.metering, challengePeriod: "60", disputeLimit: "5", stalePenalty: "1000000" };
  requireUsual(terms, ledger);
  for (const change of [{ metering: `0x${"05".repeat(20)}` }, { challengePeriod: "1" }, { disputeLimit: "6" }, { stalePenalty: "2000000" }]) {
    assert.throws(() => requireUsual({ ...terms, ...change }, ledger), BookError);
  }
});

test("a deposit names no note, a note names the own merchant and a serial of its own", () => {
  const deposit = promise({ kind: "deposit", amount: 5n }, credit);
  assert.deepEqual(deposit, { source: ZERO_ADDRESS, note: ZERO_HASH, amount: "5" });
  assert.ok(isDeposit(deposit));
  const [one, two] = [promise({ kind: "note", amount: 5n }, credit), promise({ kind: "note", amount: 5n }, credit)];
  assert.equal(one.source, credit.msc);
  assert.match(one.note, /^0x[0-9a-f]{64}$/);
  assert.notEqual(one.note, two.note);
  assert.ok(!isDeposit(one));
});

test("the opening names both sides, and ends before the note does", () => {
  const mine = promise({ kind: "note", amount: 7n }, credit);
  const theirs = promise({ kind: "deposit", amount: 9n }, credit);
  const open = openingOf(ZERO_HASH, 0, mine, theirs, { openBy: 1000, until: 2000 });
  assert.deepEqual([open.fundingA, open.sourceA, open.noteA], ["7", credit.msc, mine.note]);
  assert.deepEqual(askedOf({ opening: open }), theirs);
  assert.deepEqual([open.index, open.openBy, open.expiry], ["0", "1000", "2000"]);
  assert.equal(openingOf(ZERO_HASH, 0, mine, theirs, { openBy: 1000, until: 1e12 }).expiry, String(1000 + 30 * 86_400));
});

test("whose signature is missing", () => {
  const view = (side, phase, signatures) => ({ side, phase, openingSignatures: signatures });
  assert.ok(awaitsMe(view("b", "requested", ["0x01", "0x"])));
  assert.ok(!awaitsMe(view("a", "requested", ["0x01", "0x"])));
  assert.ok(!awaitsMe(view("b", "funding", ["0x01", "0x"])));
});

test("only open trades of this channel are settled", () => {
  const view = { channel: "0xc1", openTrades: [{ id: "0x01" }, { id: "0x02" }] };
  const row = (channel, trade) => ({ delivery: { channel, trade, deliveredWh: "5" }, signature: "0x" });
  const rows = [row("0xc1", "0x01"), row("0xc2", "0x02"), row("0xc1", "0x03")];
  assert.deepEqual(settleable(view, rows), [rows[0]]);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import {
  BookError,
  checkStaged,
  checkView,
  closingState,
  fundingChange,
  leastFunding,
  ownVersion,
  stateAfterSettlement,
  stateAfterTrade,
} from "../../../marketplace/web/static/web/js/channel/book.js";
import { enforceable } from "../../../marketplace/web/static/web/js/channel/enforcing.js";
import { BLANK, remember, rememberChange } from "../../../marketplace/web/static/web/js/channel/keeper.js";
import { SignatureError } from "../../../marketplace/web/static/web/js/protocol/signing.js";
import { protocolDomain } from "../../../marketplace/web/static/web/js/protocol/typed_data.js";

// Written by tests/web/test_browser_modules.py with the core's own machines.
const scene = process.env.CHANNEL_SCENE && JSON.parse(readFileSync(process.env.CHANNEL_SCENE, "utf8"));
const options = { skip: scene ? false : "run through pytest, which plays the scene with the core" };
const domain = scene && protocolDomain(scene.domain.chainId, scene.domain.verifyingContract);
const copy = (value) => structuredClone(value);

test("accepting an offer gives the core's next state", options, () => {
  const { view, offer, offeror, expected } = scene.acceptance;
  assert.deepEqual(stateAfterTrade(view, offer, offeror), expected);
});

test("a metered settlement gives the core's next state", options, () => {
  const { view, deliveries, expected } = scene.settlement;
  assert.deepEqual(stateAfterSettlement(view, deliveries), expected);
});

test("closing gives the core's final state, and waits for the meters", options, () => {
  assert.deepEqual(closingState(scene.closing.view), scene.closing.expected);
  assert.throws(() => closingState(scene.settlement.view), BookError);
});

test("what the partner staged is checked against the own offer", options, () => {
  const { view } = scene.staged;
  assert.deepEqual(checkStaged(view).expected, view.staged.state);
  for (const [field, value] of [["balanceA", "1"], ["energyToB", "7"], ["tradesRoot", `0x${"00".repeat(32)}`], ["version", "3"]]) {
    const lie = copy(view);
    lie.staged.state[field] = value;
    assert.throws(() => checkStaged(lie), BookError, field);
  }
});

test("a view is believed only with all its signatures and sums", options, () => {
  const { view } = scene.settlement;
  const mine = view.side === "a" ? view.terms.partyA : view.terms.partyB;
  checkView(view, domain, mine);
  checkView(scene.staged.view, domain, scene.staged.view.side === "a" ? view.terms.partyA : view.terms.partyB);
  const lies = [
    (v) => (v.current.state.balanceA = String(BigInt(v.current.state.balanceA) + 1n)),
    (v) => (v.current.signatureB = v.current.signatureA),
    (v) => (v.opening.fundingA = "1"),
    (v) => (v.terms.challengePeriod = "1"),
    (v) => (v.tree.peaks[0] = `0x${"11".repeat(32)}`),
  ];
  for (const tell of lies) {
    const lie = copy(view);
    tell(lie);
    assert.throws(() => checkView(lie, domain, mine), (error) => error instanceof BookError || error instanceof SignatureError);
  }
  assert.throws(() => checkView(view, domain, `0x${"22".repeat(20)}`), BookError);
  assert.throws(() => checkView(view, protocolDomain("1", scene.domain.verifyingContract), mine), SignatureError);
});

test("versions have a parity for each side and skip what the key has signed", options, () => {
  const { view } = scene.acceptance;
  const odd = view.side === "a" ? 1n : 0n;
  assert.equal(BigInt(ownVersion(view)) % 2n, odd);
  assert.equal(BigInt(ownVersion({ ...view, above: "41" })) % 2n, odd);
  assert.ok(BigInt(ownVersion({ ...view, above: "41" })) > 41n);
});

test("no version is signed twice, and nothing after the farewell but the same payout", options, () => {
  const { expected } = scene.acceptance;
  const memory = remember(BLANK, expected);
  assert.equal(remember(memory, expected), memory);
  assert.throws(() => remember(memory, { ...expected, balanceA: "1" }), BookError);
  const bye = remember(memory, { ...expected, version: "9", isFinal: true });
  assert.throws(() => remember(bye, { ...expected, version: "11" }), BookError);
  assert.equal(remember(bye, { ...expected, version: "11", isFinal: true }).highest, "11");
});

const session = (view) => (view.side === "a" ? view.terms.partyA : view.terms.partyB);

test("a change of the funding is drafted and checked as the core does", options, () => {
  const { asked, change } = scene.funding;
  checkView(asked, domain, session(asked));
  const wanted = { a: BigInt(change.fundingA), b: BigInt(change.fundingB) };
  assert.deepEqual(fundingChange(asked, wanted, change.validUntil, change.version), change);
  assert.deepEqual(checkStaged(asked).expected, asked.staged.state);
  for (const [field, value] of [["balanceA", "1"], ["energyToB", "7"], ["base", "0"], ["version", "5"]]) {
    const lie = copy(asked);
    lie.staged.change[field] = value;
    assert.throws(() => checkStaged(lie), BookError, field);
  }
  const short = { a: leastFunding(asked, "a") - 1n, b: wanted.b };
  assert.throws(() => fundingChange(asked, short, change.validUntil), BookError);
});

test("a view is believed before, while and after its funding changed", options, () => {
  for (const name of ["waiting", "changed", "traded"]) checkView(scene.funding[name], domain, session(scene.funding[name]));
  const { changed } = scene.funding;
  const lies = [
    (v) => (v.funded.fundingA = String(BigInt(v.funded.fundingA) + 1n)),
    (v) => (v.current.state.energyToB = "0"),
    (v) => (v.current.signatureA = v.current.signatureB),
    (v) => (v.funded = null),
  ];
  for (const tell of lies) {
    const lie = copy(changed);
    tell(lie);
    assert.throws(() => checkView(lie, domain, session(lie)), (error) => error instanceof BookError || error instanceof SignatureError);
  }
});

test("beside a change that may land nothing is signed, on top of it only what sums to it", options, () => {
  const { change, next } = scene.funding;
  const until = Number(change.validUntil);
  const memory = rememberChange(BLANK, change, until - 500);
  assert.equal(rememberChange(memory, change, until - 400), memory);
  const beside = { ...next, base: change.base, version: "9" };
  assert.throws(() => remember(memory, beside, until), BookError);
  assert.throws(() => rememberChange(memory, { ...change, version: "9" }, until), BookError);
  assert.equal(remember(memory, beside, until + 1000).change, null);
  const signed = remember(memory, next, until - 300);
  assert.equal(signed.change, change);
  assert.throws(() => remember(signed, { ...next, version: "19", balanceA: "1" }, until + 1000), BookError);
  const bye = remember(BLANK, { ...next, version: "1", isFinal: true }, until);
  assert.throws(() => rememberChange(bye, change, until), BookError);
});

test("an acceptance without answer can be enforced while its offer binds", options, () => {
  const { view, offer, offeror } = scene.acceptance;
  const until = Number(offer.validUntil);
  const dropped = { purpose: "trade", proposer: view.side, offer: { offer, signature: "", offeror } };
  assert.equal(enforceable({ ...view, dropped }, until - 1), offer);
  assert.equal(enforceable({ ...view, dropped }, until), null);
  assert.equal(enforceable({ ...view, dropped: { ...dropped, proposer: offeror } }, until - 1), null);
  assert.equal(enforceable({ ...view, dropped: { ...dropped, offer: { offer: { ...offer, baseVersion: "99" } } } }, until - 1), null);
  assert.equal(enforceable({ ...view, dropped: null }, until - 1), null);
  const older = { ...dropped, offer: { offer: { ...offer, id: `0x${"07".repeat(32)}` } } };
  assert.equal(enforceable({ ...view, refused: [older, dropped] }, until - 1), offer);
  assert.equal(enforceable({ ...view, refused: [dropped, { ...older, proposer: offeror }] }, until), null);
});

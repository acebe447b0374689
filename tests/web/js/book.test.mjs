import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import {
  BookError,
  checkStaged,
  checkView,
  closingState,
  ownVersion,
  stateAfterSettlement,
  stateAfterTrade,
} from "../../../marketplace/web/static/web/js/channel/book.js";
import { BLANK, remember } from "../../../marketplace/web/static/web/js/channel/keeper.js";
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

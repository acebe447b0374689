import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { refundAmount, tradeAmount } from "../../../marketplace/web/static/web/js/protocol/amounts.js";
import { fromHex, toHex } from "../../../marketplace/web/static/web/js/protocol/bytes.js";
import { append, EMPTY_TREE, historyRoot, leafOf, tradesRoot } from "../../../marketplace/web/static/web/js/protocol/merkle.js";
import { deriveSessionKey } from "../../../marketplace/web/static/web/js/protocol/session.js";
import { addressOf, recover, signDigest } from "../../../marketplace/web/static/web/js/protocol/signing.js";
import { digest, protocolDomain, structHash, TYPES } from "../../../marketplace/web/static/web/js/protocol/typed_data.js";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../fixtures/vectors/${name}.json`, import.meta.url)));

test("the type strings are those of the core", () => {
  for (const [name, { typeString }] of Object.entries(vectors("typed_data").types)) {
    assert.equal(`${name}(${TYPES[name]})`, typeString);
  }
});

test("struct hashes, digests, signatures and signers equal the core's", () => {
  const { cases } = vectors("typed_data");
  assert.ok(cases.length > 20);
  for (const { type, domain, message, ...expected } of cases) {
    const hash = digest(protocolDomain(domain.chainId, domain.verifyingContract), type, message);
    const key = fromHex(expected.privateKey, 32);
    assert.equal(toHex(structHash(type, message)), expected.structHash);
    assert.equal(toHex(hash), expected.digest);
    assert.equal(addressOf(key), expected.signer);
    assert.equal(recover(hash, expected.signature), expected.signer);
    assert.equal(signDigest(hash, key), expected.signature);
  }
});

test("amounts and refunds equal the core's", () => {
  const { amounts, refunds } = vectors("amounts");
  for (const { quantityWh, pricePerKwh, amount } of amounts) {
    assert.equal(tradeAmount(BigInt(quantityWh), BigInt(pricePerKwh)), BigInt(amount));
  }
  for (const row of refunds) {
    const given = [row.shortfallWh, row.pricePerKwh, row.imbalancePerKwh, row.sellerBalance].map(BigInt);
    assert.equal(refundAmount(...given), BigInt(row.refund));
  }
});

test("session keys equal the core's", () => {
  for (const { rootKey, label, key, address } of vectors("session_keys").cases) {
    const derived = deriveSessionKey(fromHex(rootKey, 32), fromHex(label));
    assert.equal(toHex(derived), key);
    assert.equal(addressOf(derived), address);
  }
});

test("roots of trades equal the core's, with and without open ones", () => {
  const { trades, leaves, cases } = vectors("trades_root");
  assert.deepEqual(trades.map(({ id, seller }) => leafOf(id, seller)), leaves);
  let tree = EMPTY_TREE;
  for (const { size, historyRoot: history, roots } of cases) {
    assert.equal(tree.size, size);
    assert.equal(historyRoot(tree), history);
    for (const { open, tradesRoot: root } of roots) assert.equal(tradesRoot(tree, open.map((index) => trades[Number(index)])), root);
    if (Number(size) < leaves.length) tree = append(tree, leaves[Number(size)]);
  }
});

// The published vectors, computed again: node <library>/vectors.mjs <fixtures/vectors> <eip712.json>.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { amountOf, refundOf, tradesRoot } from "./book.mjs";
import { sessionKey } from "./keys.mjs";

const read = (path) => JSON.parse(readFileSync(path, "utf8"));

async function typedData(wallet, { cases }, { types, domains }) {
  const { name, version } = domains.registry;
  for (const { type, domain: where, message, privateKey, ...expected } of cases) {
    const domain = { name, version, ...where };
    const signature = await wallet.signStruct(privateKey, domain, types, type, message);
    const found = { structHash: wallet.structHash(types, type, message), signature, signer: wallet.addressOf(privateKey) };
    assert.deepEqual(found, { structHash: expected.structHash, signature: expected.signature, signer: expected.signer }, type);
    assert.equal(await wallet.signerOf(domain, types, type, message, signature), expected.signer);
  }
  return cases.length;
}

function roots(wallet, { trades, cases }) {
  for (const { size, roots: expected } of cases) {
    const all = trades.slice(0, Number(size));
    for (const { open, tradesRoot: root } of expected) {
      assert.equal(tradesRoot(wallet.keccak, all, open.map((index) => all[Number(index)])), root, `${size} trades, open ${open}`);
    }
  }
  return cases.length;
}

function amounts({ amounts: paid, refunds }) {
  for (const offer of paid) assert.equal(String(amountOf(offer)), offer.amount, JSON.stringify(offer));
  for (const row of refunds) assert.equal(String(refundOf(row, BigInt(row.shortfallWh), BigInt(row.sellerBalance))), row.refund, JSON.stringify(row));
  return paid.length + refunds.length;
}

function keys(wallet, { cases }) {
  for (const { rootKey, label, key, address } of cases) {
    const found = sessionKey(wallet, rootKey, Buffer.from(label.slice(2), "hex"));
    assert.deepEqual([found, wallet.addressOf(found)], [key, address], label);
  }
  return cases.length;
}

export async function check(wallet) {
  const [folder, types] = process.argv.slice(2);
  const vector = (name) => read(`${folder}/${name}.json`);
  const counted = {
    typedData: await typedData(wallet, vector("typed_data"), read(types)),
    roots: roots(wallet, vector("trades_root")),
    amounts: amounts(vector("amounts")),
    keys: keys(wallet, vector("session_keys")),
  };
  process.stdout.write(`${JSON.stringify(counted)}\n`);
}

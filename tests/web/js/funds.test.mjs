import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../../marketplace/web/static/web/js/api.js";
import { addressOf, requireSignature, signStruct } from "../../../marketplace/web/static/web/js/protocol/signing.js";
import { bringBack, FundsError, permitDeposit, tokenDomain, topUp, withdrawEarnings } from "../../../marketplace/web/static/web/js/wallet/funds.js";
import { protocolDomain } from "../../../marketplace/web/static/web/js/protocol/typed_data.js";

const ROOT_KEY = new Uint8Array(32).fill(3);
const SESSION_KEY = new Uint8Array(32).fill(5);
const [root, session] = [addressOf(ROOT_KEY), addressOf(SESSION_KEY)];
const NONCE = `0x${"0c".repeat(32)}`;
const MSC = `0x${"ab".repeat(20)}`;
const ledger = { chain_id: 31337, registry: `0x${"99".repeat(20)}`, token: { name: "Coin", version: "1", address: `0x${"77".repeat(20)}` } };
const held = (balance) => ({ nonce: NONCE, address: session, partner: { display_name: "Bob" }, balance, permit_nonce: "4", in_use: false, earnings: [] });

/** Signs without a dialog; the words are what would be shown. */
function signer(sessionKey = SESSION_KEY) {
  const asked = [];
  const sign = (key) => (domain, name, struct, consent) => {
    assert.ok(consent.agreed || consent.raw === struct, "nothing is signed without words");
    asked.push(consent);
    return signStruct(domain, name, struct, key);
  };
  const inSession = sign(sessionKey);
  return { asked, address: root, sessionAddress: async () => addressOf(sessionKey), signAsRoot: sign(ROOT_KEY), signInSession: (_, ...rest) => inSession(...rest) };
}

/** The site's API, as far as money goes. */
function site(t, answers) {
  const sent = [];
  globalThis.document = { cookie: "csrftoken=x", documentElement: { lang: "en" } };
  t.mock.method(globalThis, "fetch", async (url, { method, body }) => {
    if (method === "POST") sent.push({ url, body: JSON.parse(body) });
    const found = Object.entries(answers).find(([path]) => url === `/api/v1/${path}`);
    if (!found) return new Response("{}", { status: 404, headers: { "content-type": "application/json" } });
    return new Response(JSON.stringify(found[1]), { headers: { "content-type": "application/json" } });
  });
  return sent;
}

const keys = (balance) => ({ "ledger/": ledger, [`wallet/session-keys/${NONCE}/`]: held(balance), "wallet/transfer/": {} });

test("a deposit brings only what is missing, to the own session key, signed by the root key", async (t) => {
  const sent = site(t, keys("2000000"));
  const by = signer();
  await topUp(by, NONCE, 5_000_000n, "Bob");
  const [{ url, body }] = sent;
  assert.equal(url, "/api/v1/wallet/transfer/");
  assert.deepEqual([body.source, body.to, body.value], [root, session, "3000000"]);
  const said = { from: body.source, to: body.to, value: body.value, validAfter: "0", validBefore: String(body.valid_before), nonce: body.nonce };
  requireSignature(tokenDomain(ledger), "TransferWithAuthorization", said, body.signature, root);
  assert.match(by.asked[0].sentence, /locked when the channel opens/);
});

test("nothing is moved where enough lies there", async (t) => {
  const sent = site(t, keys("5000000"));
  await topUp(signer(), NONCE, 5_000_000n, "Bob");
  assert.deepEqual(sent, []);
});

test("the permit is for the registry and exactly the deposit", async (t) => {
  site(t, keys("5000000"));
  const proof = await permitDeposit(signer(), NONCE, 5_000_000n, 1234);
  const permit = { owner: session, spender: ledger.registry, value: "5000000", nonce: "4", deadline: "1234" };
  requireSignature(tokenDomain(ledger), "Permit", permit, proof.permitSignature, session);
  assert.deepEqual([proof.type, proof.permitDeadline], ["deposit", "1234"]);
});

test("what was paid out goes to the wallet and nowhere else", async (t) => {
  const sent = site(t, keys("0"));
  await bringBack(signer(), held("4200000"));
  const { body } = sent[0];
  assert.deepEqual([body.source, body.to, body.value], [session, root, "4200000"]);
});

test("a key that is not this wallet's signs nothing", async (t) => {
  const sent = site(t, keys("0"));
  await assert.rejects(bringBack(signer(ROOT_KEY), held("4200000")), FundsError);
  assert.deepEqual(sent, []);
});

test("earnings are withdrawn by the note's holder, to the wallet", async (t) => {
  const serial = `0x${"0a".repeat(32)}`;
  const sent = site(t, { "ledger/": ledger, [`notes/${serial}/withdraw/`]: {} });
  await withdrawEarnings(signer(), held("0"), { serial, msc: MSC, amount: "9", nonce: "2" });
  const withdrawal = { serial, holder: session, to: root, nonce: "2" };
  requireSignature(protocolDomain("31337", MSC), "EarningsWithdrawal", withdrawal, sent[0].body.signature, session);
});

test("a refusal of the site is passed on", async (t) => {
  site(t, { "ledger/": ledger });
  await assert.rejects(bringBack(signer(), held("5")), ApiError);
});

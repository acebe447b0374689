import assert from "node:assert/strict";
import { test } from "node:test";

import { BLANK, relearn, remember } from "../../../marketplace/web/static/web/js/channel/keeper.js";
import { deriveSessionKey, sessionLabel } from "../../../marketplace/web/static/web/js/protocol/session.js";
import { sessionRootDigest, sessionRootOf } from "../../../marketplace/web/static/web/js/protocol/session_root.js";
import { addressOf, requireSignature, SignatureError, signDigest } from "../../../marketplace/web/static/web/js/protocol/signing.js";
import { protocolDomain } from "../../../marketplace/web/static/web/js/protocol/typed_data.js";
import { Declined } from "../../../marketplace/web/static/web/js/ui/dialogs.js";
import { arrived } from "../../../marketplace/web/static/web/js/ui/bell.js";
import { backupFile, checkCode, parseBackup, requireBackup } from "../../../marketplace/web/static/web/js/wallet/backup.js";
import { deed, lineInWords } from "../../../marketplace/web/static/web/js/wallet/deeds.js";
import { ExternalError, inWords } from "../../../marketplace/web/static/web/js/wallet/external.js";
import { KeystoreError, open, seal } from "../../../marketplace/web/static/web/js/wallet/keystore.js";
import { ConsentError, obtain } from "../../../marketplace/web/static/web/js/wallet/signer.js";
import { LockedError, Strongroom, WrongKeyError } from "../../../marketplace/web/static/web/js/wallet/strongroom.js";

const KEY = new Uint8Array(32).fill(9);
const address = addressOf(KEY);
const nonce = `0x${"0c".repeat(32)}`;
const domain = protocolDomain("31337", `0x${"ab".repeat(20)}`);
const request = { channel: `0x${"01".repeat(32)}`, version: "4" };
const permit = { owner: address, spender: address, value: "1", nonce: "0", deadline: "9" };
const record = async (key) => ({ address: addressOf(key), keystore: await seal(key, "four random words", { cost: 1024 }), createdAt: 1, backedUpAt: null });

test("the room signs with the right key, and only what that key may sign", () => {
  const room = new Strongroom();
  assert.throws(() => room.sign({ address, nonce, domain, name: "DisputeRequest", struct: request }), LockedError);
  room.hold(address, KEY.slice());
  const session = room.sessionAddress({ address, nonce });
  assert.equal(session, addressOf(deriveSessionKey(KEY, sessionLabel(nonce))));
  requireSignature(domain, "DisputeRequest", request, room.sign({ address, nonce, domain, name: "DisputeRequest", struct: request }), session);
  requireSignature(domain, "Permit", permit, room.sign({ address, nonce: null, domain, name: "Permit", struct: permit }), address);
  assert.throws(() => room.sign({ address, nonce: null, domain, name: "DisputeRequest", struct: request }), WrongKeyError);
  assert.throws(() => room.sign({ address, nonce, domain, name: "Delivery", struct: {} }), WrongKeyError);
  room.forget();
  assert.throws(() => room.signText({ address, text: "hello" }), LockedError);
});

test("an external wallet's own key is not in the room", () => {
  const room = new Strongroom();
  room.hold(address, new Uint8Array(32).fill(4));
  assert.throws(() => room.sign({ address, nonce: null, domain, name: "Permit", struct: permit }), WrongKeyError);
  assert.throws(() => room.signText({ address, text: "hello" }), WrongKeyError);
});

test("session keys come again from the same signature of an external wallet, and from no other wallet's", () => {
  const signature = signDigest(sessionRootDigest(address), KEY);
  assert.deepEqual(sessionRootOf(address, signature), sessionRootOf(address, signDigest(sessionRootDigest(address), KEY)));
  const other = addressOf(new Uint8Array(32).fill(8));
  assert.throws(() => sessionRootOf(other, signature), SignatureError);
  assert.notDeepEqual(sessionRootOf(other, signDigest(sessionRootDigest(other), new Uint8Array(32).fill(8))), sessionRootOf(address, signature));
});

test("a backup counts when its very file or the code in it is shown", async () => {
  const mine = await record(KEY);
  const { text } = backupFile(mine);
  assert.equal(JSON.parse(text).wattnote.check, checkCode(mine.keystore));
  requireBackup(mine, { text });
  requireBackup(mine, { code: checkCode(mine.keystore).toUpperCase().replace("-", " ") });
  const again = backupFile(await record(KEY)).text;
  for (const shown of [{}, { code: "0000-0000" }, { text: "{}" }, { text: again }]) assert.throws(() => requireBackup(mine, shown), KeystoreError);
  const { keystore, external } = parseBackup(text);
  assert.deepEqual([await open(keystore, "four random words"), external], [KEY, null]);
  assert.equal(parseBackup(backupFile({ ...mine, address: `0x${"77".repeat(20)}`, kind: "external" }).text).external, `0x${"77".repeat(20)}`);
});

test("nothing is signed without words, or with words about something else", async () => {
  await assert.rejects(obtain({ agreed: { code: "", values: {} } }, permit), ConsentError);
  await assert.rejects(obtain({ deed: deed("permit"), raw: { ...permit, value: "2" } }, permit), ConsentError);
  assert.deepEqual(await obtain({ agreed: deed("own_offer", { partner: "Alder" }) }, request), { code: "own_offer", values: { partner: "Alder" } });
  assert.throws(() => deed("gamble"), /No words/);
});

test("the journal is read in the reader's language, whatever it was signed in", () => {
  const kept = JSON.parse(JSON.stringify([
    { deed: deed("buy", { quantity: 1500n, partner: "Alder" }) },
    { deed: deed("deposit", { amount: "2500000" }) },
    { words: "Offer to sell 1.000\u00a0kWh" },
    { deed: { code: "of a later version", values: {} } },
  ]));
  assert.deepEqual(kept.map(lineInWords), ["Buy 1.500\u00a0kWh from Alder", "Put €2.50 into a deposit", "Offer to sell 1.000\u00a0kWh", "of a later version"]);
  globalThis.document = { documentElement: { lang: "de" } };
  globalThis.django = { gettext: (text) => text.replace("Buy %(quantity)s from %(partner)s", "%(quantity)s von %(partner)s kaufen") };
  try {
    assert.equal(lineInWords(kept[0]), "1,500\u00a0kWh von Alder kaufen");
  } finally {
    delete globalThis.document;
    delete globalThis.django;
  }
});

test("what another wallet refuses is said in words, with a remedy", () => {
  assert.ok(inWords({ code: 4001, message: "User rejected" }) instanceof Declined);
  for (const code of [-32002, 4100, 4200, 4900, 4902]) {
    const error = inWords({ code, message: "internal" });
    assert.ok(error instanceof ExternalError && !error.message.includes("internal"));
  }
  assert.match(inWords({ code: -32603, message: "nonce too low" }).message, /nonce too low/);
});

test("a restored wallet signs no version again that the relay knows of", () => {
  const state = (version, isFinal = false) => ({
    channel: request.channel,
    version,
    base: "0",
    balanceA: "5",
    balanceB: "6",
    energyToA: "0",
    energyToB: "0",
    tradesRoot: `0x${"00".repeat(32)}`,
    isFinal,
  });
  const view = { side: "a", current: { state: state("4") }, staged: null, dropped: null, refused: [], pledge: null };
  assert.deepEqual(relearn({ ...view, current: null }), BLANK);
  const memory = relearn({ ...view, dropped: { proposer: "a", state: state("7", true), change: null } });
  assert.equal(memory.highest, "7");
  assert.throws(() => remember(memory, state("6")), /signed version 7/);
  assert.throws(() => remember(memory, { ...state("9"), balanceA: "4" }), /same payout/);
  assert.equal(relearn({ ...view, staged: { proposer: "b", state: state("6"), change: null } }).highest, "4");
  assert.equal(remember(relearn(view), state("4")).highest, "4");
  assert.equal(relearn({ ...view, refused: [{ proposer: "a", state: state("5"), change: null }] }).highest, "5");
});

test("a tab tells of what came since it last looked, oldest first, and of nothing at its first look", () => {
  const newest = [9, 8, 7].map((id) => ({ id, title: "", text: "", url: "" }));
  assert.deepEqual(arrived(newest, null), []);
  assert.deepEqual(arrived(newest, "7").map(({ id }) => id), [8, 9]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, toHex } from "../../../marketplace/web/static/web/js/protocol/bytes.js";
import { addressOf, checksumAddress, recover, SignatureError, signDigest } from "../../../marketplace/web/static/web/js/protocol/signing.js";
import { checkSignInMessage, SignInMessageError } from "../../../marketplace/web/static/web/js/wallet/siwe.js";
import { checkKeystore, KeystoreError, open, seal } from "../../../marketplace/web/static/web/js/wallet/keystore.js";

const KEY = fromHex(`0x${"0a".repeat(32)}`);

// The scrypt vector of the Web3 Secret Storage definition.
const STANDARD = {
  version: 3,
  id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
  address: "",
  crypto: {
    cipher: "aes-128-ctr",
    cipherparams: { iv: "83dbcc02d8ccb40e466191a123791e0e" },
    ciphertext: "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
    kdf: "scrypt",
    kdfparams: { dklen: 32, n: 262144, p: 8, r: 1, salt: "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19" },
    mac: "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
  },
};

test("the standard's own backup opens", async () => {
  const key = await open(STANDARD, "testpassword");
  assert.equal(toHex(key), "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d");
});

test("a sealed key opens with its passphrase only", async () => {
  const keystore = await seal(KEY, "four random words", { cost: 1024 });
  assert.deepEqual(await open(keystore, "four random words"), KEY);
  await assert.rejects(open(keystore, "four random word"), KeystoreError);
  assert.ok(!JSON.stringify(keystore).includes("0a0a0a0a"));
});

test("a backup of another address, format or price is refused", async () => {
  const keystore = await seal(KEY, "four random words", { cost: 1024 });
  await assert.rejects(open({ ...keystore, address: "11".repeat(20) }, "four random words"), KeystoreError);
  for (const change of [{ version: 1 }, { crypto: { ...keystore.crypto, kdf: "pbkdf2" } }, { crypto: undefined }]) {
    assert.throws(() => checkKeystore({ ...keystore, ...change }), KeystoreError);
  }
  const dear = { ...keystore.crypto, kdfparams: { ...keystore.crypto.kdfparams, n: 2 ** 26 } };
  assert.throws(() => checkKeystore({ ...keystore, crypto: dear }), KeystoreError);
});

test("malleable, short and wrongly tagged signatures are refused", () => {
  const hash = fromHex(`0x${"42".repeat(32)}`);
  const good = signDigest(hash, KEY);
  assert.equal(recover(hash, good), addressOf(KEY));
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const high = (order - BigInt(`0x${good.slice(66, 130)}`)).toString(16).padStart(64, "0");
  const flipped = good.endsWith("1b") ? "1c" : "1b";
  for (const bad of [good.slice(0, 66) + high + flipped, good.slice(0, -2), `${good.slice(0, -2)}00`, `0x${"00".repeat(65)}`]) {
    assert.throws(() => recover(hash, bad), SignatureError);
  }
});

test("the sign-in message must name this site, wallet and chain", () => {
  const address = addressOf(KEY);
  const expected = { host: "site.example", origin: "https://site.example", address, chainId: "31337" };
  const message = [
    "site.example wants you to sign in with your Ethereum account:",
    checksumAddress(address),
    "",
    "Prove to Wattnote that this wallet is yours.",
    "",
    "URI: https://site.example/",
    "Version: 1",
    "Chain ID: 31337",
    "Nonce: 0123456789abcdef",
  ].join("\n");
  checkSignInMessage(message, expected);
  for (const [from, to] of [["site.example wants", "evil.example wants"], ["https://site.example/", "https://evil.example/"], ["Chain ID: 31337", "Chain ID: 1"], [checksumAddress(address), address]]) {
    assert.throws(() => checkSignInMessage(message.replace(from, to), expected), SignInMessageError);
  }
});

/**
 * The wallet of this browser. The root key is kept sealed under the passphrase; while unlocked it is also kept
 * encrypted under a non-extractable WebCrypto key in IndexedDB, its ciphertext in this tab's session storage: neither
 * half is enough, closing the tab or ten idle minutes forget it. The key never enters a request.
 */

import { fromHex, randomBytes, toHex } from "../protocol/bytes.js";
import { deriveSessionKey, sessionLabel } from "../protocol/session.js";
import { addressOf, isValidKey } from "../protocol/signing.js";
import { erase, read, readAll, write } from "./database.js";
import { checkKeystore, KeystoreError, open, seal } from "./keystore.js";

/** @typedef {import("../protocol/bytes.js").Bytes} Bytes */
/** @typedef {{address: string, keystore: import("./keystore.js").Keystore, createdAt: number, backedUpAt: number|null}} WalletRecord */

export const IDLE_MS = 10 * 60 * 1000;
export const SHORTEST_PASSPHRASE = 10;
const HALF = "wattnote.unlocked";

/** The wallet is locked; the passphrase is needed. */
export class LockedError extends Error {}

/** @returns {Promise<WalletRecord[]>} wallets of this browser, newest first */
export async function wallets() {
  const all = /** @type {WalletRecord[]} */ (await readAll("wallets"));
  return all.sort((a, b) => b.createdAt - a.createdAt);
}

/**
 * @param {string} address
 * @returns {Promise<WalletRecord|undefined>}
 */
export function wallet(address) {
  return read("wallets", address.toLowerCase());
}

/** @param {string} passphrase */
function checkPassphrase(passphrase) {
  if (passphrase.length < SHORTEST_PASSPHRASE) {
    throw new KeystoreError(`Choose a passphrase of at least ${SHORTEST_PASSPHRASE} characters; four random words are good.`);
  }
}

/**
 * @param {Bytes} key
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<WalletRecord>} stored and unlocked
 */
async function keep(key, passphrase, onProgress) {
  checkPassphrase(passphrase);
  const keystore = await seal(key, passphrase, { onProgress });
  const record = { address: addressOf(key), keystore, createdAt: Date.now(), backedUpAt: null };
  await write("wallets", record);
  await keepUnlocked(record.address, key);
  return record;
}

/**
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 */
export function createWallet(passphrase, onProgress) {
  return keep(randomKey(), passphrase, onProgress);
}

/** @returns {Bytes} */
function randomKey() {
  for (;;) {
    const key = randomBytes(32);
    if (isValidKey(key)) return key;
  }
}

/**
 * @param {string} text private key as 64 hex digits
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 */
export function importKey(text, passphrase, onProgress) {
  const key = fromHex(text.trim().startsWith("0x") ? text.trim() : `0x${text.trim()}`, 32);
  if (!isValidKey(key)) throw new KeystoreError("These 64 digits are no valid key.");
  return keep(key, passphrase, onProgress);
}

/**
 * @param {string} json a backup file's text
 * @param {string} passphrase the backup's own
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<WalletRecord>}
 */
export async function importBackup(json, passphrase, onProgress) {
  const keystore = checkKeystore(parse(json));
  const key = await open(keystore, passphrase, onProgress);
  const record = { address: addressOf(key), keystore, createdAt: Date.now(), backedUpAt: Date.now() };
  await write("wallets", record);
  await keepUnlocked(record.address, key);
  return record;
}

/** @param {string} json */
function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    throw new KeystoreError("This file is no wallet backup: choose the .json file that was saved as the backup.");
  }
}

/**
 * @param {string} address
 * @returns {Promise<{name: string, text: string}>} the backup file
 */
export async function exportBackup(address) {
  const record = await wallet(address);
  if (!record) throw new KeystoreError("That wallet is not in this browser.");
  const name = `wattnote-${address.slice(2, 10)}-keystore.json`;
  return { name, text: `${JSON.stringify(record.keystore, null, 2)}\n` };
}

/** @param {string} address */
export async function markBackedUp(address) {
  const record = await wallet(address);
  if (record) await write("wallets", { ...record, backedUpAt: Date.now() });
}

/**
 * @param {string} address
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 */
export async function unlock(address, passphrase, onProgress) {
  const record = await wallet(address);
  if (!record) throw new KeystoreError("That wallet is not in this browser; restore it from its backup.");
  await keepUnlocked(record.address, await open(record.keystore, passphrase, onProgress));
}

/**
 * @param {string} address
 * @param {Bytes} key
 */
async function keepUnlocked(address, key) {
  const wrapper = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const iv = randomBytes(12);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, wrapper, key));
  await write("unlocked", { address, wrapper, iv, until: Date.now() + IDLE_MS });
  sessionStorage.setItem(HALF, JSON.stringify({ address, sealed: toHex(sealed) }));
  announce();
}

/** Forget the unlocked key at once. */
export async function lock() {
  for (const entry of await readAll("unlocked")) await erase("unlocked", entry.address);
  sessionStorage.removeItem(HALF);
  announce();
}

/** @returns {Promise<string|null>} address of the unlocked wallet */
export async function unlockedAddress() {
  const half = JSON.parse(sessionStorage.getItem(HALF) ?? "null");
  if (!half) return null;
  const entry = await read("unlocked", half.address);
  if (entry && entry.until > Date.now()) return half.address;
  await lock();
  return null;
}

/**
 * @param {string} address
 * @returns {Promise<Bytes>}
 * @throws {LockedError}
 */
export async function rootKey(address) {
  if ((await unlockedAddress()) !== address.toLowerCase()) throw new LockedError("The wallet is locked.");
  const half = JSON.parse(sessionStorage.getItem(HALF) ?? "null");
  const entry = await read("unlocked", half.address);
  await write("unlocked", { ...entry, until: Date.now() + IDLE_MS });
  const sealed = fromHex(half.sealed);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: entry.iv }, entry.wrapper, sealed));
}

/**
 * @param {string} address root address
 * @param {string} nonce of the entity contract's terms
 * @returns {Promise<Bytes>}
 */
export async function sessionKey(address, nonce) {
  return deriveSessionKey(await rootKey(address), sessionLabel(nonce));
}

/** Tell the page's parts that the lock changed. */
function announce() {
  globalThis.dispatchEvent(new Event("wattnote:lock"));
}

/**
 * The wallets of this browser, and which of them is unlocked. Keys are sealed under the passphrase (keystore.js),
 * opened and used in the worker only (worker.js), and never enter a request.
 */

import { fill, gettext } from "../ui/language.js";
import { backupFile, parseBackup, requireBackup } from "./backup.js";
import { erase, read, readAll, update, write } from "./database.js";
import { KeystoreError } from "./keystore.js";
import { ask, forgetKeys } from "./office.js";
import { LockedError } from "./strongroom.js";

export { LockedError };

/** @typedef {import("./backup.js").WalletRecord} WalletRecord */
/** @typedef {import("./halves.js").Half} Half */
/** @typedef {(share: number) => void} OnProgress */

export const SHORTEST_PASSPHRASE = 10;
/** Longer than a tab in the background is put off: the machine slept. */
const SLEPT_MS = 3 * 60 * 1000;
const LOOK_MS = 20 * 1000;
const HALF = "wattnote.unlocked";

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
    throw new KeystoreError(fill(gettext("Choose a passphrase of at least %(count)s characters; four random words are good."), { count: SHORTEST_PASSPHRASE }));
  }
}

/**
 * @param {{address: string, keystore: import("./keystore.js").Keystore, half: Half}} made
 * @param {Partial<WalletRecord>} [more]
 * @returns {Promise<WalletRecord>} stored and unlocked
 */
async function keep({ address, keystore, half }, more = {}) {
  const record = { address, kind: /** @type {"own"} */ ("own"), keystore, createdAt: Date.now(), backedUpAt: null, ...more };
  await write("wallets", record);
  hold(half);
  return record;
}

/**
 * @param {string} passphrase
 * @param {OnProgress} [onProgress]
 */
export async function createWallet(passphrase, onProgress) {
  checkPassphrase(passphrase);
  return keep(await ask("make", { passphrase }, onProgress));
}

/**
 * @param {string} text private key as 64 hex digits
 * @param {string} passphrase
 * @param {OnProgress} [onProgress]
 */
export async function importKey(text, passphrase, onProgress) {
  checkPassphrase(passphrase);
  return keep(await ask("importKey", { text, passphrase }, onProgress));
}

/**
 * An external wallet that signed the root of its session keys. One that signs the same message twice with the same
 * signature restores them by itself; of any other the file is the only backup.
 *
 * @param {{address: string, signature: string, repeated: boolean, maker: {name: string, rdns: string}}} external
 * @param {string} passphrase
 * @param {OnProgress} [onProgress]
 */
export async function keepExternal({ address, signature, repeated, maker }, passphrase, onProgress) {
  checkPassphrase(passphrase);
  const made = await ask("keepExternal", { address, signature, passphrase }, onProgress);
  return keep(made, { kind: "external", maker, backedUpAt: repeated ? Date.now() : null });
}

/**
 * @param {string} text of a backup file
 * @param {string} passphrase the backup's own
 * @param {OnProgress} [onProgress]
 * @returns {Promise<WalletRecord>}
 */
export async function importBackup(text, passphrase, onProgress) {
  const { keystore, external } = parseBackup(text);
  const { address, half } = await ask("unlock", { keystore, passphrase, address: external ?? undefined }, onProgress);
  return keep({ address, keystore, half }, { kind: external ? "external" : "own", backedUpAt: Date.now() });
}

/**
 * @param {string} address
 * @returns {Promise<{name: string, text: string}>} the backup file
 */
export async function exportBackup(address) {
  return backupFile(await known(address));
}

/**
 * The person shows that the backup exists.
 *
 * @param {string} address
 * @param {{text?: string, code?: string}} shown
 * @throws {KeystoreError} it is not this wallet's
 */
export async function confirmBackup(address, shown) {
  const record = await known(address);
  requireBackup(record, shown);
  await write("wallets", { ...record, backedUpAt: Date.now() });
  announce();
}

/** @param {string} address */
async function known(address) {
  const record = await wallet(address);
  if (!record) throw new KeystoreError(gettext("That wallet is not in this browser; restore it from its backup."));
  return record;
}

/**
 * @param {string} address
 * @param {string} passphrase
 * @param {OnProgress} [onProgress]
 */
export async function unlock(address, passphrase, onProgress) {
  const { keystore, address: of } = await known(address);
  hold((await ask("unlock", { keystore, address: of, passphrase }, onProgress)).half);
}

/** @param {Half} half */
function hold(half) {
  sessionStorage.setItem(HALF, JSON.stringify(half));
  announce();
}

/** Forget the unlocked key at once. */
export async function lock() {
  for (const entry of await readAll("unlocked")) await erase("unlocked", entry.address);
  sessionStorage.removeItem(HALF);
  await forgetKeys();
  announce();
}

/** @returns {Half|null} */
const ownHalf = () => JSON.parse(sessionStorage.getItem(HALF) ?? "null");

/** @returns {Promise<string|null>} address of the unlocked wallet */
export async function unlockedAddress() {
  const half = ownHalf();
  if (!half) return null;
  const entry = await read("unlocked", half.address);
  if (entry && entry.until > Date.now()) return half.address;
  await lock();
  return null;
}

/** Locks when the time is over, and when the machine wakes up from a sleep; only a page that looks can tell. */
export function watchIdleness() {
  let last = Date.now();
  setInterval(() => {
    const slept = Date.now() - last > SLEPT_MS;
    last = Date.now();
    void (slept && ownHalf() ? lock() : unlockedAddress());
  }, LOOK_MS);
}

/**
 * Have the worker do something with the unlocked key.
 *
 * @param {string} address root address
 * @param {"sessionAddress"|"sign"|"signText"} operation
 * @param {object} task
 * @returns {Promise<string>}
 * @throws {LockedError}
 */
export async function withKey(address, operation, task) {
  if ((await unlockedAddress()) !== address) throw new LockedError(gettext("The wallet is locked."));
  return ask(operation, { half: ownHalf(), address, ...task });
}

/**
 * A line of the journal: what this wallet signed.
 *
 * @param {string} address
 * @param {import("./deeds.js").Deed} deed
 * @param {string} name of the type
 */
export async function noteSigned(address, deed, name) {
  const at = Date.now();
  const key = `${address}/${String(at).padStart(15, "0")}/${crypto.randomUUID()}`;
  await update("signed", key, () => ({ key, address, at, deed, name }));
}

/**
 * @param {string} address
 * @returns {Promise<{at: number, deed?: import("./deeds.js").Deed, words?: string, name: string}[]>} newest first
 */
export async function journal(address) {
  const all = await readAll("signed");
  return all.filter((line) => line.address === address).reverse();
}

/** Tell the page's parts that the lock changed. */
function announce() {
  globalThis.dispatchEvent(new Event("wattnote:lock"));
}

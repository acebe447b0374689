/**
 * The backup: what the file says, and how a person shows that it was kept. The file is the keystore itself, so that
 * other wallets open it, with a note of ours beside it that they pass over.
 */

import { keccak_256 } from "../../vendor/noble-hashes/sha3.js";
import { toHex, utf8ToBytes } from "../protocol/bytes.js";
import { gettext } from "../ui/language.js";
import { checkKeystore, KeystoreError } from "./keystore.js";

/** @typedef {import("./keystore.js").Keystore} Keystore */
/**
 * @typedef {object} WalletRecord
 * @property {string} address of the wallet
 * @property {"own"|"external"} [kind] an external wallet signs for itself; here is only the root of its session keys
 * @property {{name: string, rdns: string}} [maker] of an external wallet
 * @property {Keystore} keystore
 * @property {number} createdAt
 * @property {number|null} backedUpAt when the person showed that the backup exists; nothing that moves money is signed before
 */

/**
 * Eight letters and digits that stand in the file only: who types them has it open.
 *
 * @param {Keystore} keystore
 * @returns {string} such as "3f9a-01bc"
 */
export function checkCode(keystore) {
  const digits = toHex(keccak_256(utf8ToBytes(`wattnote/check/${keystore.crypto.mac}`))).slice(2, 10);
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}

/**
 * @param {WalletRecord} record
 * @returns {{name: string, text: string}} the file
 */
export function backupFile({ address, kind = "own", keystore }) {
  const file = { ...keystore, wattnote: { wallet: address, kind, check: checkCode(keystore) } };
  return { name: `wattnote-${address.slice(2, 10)}-keystore.json`, text: `${JSON.stringify(file, null, 2)}\n` };
}

/**
 * @param {string} text of a file
 * @returns {{keystore: Keystore, external: string|null}} with the address of the external wallet that it belongs to
 * @throws {KeystoreError}
 */
export function parseBackup(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new KeystoreError(gettext("This file is no wallet backup: choose the .json file that was saved as the backup."));
  }
  const { wattnote, ...keystore } = /** @type {any} */ (checkKeystore(file));
  const external = wattnote?.kind === "external" && /^0x[0-9a-f]{40}$/.test(wattnote.wallet) ? wattnote.wallet : null;
  return { keystore, external };
}

/**
 * @param {WalletRecord} record
 * @param {{text?: string, code?: string}} shown the file's text, or the code that stands in it
 * @throws {KeystoreError} it is not this wallet's backup
 */
export function requireBackup({ keystore }, { text, code = "" }) {
  if (text === undefined) {
    const typed = code.toLowerCase().replace(/[^0-9a-f]/g, "");
    if (typed === checkCode(keystore).replace("-", "")) return;
    throw new KeystoreError(gettext("That is not the code in the file. Open the file; the code stands after “check”."));
  }
  const { crypto: saved } = parseBackup(text).keystore;
  if (saved.mac !== keystore.crypto.mac || saved.ciphertext !== keystore.crypto.ciphertext) {
    throw new KeystoreError(gettext("This is the backup of another wallet. Choose the file that you have just saved."));
  }
}

/**
 * What keeps a wallet unlocked from page to page: its key encrypted under a non-extractable WebCrypto key that lies in
 * IndexedDB, the ciphertext in the tab's session storage. Neither half is enough; locking destroys one, closing the tab
 * the other. Only the worker puts them together.
 */

import { fromHex, randomBytes, toHex } from "../protocol/bytes.js";
import { update, write } from "./database.js";
import { LockedError } from "./strongroom.js";
import { gettext } from "../ui/language.js";

/** @typedef {import("../protocol/bytes.js").Bytes} Bytes */
/** @typedef {{address: string, sealed: string}} Half the tab's */

export const IDLE_MS = 10 * 60 * 1000;

/**
 * @param {string} address
 * @param {Bytes} key
 * @returns {Promise<Half>}
 */
export async function split(address, key) {
  const wrapper = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const iv = randomBytes(12);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, wrapper, key));
  await write("unlocked", { address, wrapper, iv, until: Date.now() + IDLE_MS });
  return { address, sealed: toHex(sealed) };
}

/**
 * The other half of an unlocked wallet, whose time begins anew; in one transaction, so that a lock in another tab stays.
 *
 * @param {string} address
 * @returns {Promise<{wrapper: CryptoKey, iv: Bytes, until: number}>}
 * @throws {LockedError} it was locked, or nothing was signed for ten minutes
 */
function otherHalf(address) {
  return update("unlocked", address, (/** @type {any} */ entry) => {
    if (!entry || entry.until <= Date.now()) throw new LockedError(gettext("The wallet is locked."));
    return { ...entry, until: Date.now() + IDLE_MS };
  });
}

/**
 * @param {Half} half
 * @returns {Promise<Bytes>} the key
 * @throws {LockedError}
 */
export async function join(half) {
  const { iv, wrapper } = await otherHalf(half.address);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, wrapper, fromHex(half.sealed)));
}

/**
 * Session keys: one for each entity contract (the paper's UUTID), all derived from the root key, so that one
 * backup restores all of them and the ledger can't link them.
 */

import { hkdf } from "../../vendor/noble-hashes/hkdf.js";
import { sha256 } from "../../vendor/noble-hashes/sha2.js";
import { concatBytes, fromHex, uintWord, utf8ToBytes } from "./bytes.js";
import { isValidKey } from "./signing.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

const SALT = "wattnote/session";

/**
 * HKDF-SHA256 (RFC 5869) of the root key, as `derive_session_key` of the core.
 *
 * @param {Bytes} rootKey
 * @param {Bytes} label unique for each entity contract of this wallet
 * @returns {Bytes}
 */
export function deriveSessionKey(rootKey, label) {
  let info = label;
  for (let counter = 1; ; counter += 1) {
    const key = hkdf(sha256, rootKey, utf8ToBytes(SALT), info, 32);
    if (isValidKey(key)) return key;
    info = concatBytes(label, uintWord(BigInt(counter), 32).slice(28));
  }
}

/**
 * Label of an entity contract's session key: both sides know the nonce, so a backup of the root key and the
 * relay's log are enough to restore every session key.
 *
 * @param {string} nonce of the terms, 32 bytes of hex
 * @returns {Bytes}
 */
export function sessionLabel(nonce) {
  return concatBytes(utf8ToBytes("esc/"), fromHex(nonce, 32));
}

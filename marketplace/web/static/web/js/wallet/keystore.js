/**
 * A key under a passphrase: Web3 Secret Storage, version 3 (scrypt, AES-128-CTR, Keccak MAC), the format that other
 * wallets import. What is kept in the browser and what is exported as a backup are the same file.
 */

import { keccak_256 } from "../../vendor/noble-hashes/sha3.js";
import { scryptAsync } from "../../vendor/noble-hashes/scrypt.js";
import { concatBytes, fromHex, randomBytes, sameHex, toHex, utf8ToBytes } from "../protocol/bytes.js";
import { addressOf, isValidKey } from "../protocol/signing.js";
import { gettext } from "../ui/language.js";

/** @typedef {import("../protocol/bytes.js").Bytes} Bytes */
/** @typedef {{n: number, r: number, p: number, dklen: number, salt: string}} ScryptParams */
/**
 * @typedef {object} Keystore
 * @property {3} version
 * @property {string} id
 * @property {string} address without 0x, as the format has it
 * @property {{ciphertext: string, cipherparams: {iv: string}, cipher: string, kdf: string, kdfparams: ScryptParams,
 *   mac: string}} crypto
 */

export const SCRYPT_COST = 131072;
const LARGEST_COST = 1 << 20;

/** The passphrase is wrong, or the file is damaged or of another format. */
export class KeystoreError extends Error {}

/** @param {Bytes} bytes */
const bare = (bytes) => toHex(bytes).slice(2);

/**
 * @param {string} passphrase
 * @param {ScryptParams} params
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<Bytes>}
 */
async function derive(passphrase, params, onProgress) {
  const { n, r, p, dklen } = params;
  const salt = fromHex(`0x${params.salt}`);
  const maxmem = 128 * n * r + 64 * 1024 * 1024;
  return scryptAsync(utf8ToBytes(passphrase.normalize("NFKC")), salt, { N: n, r, p, dkLen: dklen, maxmem, onProgress });
}

/**
 * @param {Bytes} key 16 bytes
 * @param {Bytes} iv 16 bytes
 * @param {Bytes} data
 * @returns {Promise<Bytes>} encryption and decryption are the same
 */
async function aesCtr(key, iv, data) {
  const imported = await crypto.subtle.importKey("raw", key, "AES-CTR", false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CTR", counter: iv, length: 128 }, imported, data));
}

/**
 * @param {Bytes} derived
 * @param {Bytes} ciphertext
 */
function macOf(derived, ciphertext) {
  return bare(keccak_256(concatBytes(derived.subarray(16, 32), ciphertext)));
}

/**
 * @param {Bytes} key
 * @param {string} passphrase
 * @param {{cost?: number, onProgress?: (share: number) => void}} [options]
 * @returns {Promise<Keystore>}
 */
export async function seal(key, passphrase, { cost = SCRYPT_COST, onProgress } = {}) {
  const kdfparams = { n: cost, r: 8, p: 1, dklen: 32, salt: bare(randomBytes(32)) };
  const derived = await derive(passphrase, kdfparams, onProgress);
  const iv = randomBytes(16);
  const ciphertext = await aesCtr(derived.slice(0, 16), iv, key);
  return {
    version: 3,
    id: crypto.randomUUID(),
    address: addressOf(key).slice(2),
    crypto: {
      ciphertext: bare(ciphertext),
      cipherparams: { iv: bare(iv) },
      cipher: "aes-128-ctr",
      kdf: "scrypt",
      kdfparams,
      mac: macOf(derived, ciphertext),
    },
  };
}

/**
 * @param {any} file parsed JSON of a backup
 * @returns {Keystore}
 * @throws {KeystoreError} another format, or parameters that would freeze the browser
 */
export function checkKeystore(file) {
  const sealed = file?.crypto ?? file?.Crypto;
  if (file?.version !== 3 || sealed?.cipher !== "aes-128-ctr" || sealed?.kdf !== "scrypt") {
    throw new KeystoreError(gettext("This is no wallet backup that can be read here: use a version 3 keystore (scrypt, AES-128-CTR)."));
  }
  const { n, r, p, dklen } = sealed.kdfparams ?? {};
  const sane = Number.isInteger(n) && n > 1 && n * r <= LARGEST_COST * 8 && r >= 1 && p >= 1 && p <= 8 && dklen === 32;
  if (!sane) throw new KeystoreError(gettext("The backup asks for unusual scrypt parameters and is not opened."));
  return { ...file, crypto: sealed };
}

/**
 * @param {Keystore} keystore
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<Bytes>} the key
 * @throws {KeystoreError}
 */
export async function open(keystore, passphrase, onProgress) {
  const { crypto: sealed, address } = checkKeystore(keystore);
  const derived = await derive(passphrase, sealed.kdfparams, onProgress);
  const ciphertext = fromHex(`0x${sealed.ciphertext}`);
  if (!sameHex(macOf(derived, ciphertext), sealed.mac)) {
    throw new KeystoreError(gettext("That passphrase doesn't open this wallet. Check capitals and spaces, then try again."));
  }
  const key = await aesCtr(derived.slice(0, 16), fromHex(`0x${sealed.cipherparams.iv}`, 16), ciphertext);
  if (!isValidKey(key) || (address && !sameHex(addressOf(key), `0x${address.replace(/^0x/, "")}`))) {
    throw new KeystoreError(gettext("The backup's key doesn't belong to its address: the file is damaged."));
  }
  return key;
}

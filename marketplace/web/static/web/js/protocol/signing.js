/**
 * secp256k1 signatures as the ledger takes them: 65 bytes r || s || v, v 27 or 28, low s.
 */

import { secp256k1 } from "../../vendor/noble-curves/secp256k1.js";
import { keccak_256 } from "../../vendor/noble-hashes/sha3.js";
import { concatBytes, fromHex, sameHex, toHex, utf8ToBytes } from "./bytes.js";
import { digest } from "./typed_data.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./typed_data.js").Domain} Domain */
/** @typedef {import("./typed_data.js").TypeName} TypeName */
/** @typedef {import("./typed_data.js").Struct} Struct */

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const HALF_ORDER = CURVE_ORDER >> 1n;

/** A signature has the wrong form, is malleable, or is somebody else's. */
export class SignatureError extends Error {}

/**
 * @param {Bytes} publicKey uncompressed, 65 bytes
 * @returns {string}
 */
function addressOfPublicKey(publicKey) {
  return toHex(keccak_256(publicKey.subarray(1)).subarray(12));
}

/**
 * @param {Bytes} key 32 bytes
 * @returns {string} lower-case address
 */
export function addressOf(key) {
  return addressOfPublicKey(secp256k1.getPublicKey(key, false));
}

/** @param {Bytes} key */
export function isValidKey(key) {
  return secp256k1.utils.isValidSecretKey(key);
}

/**
 * EIP-55 spelling of an address, for showing and for sign-in messages.
 *
 * @param {string} address
 * @returns {string}
 */
export function checksumAddress(address) {
  const plain = toHex(fromHex(address, 20)).slice(2);
  const hash = toHex(keccak_256(utf8ToBytes(plain))).slice(2);
  const spelled = [...plain].map((c, i) => (parseInt(hash[i] ?? "0", 16) >= 8 ? c.toUpperCase() : c));
  return `0x${spelled.join("")}`;
}

/**
 * @param {Bytes} hash 32 bytes
 * @param {Bytes} key
 * @returns {string} 65 bytes r || s || v as hex
 */
export function signDigest(hash, key) {
  const made = secp256k1.sign(hash, key, { prehash: false, lowS: true, format: "recovered" });
  return toHex(concatBytes(made.subarray(1), new Uint8Array([27 + /** @type {number} */ (made[0])])));
}

/**
 * @param {Bytes} hash
 * @param {string} signature
 * @returns {string} the signer's address
 * @throws {SignatureError} wrong length, v other than 27/28, high s, or no point
 */
export function recover(hash, signature) {
  const bytes = fromHex(signature);
  if (bytes.length !== 65) throw new SignatureError(`a signature has 65 bytes, this has ${bytes.length}`);
  const v = /** @type {number} */ (bytes[64]);
  if (v !== 27 && v !== 28) throw new SignatureError(`v must be 27 or 28, not ${v}`);
  if (BigInt(toHex(bytes.subarray(32, 64))) > HALF_ORDER) {
    throw new SignatureError("the signature is malleable (high s); sign again with low s");
  }
  try {
    const form = concatBytes(new Uint8Array([v - 27]), bytes.subarray(0, 64));
    const point = secp256k1.recoverPublicKey(form, hash, { prehash: false });
    return addressOfPublicKey(secp256k1.Point.fromBytes(point).toBytes(false));
  } catch (error) {
    throw new SignatureError(`no key can have made this signature: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * @param {Domain} domain
 * @param {TypeName} name
 * @param {Struct} struct
 * @param {Bytes} key
 * @returns {string}
 */
export function signStruct(domain, name, struct, key) {
  return signDigest(digest(domain, name, struct), key);
}

/**
 * @param {Domain} domain
 * @param {TypeName} name
 * @param {Struct} struct
 * @param {string} signature
 * @param {string} signer expected address
 * @throws {SignatureError} somebody else signed, or something else
 */
export function requireSignature(domain, name, struct, signature, signer) {
  const actual = recover(digest(domain, name, struct), signature);
  if (!sameHex(actual, signer)) {
    throw new SignatureError(`the ${name} is signed by ${actual}, not by ${signer}`);
  }
}

/**
 * EIP-191 signature of a text ("personal_sign"), used by sign-in with the wallet.
 *
 * @param {string} text
 * @param {Bytes} key
 * @returns {string}
 */
export function signText(text, key) {
  return signDigest(textDigest(text), key);
}

/**
 * @param {string} text
 * @returns {Bytes}
 */
export function textDigest(text) {
  const bytes = utf8ToBytes(text);
  return keccak_256(concatBytes(utf8ToBytes(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes));
}

/**
 * Bytes, hex and fixed-width integers. Hex is lower case with 0x everywhere.
 */

import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "../../vendor/noble-hashes/utils.js";

export { concatBytes, utf8ToBytes };

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

export const ZERO_ADDRESS = `0x${"00".repeat(20)}`;
export const ZERO_HASH = `0x${"00".repeat(32)}`;

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toHex(bytes) {
  return `0x${bytesToHex(/** @type {Bytes} */ (bytes))}`;
}

/**
 * @param {string} hex with 0x
 * @param {number} [length] expected number of bytes
 * @returns {Bytes}
 */
export function fromHex(hex, length) {
  if (typeof hex !== "string" || !/^0x([0-9a-fA-F]{2})*$/.test(hex)) {
    throw new TypeError(`"${String(hex).slice(0, 20)}" is no 0x-prefixed hex; give whole bytes as two digits each`);
  }
  const bytes = hexToBytes(hex.slice(2));
  if (length !== undefined && bytes.length !== length) {
    throw new TypeError(`expected ${length} bytes of hex, got ${bytes.length}`);
  }
  return bytes;
}

/**
 * An unsigned integer as 32 big-endian bytes, refused where it doesn't fit `bits`.
 *
 * @param {bigint} value
 * @param {number} bits
 * @returns {Bytes}
 */
export function uintWord(value, bits) {
  if (typeof value !== "bigint" || value < 0n || value >= 1n << BigInt(bits)) {
    throw new RangeError(`${value} does not fit uint${bits}`);
  }
  return hexToBytes(value.toString(16).padStart(64, "0"));
}

/**
 * @param {number} length
 * @returns {Bytes}
 */
export function randomBytes(length) {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}

/** @returns {string} 32 random bytes as hex */
export function randomId() {
  return toHex(randomBytes(32));
}

/**
 * @param {string} a
 * @param {string} b
 */
export function sameHex(a, b) {
  return a.toLowerCase() === b.toLowerCase();
}

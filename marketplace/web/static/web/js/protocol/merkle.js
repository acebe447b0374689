/**
 * The append-only Merkle tree of a channel's trades (channels_engine/core/merkle.py), kept as the roots of its
 * perfect subtrees, left to right.
 */

import { keccak_256 } from "../../vendor/noble-hashes/sha3.js";
import { concatBytes, fromHex, toHex, ZERO_HASH } from "./bytes.js";

/** @typedef {{size: string, peaks: string[]}} TradesTree */

/** @type {TradesTree} */
export const EMPTY_TREE = Object.freeze({ size: "0", peaks: [] });

/**
 * @param {string} left
 * @param {string} right
 */
function node(left, right) {
  return toHex(keccak_256(concatBytes(fromHex(left, 32), fromHex(right, 32))));
}

/**
 * @param {string} tradeId 32 bytes of hex
 * @param {"a"|"b"} seller
 * @returns {string}
 */
export function leafOf(tradeId, seller) {
  return toHex(keccak_256(concatBytes(fromHex(tradeId, 32), new Uint8Array([seller === "a" ? 0 : 1]))));
}

/**
 * @param {TradesTree} tree
 * @param {string} leaf
 * @returns {TradesTree}
 */
export function append(tree, leaf) {
  const peaks = [...tree.peaks];
  let carry = leaf;
  for (let size = BigInt(tree.size); size & 1n; size >>= 1n) {
    carry = node(/** @type {string} */ (peaks.pop()), carry);
  }
  return { size: String(BigInt(tree.size) + 1n), peaks: [...peaks, carry] };
}

/**
 * @param {TradesTree} tree
 * @returns {string}
 */
export function rootOf(tree) {
  if (tree.peaks.length === 0) return ZERO_HASH;
  return tree.peaks.reduceRight((root, peak) => node(peak, root));
}

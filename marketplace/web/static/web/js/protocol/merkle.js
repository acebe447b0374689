/**
 * What a state's `tradesRoot` commits to (channels_engine/core/merkle.py): the append-only Merkle tree of all trades,
 * kept as the roots of its perfect subtrees, left to right, and the list of those that are still open.
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
 * @returns {import("./bytes.js").Bytes} 33 bytes that name a trade
 */
function entryOf(tradeId, seller) {
  return concatBytes(fromHex(tradeId, 32), new Uint8Array([seller === "a" ? 0 : 1]));
}

/**
 * @param {string} tradeId 32 bytes of hex
 * @param {"a"|"b"} seller
 * @returns {string}
 */
export function leafOf(tradeId, seller) {
  return toHex(keccak_256(entryOf(tradeId, seller)));
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
 * @returns {string} root of all trades
 */
export function historyRoot(tree) {
  if (tree.peaks.length === 0) return ZERO_HASH;
  return tree.peaks.reduceRight((root, peak) => node(peak, root));
}

/**
 * @param {TradesTree} tree
 * @param {{id: string, seller: "a"|"b"}[]} openTrades in the order of the endpoint's list
 * @returns {string} what a state signs; zero before any trade
 */
export function tradesRoot(tree, openTrades) {
  if (tree.peaks.length === 0) return ZERO_HASH;
  const listed = concatBytes(...openTrades.map(({ id, seller }) => entryOf(id, seller)));
  return node(historyRoot(tree), openTrades.length ? toHex(keccak_256(listed)) : ZERO_HASH);
}

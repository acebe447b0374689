/**
 * What the holder of a session key remembers beside the key, and asks before each signature
 * (channels_engine/core/keeper.py): no version is signed twice, and nothing follows a final state but the same payout.
 * A signature that the relay refused may have been kept all the same.
 */

import { structId } from "../protocol/typed_data.js";
import { BookError } from "./book.js";

/** @typedef {import("./book.js").ChannelState} ChannelState */
/** @typedef {{highest: string, digest: string, farewell: ChannelState|null}} Memory */

/** @type {Memory} */
export const BLANK = Object.freeze({ highest: "0", digest: "", farewell: null });

/**
 * @param {ChannelState} left
 * @param {ChannelState} right
 */
function samePayout(left, right) {
  const payout = (/** @type {ChannelState} */ s) => [s.balanceA, s.balanceB, s.energyToA, s.energyToB].join();
  return payout(left) === payout(right);
}

/**
 * The memory to store before `state` is signed. Signing the very same state again is harmless.
 *
 * @param {Memory} memory
 * @param {ChannelState} state
 * @returns {Memory}
 * @throws {BookError} it must not be signed
 */
export function remember(memory, state) {
  const digest = structId("ChannelState", state);
  if (digest === memory.digest) return memory;
  if (BigInt(state.version) <= BigInt(memory.highest)) {
    throw new BookError(`This key has signed version ${memory.highest} before; version ${state.version} can't be signed any more.`);
  }
  if (memory.farewell && !(state.isFinal && samePayout(state, memory.farewell))) {
    throw new BookError("You have signed the closing of this channel; only the same payout may follow.");
  }
  return { highest: state.version, digest, farewell: state.isFinal ? state : memory.farewell };
}

/**
 * What the holder of a session key remembers beside the key, and asks before each signature
 * (channels_engine/core/keeper.py): no version is signed twice, nothing follows a final state but the same payout, and
 * nothing is signed beside a change of the funding that the ledger may still take. A signature that the relay refused
 * may have been kept all the same.
 */

import { structId } from "../protocol/typed_data.js";
import { BookError } from "./book.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {import("./book.js").ChannelState} ChannelState */
/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./book.js").Staged} Staged */
/** @typedef {import("./book.js").FundingChange} FundingChange */
/** @typedef {{highest: string, digest: string, farewell: ChannelState|null, change?: FundingChange|null}} Memory */

/** @type {Memory} */
export const BLANK = Object.freeze({ highest: "0", digest: "", farewell: null, change: null });
/** Seconds by which the ledger's clock may be behind ours; what it has not taken then it takes no more. */
const LEDGER_LAG_S = 120;

/**
 * What a wallet that was restored in a new browser must remember: all that its key signed, as far as the relay shows it.
 * A relay that hides a proposal of ours can have its version signed once more, but no older state than the newest that
 * it shows with both signatures.
 *
 * @param {ChannelView} view checked
 * @returns {Memory}
 */
export function relearn({ side, current, staged, dropped, refused, pledge }) {
  const own = [staged, dropped, ...refused].filter((one) => one?.proposer === side && !one.change).map((one) => /** @type {Staged} */ (one).state);
  const states = [...(current ? [current.state] : []), ...own];
  states.sort((a, b) => (BigInt(a.version) > BigInt(b.version) ? -1 : 1));
  const [newest] = states;
  const change = pledge?.change ?? null;
  if (change && (!newest || BigInt(change.version) > BigInt(newest.version))) {
    return { highest: change.version, digest: structId("FundingChange", change), farewell: null, change };
  }
  if (!newest) return BLANK;
  const farewell = states.find((state) => state.isFinal) ?? null;
  return { highest: newest.version, digest: structId("ChannelState", newest), farewell, change };
}

/**
 * @param {ChannelState} left
 * @param {ChannelState} right
 */
function samePayout(left, right) {
  const payout = (/** @type {ChannelState} */ s) => [s.balanceA, s.balanceB, s.energyToA, s.energyToB].join();
  return payout(left) === payout(right);
}

/**
 * The change that a value stands on, or null.
 *
 * @param {Memory} memory
 * @param {ChannelState|FundingChange} value
 * @param {number} now
 * @returns {FundingChange|null}
 */
function changeBefore({ change }, value, now) {
  if (!change) return null;
  const after = BigInt(value.base) >= BigInt(change.version);
  if (!after && now > Number(change.validUntil) + LEDGER_LAG_S) return null;
  if (!after) throw new BookError(gettext("You have signed a change of this channel's funding. Nothing else can be signed until the ledger took it, or its time is over."));
  if (BigInt(value.balanceA) + BigInt(value.balanceB) !== BigInt(change.fundingA) + BigInt(change.fundingB)) {
    throw new BookError(gettext("The balances don't add up to the funding that you have signed."));
  }
  return change;
}

/**
 * @param {Memory} memory
 * @param {string} version
 */
function requireUnused(memory, version) {
  if (BigInt(version) <= BigInt(memory.highest)) {
    throw new BookError(fill(gettext("This key has signed version %(highest)s before; version %(version)s can't be signed any more."), { highest: memory.highest, version }));
  }
}

/**
 * The memory to store before `state` is signed. Signing the very same state again is harmless.
 *
 * @param {Memory} memory
 * @param {ChannelState} state
 * @param {number} [now] seconds since the epoch
 * @returns {Memory}
 * @throws {BookError} it must not be signed
 */
export function remember(memory, state, now = Date.now() / 1000) {
  const digest = structId("ChannelState", state);
  if (digest === memory.digest) return memory;
  requireUnused(memory, state.version);
  const change = changeBefore(memory, state, now);
  const farewell = memory.farewell && change && BigInt(change.version) > BigInt(memory.farewell.version) ? null : memory.farewell;
  if (farewell && !(state.isFinal && samePayout(state, farewell))) {
    throw new BookError(gettext("You have signed the closing of this channel; only the same payout may follow."));
  }
  return { highest: state.version, digest, farewell: state.isFinal ? state : farewell, change };
}

/**
 * The memory to store before a change of the funding is signed.
 *
 * @param {Memory} memory
 * @param {FundingChange} wanted
 * @param {number} [now] seconds since the epoch
 * @returns {Memory}
 * @throws {BookError} it must not be signed
 */
export function rememberChange(memory, wanted, now = Date.now() / 1000) {
  const digest = structId("FundingChange", wanted);
  if (digest === memory.digest) return memory;
  requireUnused(memory, wanted.version);
  const change = changeBefore(memory, wanted, now);
  if (memory.farewell && !(change && BigInt(change.version) > BigInt(memory.farewell.version))) {
    throw new BookError(gettext("You have signed the closing of this channel; its funding can't change any more."));
  }
  return { highest: wanted.version, digest, farewell: null, change: wanted };
}

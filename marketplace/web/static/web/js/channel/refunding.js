/**
 * Top-up and withdrawal while a channel stays open: one side asks, the other agrees, the ledger does it.
 */

import { sameHex, ZERO_ADDRESS } from "../protocol/bytes.js";
import { update } from "../wallet/database.js";
import { permitDeposit, topUp } from "../wallet/funds.js";
import { refundingInWords } from "../wallet/words.js";
import { BookError, balanceOf, checkStaged, currentOf, fundingChange, other } from "./book.js";
import { BLANK, rememberChange } from "./keeper.js";
import { gettext } from "../ui/language.js";

/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./book.js").FundingChange} FundingChange */

/** Time for the partner to agree and for the ledger to do it; until then the channel rests. */
const VALID_S = 900;

/**
 * Signs a change once the memory of it is durable: nothing else is signed until the ledger took it, or its time is over.
 *
 * @param {ChannelDesk} desk
 * @param {ChannelView} view
 * @param {FundingChange} change
 * @returns {Promise<string>}
 */
async function signed(desk, view, change) {
  const words = refundingInWords(change, { side: view.side, partner: desk.nameOf(view.peer) });
  const memoryKey = desk.memoryKey(view.channel);
  return desk.signer.signInSession(/** @type {string} */ (view.terms.nonce), desk.domain, "FundingChange", change, words, async () => {
    await update("channels", memoryKey, (held) => ({ key: memoryKey, memory: rememberChange(held?.memory ?? BLANK, change) }));
  });
}

/**
 * A permit for what this side's deposit grows by, the money brought to its session key before.
 *
 * @param {ChannelDesk} desk
 * @param {ChannelView} view
 * @param {FundingChange} change
 * @returns {Promise<{permit?: {deadline: string, signature: string}}>}
 */
async function permitted(desk, view, change) {
  const [before, after, source] = view.side === "a" ? [change.balanceA, change.fundingA, view.opening.sourceA] : [change.balanceB, change.fundingB, view.opening.sourceB];
  const growth = BigInt(after) - BigInt(before);
  if (growth <= 0n || !sameHex(source ?? "", ZERO_ADDRESS)) return {};
  const nonce = /** @type {string} */ (view.terms.nonce);
  await topUp(desk.signer, nonce, growth, desk.nameOf(view.peer));
  const held = await permitDeposit(desk.signer, nonce, growth, Number(change.validUntil));
  return { permit: { deadline: held.permitDeadline, signature: held.permitSignature } };
}

/**
 * Asks for another balance of this side: more is put in, less is paid out to the session key.
 *
 * @param {ChannelDesk} desk
 * @param {string} channel
 * @param {bigint} by micro-units, below zero to take out
 */
export async function askForFunding(desk, channel, by) {
  const view = desk.view(channel);
  const { state } = currentOf(view);
  const { side } = view;
  const mine = balanceOf(state, side) + by;
  if (mine < 0n) throw new BookError(gettext("You can't take out more than you hold in this channel."));
  const theirs = balanceOf(state, other(side));
  const funding = side === "a" ? { a: mine, b: theirs } : { a: theirs, b: mine };
  const change = fundingChange(view, funding, String(Math.floor(Date.now() / 1000) + VALID_S));
  const permit = await permitted(desk, view, change);
  const signature = await signed(desk, view, change);
  await desk.socket.send(channel, "funding.request", { change, signature, ...permit });
}

/**
 * Agrees to what the partner asked for.
 *
 * @param {ChannelDesk} desk
 * @param {string} channel
 */
export async function agreeToFunding(desk, channel) {
  const view = desk.view(channel);
  checkStaged(view);
  const change = view.staged?.change;
  if (!change) throw new BookError(gettext("There is nothing to agree to any more."));
  const permit = await permitted(desk, view, change);
  const signature = await signed(desk, view, change);
  await desk.socket.send(channel, "funding.confirm", { version: change.version, signature, ...permit });
}

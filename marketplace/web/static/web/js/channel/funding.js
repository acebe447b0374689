/**
 * How a person funds the own side of a channel: by a merchant's credit note, or by a deposit.
 */

import * as api from "../api.js";
import { randomId, sameHex, ZERO_ADDRESS, ZERO_HASH } from "../protocol/bytes.js";
import { protocolDomain } from "../protocol/typed_data.js";
import { permitDeposit, topUp } from "../wallet/funds.js";
import { receiptInWords } from "../wallet/words.js";
import { BookError } from "./book.js";
import { gettext } from "../ui/language.js";

/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {{agreement: string, sid: string, msc: string, merchant: string}} Credit */
/** @typedef {{kind: "note"|"deposit", amount: bigint}} Choice */
/** @typedef {{source: string, note: string, amount: string}} Promised a side of `ChannelOpen` */
/** @typedef {{side: Promised, until: number, proof: (openBy: number) => Promise<object>}} Funded */

/**
 * What this side will bring, before anything moves.
 *
 * @param {Choice} choice
 * @param {Credit} credit
 * @returns {Promised}
 */
export function promise({ kind, amount }, credit) {
  const byNote = kind === "note";
  return { source: byNote ? credit.msc : ZERO_ADDRESS, note: byNote ? randomId() : ZERO_HASH, amount: String(amount) };
}

/** @param {Promised} side */
export const isDeposit = (side) => sameHex(side.source, ZERO_ADDRESS);

/**
 * A credit note for the session key of these terms.
 *
 * @param {ChannelDesk} desk
 * @param {Credit} credit
 * @param {string} nonce of the terms
 * @param {Promised} side
 */
async function takeNote(desk, credit, nonce, side) {
  const holder = await desk.signer.sessionAddress(nonce);
  const receipt = { sid: credit.sid, serial: side.note, holder, amount: side.amount };
  const domain = protocolDomain(desk.domain.chainId, credit.msc);
  const receiptSignature = await desk.signer.signAsRoot(domain, "NoteReceipt", receipt, receiptInWords(receipt, credit.merchant));
  const issued = await api.post("notes/", {
    agreement: credit.agreement,
    serial: receipt.serial,
    holder,
    amount: receipt.amount,
    receipt_signature: receiptSignature,
  });
  const note = { serial: issued.serial, holder: issued.holder, amount: String(issued.amount), validUntil: String(issued.valid_until) };
  if (!sameHex(note.serial, receipt.serial) || !sameHex(note.holder, holder) || note.amount !== receipt.amount) {
    throw new BookError(gettext("The merchant issued another note than asked for. Nothing was opened."));
  }
  return { note, merchantSignature: issued.merchant_signature };
}

/**
 * Gets the note, or brings the money to the session key; what goes into the opening message then.
 *
 * @param {ChannelDesk} desk
 * @param {string} nonce of the terms
 * @param {Promised} side
 * @param {Credit} credit
 * @param {string} partner
 * @returns {Promise<Funded>}
 */
export async function fund(desk, nonce, side, credit, partner) {
  if (isDeposit(side)) {
    await topUp(desk.signer, nonce, BigInt(side.amount), partner);
    const proof = (/** @type {number} */ openBy) => permitDeposit(desk.signer, nonce, BigInt(side.amount), openBy);
    return { side, until: Number.MAX_SAFE_INTEGER, proof };
  }
  if (!sameHex(side.source, credit.msc)) throw new BookError(gettext("This side is to be funded by another merchant than yours. Nothing was signed."));
  const held = await takeNote(desk, credit, nonce, side);
  return { side, until: Number(held.note.validUntil), proof: async () => ({ type: "note", ...held }) };
}

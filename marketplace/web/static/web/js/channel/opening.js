/**
 * From two strangers to an open channel: terms, credit note, opening (docs/messages.md).
 */

import * as api from "../api.js";
import { randomId, sameHex, ZERO_ADDRESS, ZERO_HASH } from "../protocol/bytes.js";
import { addressOf, requireSignature } from "../protocol/signing.js";
import { protocolDomain, structId } from "../protocol/typed_data.js";
import { openingInWords, receiptInWords, termsInWords } from "../wallet/words.js";
import { confirmSigning } from "../ui/dialogs.js";
import { BookError } from "./book.js";

/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {{owner: string, name: string, slug: string, isAgent: boolean}} Partner */
/** @typedef {{agreement: string, sid: string, msc: string, merchant: string}} Credit */

const ANSWER_MS = 30_000;
const OPEN_WITHIN_S = 600;
const LIFETIME_S = 30 * 24 * 3600;

/**
 * The first log entry of a conversation or channel that fits.
 *
 * @param {ChannelDesk} desk
 * @param {string} channel
 * @param {string[]} types
 * @returns {Promise<any>}
 */
function entry(desk, channel, types) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(() => reject(new BookError("Your partner doesn’t answer. It may be offline; try again later."))), ANSWER_MS);
    const listener = (/** @type {Event} */ event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      if (detail.channel === channel && types.includes(detail.type) && detail.sender !== "me") done(() => resolve(detail));
    };
    /** @param {() => void} finish */
    function done(finish) {
      clearTimeout(timer);
      desk.removeEventListener("entry", listener);
      finish();
    }
    desk.addEventListener("entry", listener);
  });
}

/**
 * Terms that both signed: an agreed contract with this partner, or a new one.
 *
 * @param {ChannelDesk} desk
 * @param {Partner} partner
 * @param {any[]} contracts of the relay's list
 * @param {(text: string) => void} say
 * @returns {Promise<Record<string, string>>}
 */
export async function agreeTerms(desk, partner, contracts, say) {
  const agreed = contracts.find((c) => c.peer === partner.owner && c.phase === "agreed" && c.side === "a");
  if (agreed) return agreed.terms;
  const ledger = await api.get("ledger/");
  const nonce = randomId();
  const key = await desk.signer.session(nonce);
  const terms = {
    partyA: addressOf(key),
    partyB: ZERO_ADDRESS,
    metering: ledger.metering,
    challengePeriod: String(ledger.challenge_period),
    disputeLimit: String(ledger.dispute_limit),
    stalePenalty: String(ledger.stale_penalty),
    nonce,
  };
  await confirmSigning(termsInWords(terms, partner.name));
  say("Proposing terms");
  const answer = entry(desk, nonce, ["esc.accept", "esc.abort"]);
  await desk.socket.send(nonce, "esc.propose", { to: partner.owner, terms });
  const { type, body } = await answer;
  if (type === "esc.abort") throw new BookError(`${partner.name} declines: ${body.reason}`);
  await desk.confirmTerms(terms, body);
  return body.terms;
}

/**
 * A credit note for the session key of these terms.
 *
 * @param {ChannelDesk} desk
 * @param {Credit} credit
 * @param {Record<string, string>} terms
 * @param {bigint} amount
 */
async function takeNote(desk, credit, terms, amount) {
  const holder = addressOf(await desk.signer.session(/** @type {string} */ (terms.nonce)));
  const receipt = { sid: credit.sid, serial: randomId(), holder, amount: String(amount) };
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
    throw new BookError("The merchant issued another note than asked for. Nothing was opened.");
  }
  return { note, merchantSignature: issued.merchant_signature };
}

/**
 * How the partner's agent funds its side: an opening names both notes, so it must be known before it is signed.
 *
 * @param {Partner} partner
 * @param {string} scid
 * @param {number} index of the channel under these terms
 * @returns {Promise<{source: string, note: string, amount: string}>}
 */
async function partnerFunding(partner, scid, index) {
  if (!partner.isAgent) return { source: ZERO_ADDRESS, note: ZERO_HASH, amount: "0" };
  return api.get(`prosumers/${partner.slug}/funding/?scid=${scid}&index=${index}`);
}

/**
 * Opens a channel whose sides are funded by credit notes.
 *
 * @param {ChannelDesk} desk
 * @param {Partner} partner
 * @param {Credit} credit
 * @param {bigint} amount of the own note
 * @param {any[]} contracts
 * @param {number} index number of earlier channels under the same terms
 * @param {(text: string) => void} say
 * @returns {Promise<string>} the channel's id, both signatures on their way to the ledger
 */
export async function openByNote(desk, partner, credit, amount, contracts, index, say) {
  const terms = await agreeTerms(desk, partner, contracts, say);
  say("Asking your merchant for a note");
  const { note, merchantSignature } = await takeNote(desk, credit, terms, amount);
  const now = Math.floor(Date.now() / 1000);
  const scid = structId("EntityContract", terms);
  const theirs = await partnerFunding(partner, scid, index);
  const open = {
    scid,
    index: String(index),
    fundingA: String(amount),
    fundingB: String(theirs.amount),
    sourceA: credit.msc,
    noteA: note.serial,
    sourceB: theirs.source,
    noteB: theirs.note,
    openBy: String(now + OPEN_WITHIN_S),
    expiry: String(Math.min(now + LIFETIME_S, Number(note.validUntil))),
  };
  const words = openingInWords(open, { side: "a", partner: partner.name, byNote: true });
  const signature = await desk.signer.signInSession(/** @type {string} */ (terms.nonce), desk.domain, "ChannelOpen", open, words);
  const channel = structId("ChannelOpen", open);
  say(`Waiting for ${partner.name}`);
  const answer = entry(desk, channel, ["channel.open_confirm", "channel.open_abort"]);
  await desk.socket.send(channel, "channel.open_request", { open, signature, funding: { type: "note", note, merchantSignature } });
  const { type, body } = await answer;
  if (type === "channel.open_abort") throw new BookError(`${partner.name} declines: ${body.reason}`);
  requireSignature(desk.domain, "ChannelOpen", open, body.signature, /** @type {string} */ (terms.partyB));
  say("The ledger opens the channel");
  return channel;
}

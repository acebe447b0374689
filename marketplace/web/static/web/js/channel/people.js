/**
 * Two people on their way to a channel (docs/api.md, "Between two people"): one proposes the terms, the other accepts
 * and says what it brings, the first signs the opening, the second too.
 */

import * as api from "../api.js";
import { sameHex, ZERO_ADDRESS } from "../protocol/bytes.js";
import { requireSignature } from "../protocol/signing.js";
import { structId } from "../protocol/typed_data.js";
import { confirmSigning } from "../ui/dialogs.js";
import { openingInWords, termsInWords } from "../wallet/words.js";
import { BookError } from "./book.js";
import { fund, isDeposit, promise } from "./funding.js";
import { entry, openingOf, usualTerms } from "./opening.js";
import { gettext } from "../ui/language.js";

/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {import("./funding.js").Choice} Choice */
/** @typedef {import("./funding.js").Credit} Credit */
/** @typedef {import("./funding.js").Promised} Promised */
/** @typedef {import("./opening.js").Partner} Partner */
/** @typedef {Record<string, string> & {nonce: string, partyA: string, partyB: string}} Terms */
/** @typedef {{conversation: string, scid: string|null, side: "a"|"b", peer: string, phase: string, terms: Terms}} Contract */
/** @typedef {"start"|"asked"|"invited"|"sign"|"wait"} Step */

const OPEN_WITHIN_S = 24 * 3600;
const LONGEST_LIFE_S = 32 * 24 * 3600;

/**
 * What is next between this person and a partner with whom there is no channel yet.
 *
 * @param {Contract[]} contracts of the relay's list, newest first
 * @param {string} owner the partner
 * @param {Set<string>} used contracts that have had their channel: each channel between people has terms of its own
 * @returns {{step: Step, contract?: Contract}}
 */
export function nextStep(contracts, owner, used) {
  const open = contracts.filter((c) => c.peer === owner && c.phase !== "aborted" && !(c.scid && used.has(c.scid)));
  const answered = open.find((c) => c.phase !== "proposed");
  if (answered) return { step: answered.side === "a" ? "sign" : "wait", contract: answered };
  const invited = open.find((c) => c.side === "b");
  if (invited) return { step: "invited", contract: invited };
  return open[0] ? { step: "asked", contract: open[0] } : { step: "start" };
}

/**
 * Terms between people are the site's usual ones: nothing that a partner could have made harder.
 *
 * @param {Record<string, string>} terms
 * @param {any} ledger answer of `GET ledger/`
 * @throws {BookError}
 */
export function requireUsual(terms, ledger) {
  const same =
    sameHex(terms.metering ?? "", ledger.metering ?? "") &&
    terms.challengePeriod === String(ledger.challenge_period) &&
    terms.disputeLimit === String(ledger.dispute_limit) &&
    terms.stalePenalty === String(ledger.stale_penalty);
  if (!same) throw new BookError(gettext("These are not the usual terms of this site. Decline them, and propose your own."));
}

/** @param {Record<string, string>} terms */
async function checkUsual(terms) {
  requireUsual(terms, await api.get("ledger/"));
}

/**
 * @param {ChannelDesk} desk
 * @param {Partner} partner
 */
export async function propose(desk, partner) {
  const terms = await usualTerms(desk);
  await confirmSigning(termsInWords(terms, partner.name));
  await desk.socket.send(/** @type {string} */ (terms.nonce), "esc.propose", { to: partner.owner, terms });
}

/**
 * Accepts a partner's terms, and says what this side will bring.
 *
 * @param {ChannelDesk} desk
 * @param {Partner} partner
 * @param {Contract} contract
 * @param {Choice} choice
 * @param {Credit} credit
 */
export async function acceptTerms(desk, partner, { terms: proposed }, choice, credit) {
  await checkUsual(proposed);
  const { nonce } = proposed;
  const terms = { ...proposed, partyB: await desk.signer.sessionAddress(nonce) };
  const signature = await desk.signer.signInSession(nonce, desk.domain, "EntityContract", terms, termsInWords(terms, partner.name));
  await api.post(`contracts/${nonce}/funding/`, promise(choice, credit));
  await desk.socket.send(nonce, "esc.accept", { terms, signature });
}

/**
 * The partner's acceptance, out of the conversation's log.
 *
 * @param {ChannelDesk} desk
 * @param {string} nonce
 * @returns {Promise<{terms: Record<string, string>, signature: string}>}
 */
async function acceptance(desk, nonce) {
  const found = entry(desk, nonce, ["esc.accept"]);
  desk.socket.follow(nonce);
  return (await found).body;
}

/**
 * Funds the own side and signs the opening; the partner's side is what it said that it would bring.
 *
 * @param {ChannelDesk} desk
 * @param {Partner} partner
 * @param {Contract} contract
 * @param {Choice} choice
 * @param {Credit} credit
 * @returns {Promise<string>} the channel's id
 */
export async function requestOpening(desk, partner, { terms, phase }, choice, credit) {
  await checkUsual(terms);
  const { nonce } = terms;
  if (!sameHex(await desk.signer.sessionAddress(nonce), terms.partyA)) throw new BookError(gettext("These terms are not by this wallet’s key."));
  const theirs = await api.get(`contracts/${nonce}/funding/`);
  const funded = await fund(desk, nonce, promise(choice, credit), credit, partner.name);
  const openBy = Math.floor(Date.now() / 1000) + OPEN_WITHIN_S;
  const open = openingOf(structId("EntityContract", terms), 0, funded.side, theirs, { openBy, until: funded.until });
  const words = openingInWords(open, { side: "a", partner: partner.name, byNote: !isDeposit(funded.side) });
  const signature = await desk.signer.signInSession(nonce, desk.domain, "ChannelOpen", open, words);
  if (phase === "accepted") await desk.confirmTerms({ ...terms, partyB: ZERO_ADDRESS }, await acceptance(desk, nonce));
  const channel = structId("ChannelOpen", open);
  await desk.socket.send(channel, "channel.open_request", { open, signature, funding: await funded.proof(openBy) });
  return channel;
}

/**
 * Whether this side's signature under the opening is what is missing.
 *
 * @param {ChannelView} view
 */
export function awaitsMe(view) {
  const mine = view.openingSignatures[view.side === "a" ? 0 : 1];
  return view.phase === "requested" && (!mine || mine === "0x");
}

/**
 * What the partner's opening asks of this side.
 *
 * @param {ChannelView} view this side is b: who proposed the terms signs first
 * @returns {Promised}
 */
export function askedOf({ opening }) {
  return { source: opening.sourceB ?? "", note: opening.noteB ?? "", amount: opening.fundingB ?? "0" };
}

/**
 * Checks the opening that the partner signed, funds the own side as it says, and signs it too.
 *
 * @param {ChannelDesk} desk
 * @param {Partner} partner
 * @param {ChannelView} view
 * @param {Credit} credit
 */
export async function confirmOpening(desk, partner, view, credit) {
  const { opening, terms, channel } = view;
  const nonce = /** @type {string} */ (terms.nonce);
  await checkUsual(terms);
  requireSignature(desk.domain, "ChannelOpen", opening, view.openingSignatures[0], /** @type {string} */ (terms.partyA));
  if (Number(opening.expiry) > Date.now() / 1000 + LONGEST_LIFE_S) throw new BookError(gettext("This channel would bind you for more than a month. Decline it."));
  const side = askedOf(view);
  const funded = await fund(desk, nonce, side, credit, partner.name);
  const words = openingInWords(opening, { side: "b", partner: partner.name, byNote: !isDeposit(side) });
  const signature = await desk.signer.signInSession(nonce, desk.domain, "ChannelOpen", opening, words);
  await desk.socket.send(channel, "channel.open_confirm", { signature, funding: await funded.proof(Number(opening.openBy)) });
}

/**
 * From two strangers to an open channel: terms, funding, opening (docs/messages.md).
 */

import * as api from "../api.js";
import { randomId, ZERO_ADDRESS } from "../protocol/bytes.js";
import { requireSignature } from "../protocol/signing.js";
import { structId } from "../protocol/typed_data.js";
import { openingInWords, termsInWords } from "../wallet/words.js";
import { confirmSigning } from "../ui/dialogs.js";
import { BookError } from "./book.js";
import { fund, isDeposit, promise } from "./funding.js";
import { reasonInWords } from "./refusals.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {import("./funding.js").Choice} Choice */
/** @typedef {import("./funding.js").Credit} Credit */
/** @typedef {import("./funding.js").Promised} Promised */
/** @typedef {{owner: string, name: string, slug: string, isAgent: boolean}} Partner */

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
export function entry(desk, channel, types) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(() => reject(new BookError(gettext("Your partner doesn’t answer. It may be offline; try again later.")))), ANSWER_MS);
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
 * The terms that this site proposes to everybody, with a fresh key of this wallet.
 *
 * @param {ChannelDesk} desk
 * @returns {Promise<Record<string, string>>}
 */
export async function usualTerms(desk) {
  const ledger = await api.get("ledger/");
  const nonce = randomId();
  return {
    partyA: await desk.signer.sessionAddress(nonce),
    partyB: ZERO_ADDRESS,
    metering: ledger.metering,
    challengePeriod: String(ledger.challenge_period),
    disputeLimit: String(ledger.dispute_limit),
    stalePenalty: String(ledger.stale_penalty),
    nonce,
  };
}

/**
 * Terms that both signed: an agreed contract with this agent, or a new one.
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
  const terms = await usualTerms(desk);
  const nonce = /** @type {string} */ (terms.nonce);
  await confirmSigning(termsInWords(terms, partner.name));
  say(gettext("Proposing terms"));
  const answer = entry(desk, nonce, ["esc.accept", "esc.abort"]);
  await desk.socket.send(nonce, "esc.propose", { to: partner.owner, terms });
  const { type, body } = await answer;
  if (type === "esc.abort") throw new BookError(fill(gettext("%(name)s declines: %(reason)s"), { name: partner.name, reason: reasonInWords(body.reason) }));
  await desk.confirmTerms(terms, body);
  return body.terms;
}

/**
 * The opening as side a signs it.
 *
 * @param {string} scid
 * @param {number} index
 * @param {Promised} mine
 * @param {Promised} theirs
 * @param {{openBy: number, until: number}} times
 * @returns {Record<string, string>}
 */
export function openingOf(scid, index, mine, theirs, { openBy, until }) {
  return {
    scid,
    index: String(index),
    fundingA: String(mine.amount),
    fundingB: String(theirs.amount),
    sourceA: mine.source,
    noteA: mine.note,
    sourceB: theirs.source,
    noteB: theirs.note,
    openBy: String(openBy),
    expiry: String(Math.min(openBy + LIFETIME_S, until)),
  };
}

/**
 * Opens a channel with an agent, funded by a credit note or a deposit.
 *
 * @param {ChannelDesk} desk
 * @param {Partner} partner
 * @param {Choice} choice
 * @param {Credit} credit
 * @param {any[]} contracts
 * @param {(text: string) => void} say
 * @returns {Promise<string>} the channel's id, both signatures on their way to the ledger
 */
export async function openWithAgent(desk, partner, choice, credit, contracts, say) {
  const terms = await agreeTerms(desk, partner, contracts, say);
  const nonce = /** @type {string} */ (terms.nonce);
  const scid = structId("EntityContract", terms);
  say(choice.kind === "note" ? gettext("Asking your merchant for a note") : gettext("Bringing your deposit to the channel’s key"));
  const funded = await fund(desk, nonce, promise(choice, credit), credit, partner.name);
  const index = (await api.list("channels/")).filter((c) => c.scid === scid).length;
  const theirs = await api.get(`prosumers/${partner.slug}/funding/?scid=${scid}&index=${index}`);
  const openBy = Math.floor(Date.now() / 1000) + OPEN_WITHIN_S;
  const open = openingOf(scid, index, funded.side, theirs, { openBy, until: funded.until });
  const words = openingInWords(open, { side: "a", partner: partner.name, byNote: !isDeposit(funded.side) });
  const signature = await desk.signer.signInSession(nonce, desk.domain, "ChannelOpen", open, words);
  const channel = structId("ChannelOpen", open);
  say(fill(gettext("Waiting for %(name)s"), { name: partner.name }));
  const funding = await funded.proof(openBy);
  const answer = entry(desk, channel, ["channel.open_confirm", "channel.open_abort"]);
  await desk.socket.send(channel, "channel.open_request", { open, signature, funding });
  const { type, body } = await answer;
  if (type === "channel.open_abort") throw new BookError(fill(gettext("%(name)s declines: %(reason)s"), { name: partner.name, reason: reasonInWords(body.reason) }));
  requireSignature(desk.domain, "ChannelOpen", open, body.signature, /** @type {string} */ (terms.partyB));
  say(gettext("The ledger opens the channel"));
  return channel;
}

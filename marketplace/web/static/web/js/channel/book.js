/**
 * What follows from a channel's signed states: checked and computed here, never taken from the relay's word.
 */

import { refundAmount, tradeAmount } from "../protocol/amounts.js";
import { sameHex } from "../protocol/bytes.js";
import { append, leafOf, tradesRoot } from "../protocol/merkle.js";
import { requireSignature } from "../protocol/signing.js";
import { structId } from "../protocol/typed_data.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {import("../protocol/typed_data.js").Domain} Domain */
/** @typedef {import("../protocol/merkle.js").TradesTree} TradesTree */
/** @typedef {"a"|"b"} Side */
/** @typedef {Record<string, string>} Terms */
/** @typedef {Record<string, string>} Opening */
/** @typedef {Record<string, any> & {channel: string, version: string, base: string, balanceA: string, balanceB: string,
 *   energyToA: string, energyToB: string, tradesRoot: string, isFinal: boolean}} ChannelState */
/** @typedef {Record<string, any> & {channel: string, id: string, baseVersion: string, offerorSells: boolean,
 *   quantityWh: string, pricePerKwh: string, imbalancePerKwh: string, slotStart: string, slotEnd: string,
 *   validUntil: string}} Offer */
/** @typedef {{state: ChannelState, signatureA: string, signatureB: string}} CoSigned */
/** @typedef {{offer: Offer, signature: string, offeror: Side}} LiveOffer */
/** @typedef {{id: string, seller: Side, quantityWh: string, pricePerKwh: string, imbalancePerKwh: string,
 *   slotStart: string, slotEnd: string, amount: string}} Trade */
/** @typedef {Record<string, string> & {channel: string, version: string, base: string, balanceA: string, balanceB: string,
 *   fundingA: string, fundingB: string, energyToA: string, energyToB: string, tradesRoot: string,
 *   validUntil: string}} FundingChange */
/** @typedef {{purpose: "trade"|"settle"|"close"|"funding", state: ChannelState, proposer: Side, signature: string,
 *   expiresAt: string, trade: Trade|null, settles: string[], offer: LiveOffer|null, change: FundingChange|null}} Staged */
/**
 * @typedef {object} ChannelView one side's view, as the relay's `state` frame gives it
 * @property {string} channel
 * @property {Side} side
 * @property {string} peer
 * @property {number} seq
 * @property {number} revision
 * @property {string} phase
 * @property {Terms} terms
 * @property {Opening} opening
 * @property {[string, string]} openingSignatures
 * @property {CoSigned|null} current
 * @property {string} highestVersion
 * @property {string} [above] highest version that this browser's key ever signed
 * @property {LiveOffer[]} offers
 * @property {Staged|null} staged
 * @property {Staged|null} dropped own proposal that the partner has not answered in time
 * @property {Staged[]} refused own proposals that the partner says it refused, the newest last
 * @property {Trade[]} openTrades
 * @property {TradesTree} tree
 * @property {FundingChange|null} funded the last change of the funding that the ledger took
 * @property {{change: FundingChange}|null} pledge a change that this side signed and that the ledger may still take
 * @property {boolean} historyLost the newest state was learned without its trades
 * @property {{version: string, deadline: string, answered: boolean}|null} dispute
 */

/** What the relay or the peer shows does not follow from what was signed. */
export class BookError extends Error {}

/** @param {Side} side */
export const other = (side) => (side === "a" ? "b" : "a");

/**
 * @param {Terms} terms
 * @param {Side} side
 * @returns {string} session address
 */
export function party(terms, side) {
  return /** @type {string} */ (side === "a" ? terms.partyA : terms.partyB);
}

/**
 * @param {ChannelState|Opening} state
 * @param {Side} side
 * @returns {bigint}
 */
export function balanceOf(state, side) {
  return BigInt(/** @type {string} */ (side === "a" ? state.balanceA : state.balanceB));
}

/**
 * Leaf id of a trade in the tree.
 *
 * @param {Offer} offer
 * @returns {string}
 */
export function tradeIdOf(offer) {
  return structId("Offer", offer);
}

/**
 * @param {Offer} offer
 * @param {Side} offeror
 * @returns {Side}
 */
export function sellerOf(offer, offeror) {
  return offer.offerorSells ? offeror : other(offeror);
}

/**
 * @param {boolean} condition
 * @param {string} message
 */
function requireThat(condition, message) {
  if (!condition) throw new BookError(message);
}

/**
 * Version of this side's next proposal: above all known ones, odd for side a, even for side b, so that proposals that
 * cross never share a version.
 *
 * @param {ChannelView} view
 * @returns {string}
 */
export function ownVersion(view) {
  const known = BigInt(currentOf(view).state.version);
  const used = [known, BigInt(view.highestVersion), BigInt(view.above ?? 0)];
  const next = used.reduce((a, b) => (a > b ? a : b)) + 1n;
  const odd = (next & 1n) === 1n;
  return String(odd === (view.side === "a") ? next : next + 1n);
}

/**
 * A state with money moved between the sides.
 *
 * @param {ChannelView} view
 * @param {{from: Side, amount: bigint}} payment
 * @param {{[field in keyof ChannelState]?: any}} [changes]
 * @returns {ChannelState}
 */
function nextState(view, { from, amount }, { version, ...changes } = {}) {
  const { state } = currentOf(view);
  const shift = from === "a" ? -amount : amount;
  const balanceA = BigInt(state.balanceA) + shift;
  const balanceB = BigInt(state.balanceB) - shift;
  requireThat(balanceA >= 0n && balanceB >= 0n, gettext("The channel doesn't hold enough money on the paying side. Offer less, or open another channel."));
  return {
    ...state,
    version: version ?? ownVersion(view),
    base: state.version,
    balanceA: String(balanceA),
    balanceB: String(balanceB),
    ...changes,
  };
}

/**
 * @param {ChannelView} view
 * @returns {CoSigned}
 */
export function currentOf(view) {
  if (!view.current) throw new BookError(gettext("The channel is not open yet."));
  return view.current;
}

/**
 * The state that follows when an offer is accepted.
 *
 * @param {ChannelView} view
 * @param {Offer} offer
 * @param {Side} offeror
 * @param {string} [version] the peer's, when its proposal is checked
 * @returns {ChannelState}
 */
export function stateAfterTrade(view, offer, offeror, version) {
  const { state } = currentOf(view);
  requireThat(offer.baseVersion === state.version, gettext("The offer is built on an older state; ask for a new one."));
  requireHistory(view);
  const seller = sellerOf(offer, offeror);
  const amount = tradeAmount(BigInt(offer.quantityWh), BigInt(offer.pricePerKwh));
  const id = tradeIdOf(offer);
  const tree = append(view.tree, leafOf(id, seller));
  const root = tradesRoot(tree, [...view.openTrades, { id, seller }]);
  const key = seller === "a" ? "energyToB" : "energyToA";
  const energy = String(BigInt(state[key]) + BigInt(offer.quantityWh));
  return nextState(view, { from: other(seller), amount }, { [key]: energy, tradesRoot: root, version });
}

/**
 * The state that follows from metered deliveries: of each shortfall the money goes back, and the energy with it.
 *
 * @param {ChannelView} view
 * @param {{trade: string, deliveredWh: string}[]} deliveries each trade once
 * @param {string} [version]
 * @returns {ChannelState}
 */
export function stateAfterSettlement(view, deliveries, version) {
  const { state: before } = currentOf(view);
  requireHistory(view);
  const state = { ...before };
  for (const { trade: id, deliveredWh } of deliveries) {
    const trade = view.openTrades.find((t) => sameHex(t.id, id));
    if (!trade) throw new BookError(gettext("The settlement names a trade that isn't open in this channel."));
    refund(state, trade, BigInt(trade.quantityWh) - BigInt(deliveredWh));
  }
  const left = view.openTrades.filter((t) => !deliveries.some(({ trade }) => sameHex(t.id, trade)));
  requireThat(left.length + deliveries.length === view.openTrades.length, gettext("The settlement names a trade twice."));
  const { energyToA, energyToB } = state;
  const given = BigInt(before.balanceA) - BigInt(state.balanceA);
  return nextState(view, { from: "a", amount: given }, { energyToA, energyToB, tradesRoot: tradesRoot(view.tree, left), version });
}

/**
 * The state that a change of the funding makes: nobody signs it as a state.
 *
 * @param {FundingChange} change
 * @returns {ChannelState}
 */
export function changedState({ channel, version, base, fundingA, fundingB, energyToA, energyToB, tradesRoot }) {
  return { channel, version, base, balanceA: fundingA, balanceB: fundingB, energyToA, energyToB, tradesRoot, isFinal: false };
}

/**
 * Micro-units that the ledger holds for the channel.
 *
 * @param {ChannelView} view
 * @returns {bigint}
 */
export function fundedTotal({ funded, opening }) {
  const { fundingA, fundingB } = funded ?? opening;
  return BigInt(fundingA ?? 0) + BigInt(fundingB ?? 0);
}

/**
 * A top-up or a withdrawal: the channel is settled at its balances, and these are the new ones.
 *
 * @param {ChannelView} view
 * @param {{a: bigint, b: bigint}} funding
 * @param {string} validUntil
 * @param {string} [version] the peer's, when its wish is checked
 * @returns {FundingChange}
 */
export function fundingChange(view, funding, validUntil, version) {
  const { state } = currentOf(view);
  requireHistory(view);
  for (const side of /** @type {Side[]} */ (["a", "b"])) {
    const left = leastFunding(view, side);
    requireThat(funding[side] >= left, fill(gettext("At least %(left)s micro-units must stay for what open trades may have to refund."), { left: String(left) }));
  }
  requireThat(funding.a + funding.b > 0n, gettext("Something must stay in the channel. Close it to take out everything."));
  const { channel, balanceA, balanceB, energyToA, energyToB, tradesRoot } = state;
  const fundings = { fundingA: String(funding.a), fundingB: String(funding.b) };
  return { channel, version: version ?? ownVersion(view), base: state.version, balanceA, balanceB, ...fundings, energyToA, energyToB, tradesRoot, validUntil };
}

/**
 * What a side can't take out: refunds of its open trades, as far as its balance would pay them.
 *
 * @param {ChannelView} view
 * @param {Side} side
 * @returns {bigint}
 */
export function leastFunding(view, side) {
  const sold = view.openTrades.filter(({ seller }) => seller === side);
  const price = (/** @type {Trade} */ t) => (BigInt(t.pricePerKwh) > BigInt(t.imbalancePerKwh) ? BigInt(t.pricePerKwh) : BigInt(t.imbalancePerKwh));
  const due = sold.reduce((sum, t) => sum + tradeAmount(BigInt(t.quantityWh), price(t)), 0n);
  const balance = balanceOf(currentOf(view).state, side);
  return due < balance ? due : balance;
}

/** @param {ChannelView} view */
function requireHistory(view) {
  requireThat(!view.historyLost, gettext("This side lost the channel's trades. Close the channel; it can't be traded on."));
}

/**
 * @param {ChannelState} state changed in place
 * @param {Trade} trade
 * @param {bigint} shortfallWh
 */
function refund(state, trade, shortfallWh) {
  if (shortfallWh < 0n) throw new BookError(gettext("A meter reading exceeds what was traded."));
  const due = refundAmount(shortfallWh, BigInt(trade.pricePerKwh), BigInt(trade.imbalancePerKwh), balanceOf(state, trade.seller));
  const toA = trade.seller === "b" ? due : -due;
  state.balanceA = String(BigInt(state.balanceA) + toA);
  state.balanceB = String(BigInt(state.balanceB) - toA);
  const key = trade.seller === "b" ? "energyToA" : "energyToB";
  state[key] = String(BigInt(state[key]) - shortfallWh);
}

/**
 * @param {ChannelView} view
 * @param {string} [version]
 * @returns {ChannelState} the final state with the current balances
 */
export function closingState(view, version) {
  if (view.openTrades.length) {
    throw new BookError(gettext("Not every trade has its meter reading yet. Close the channel once all are settled."));
  }
  return nextState(view, { from: "a", amount: 0n }, { isFinal: true, version });
}

/**
 * @param {ChannelState} left
 * @param {ChannelState} right
 */
export function sameState(left, right) {
  return structId("ChannelState", left) === structId("ChannelState", right);
}

/**
 * Checks every signature and every sum of a view before anything on it is shown or answered.
 *
 * @param {ChannelView} view
 * @param {Domain} domain
 * @param {string} mySession address of this side's session key
 * @throws {BookError|import("../protocol/signing.js").SignatureError}
 */
export function checkView(view, domain, mySession) {
  const { terms, opening, side, current } = view;
  requireThat(sameHex(structId("EntityContract", terms), opening.scid ?? ""), gettext("The channel belongs to other terms."));
  requireThat(sameHex(structId("ChannelOpen", opening), view.channel), gettext("The channel's id is not that of its opening."));
  requireThat(sameHex(party(terms, side), mySession), gettext("The channel is not by this wallet's key."));
  if (current) checkCoSigned(view, current, domain);
  for (const { offer, signature, offeror } of [...view.offers, ...(view.staged?.offer ? [view.staged.offer] : [])]) {
    requireThat(sameHex(offer.channel, view.channel), gettext("An offer belongs to another channel."));
    requireSignature(domain, "Offer", offer, signature, party(terms, offeror));
  }
  if (view.staged) {
    const { change, state, signature, proposer } = view.staged;
    if (change) requireSignature(domain, "FundingChange", change, signature, party(terms, proposer));
    else requireSignature(domain, "ChannelState", state, signature, party(terms, proposer));
  }
}

/**
 * @param {ChannelView} view
 * @param {CoSigned} current
 * @param {Domain} domain
 */
function checkCoSigned(view, { state, signatureA, signatureB }, domain) {
  const { terms, opening, funded } = view;
  const changed = funded !== null && state.version === funded.version;
  if (changed) requireThat(sameState(changedState(funded), state), gettext("The state is not what the change of the funding makes."));
  const [name, signed] = changed ? ["FundingChange", funded] : state.version === "0" ? ["ChannelOpen", opening] : ["ChannelState", state];
  for (const [side, signature] of /** @type {[Side, string][]} */ ([["a", signatureA], ["b", signatureB]])) {
    // Of a change that this side lost the ledger told the sums, and nobody yet the signatures.
    if (changed && view.historyLost && signature === "0x") continue;
    requireSignature(domain, /** @type {import("../protocol/typed_data.js").TypeName} */ (name), signed, signature, party(terms, side));
  }
  requireThat(sameHex(state.channel, view.channel), gettext("The state belongs to another channel."));
  requireThat(BigInt(state.balanceA) + BigInt(state.balanceB) === fundedTotal(view), gettext("The balances don't add up to the funding."));
  const root = view.historyLost ? state.tradesRoot : tradesRoot(view.tree, view.openTrades);
  requireThat(root === state.tradesRoot, gettext("The list of trades is not the one that was signed."));
}

/**
 * Whether a state proposed by the peer is exactly what follows from what this side signed or asked for.
 *
 * @param {ChannelView} view
 * @returns {{expected: ChannelState, offer: LiveOffer|null}} for a trade or a closing
 * @throws {BookError} it is something else: refuse it
 */
export function checkStaged(view) {
  const { staged, side } = view;
  if (!staged || staged.proposer === side) throw new BookError(gettext("There is nothing to countersign."));
  const { version } = staged.state;
  const known = BigInt(currentOf(view).state.version);
  const odd = (BigInt(version) & 1n) === 1n;
  requireThat(BigInt(version) > known && odd === (side === "b"), gettext("The version was used before, or is not the partner's to use."));
  if (staged.purpose === "trade") {
    const live = staged.offer;
    if (live?.offeror !== side) throw new BookError(gettext("The partner accepted an offer that is not yours."));
    const expected = stateAfterTrade(view, live.offer, side, version);
    requireThat(sameState(expected, staged.state), gettext("The accepted state differs from your offer."));
    return { expected, offer: live };
  }
  if (staged.purpose === "close") {
    const expected = closingState(view, version);
    requireThat(sameState(expected, staged.state), gettext("The final state differs from the current balances."));
    return { expected, offer: null };
  }
  if (staged.purpose === "funding" && staged.change) {
    const { fundingA, fundingB, validUntil } = staged.change;
    const expected = fundingChange(view, { a: BigInt(fundingA), b: BigInt(fundingB) }, validUntil, version);
    const same = structId("FundingChange", expected) === structId("FundingChange", staged.change);
    requireThat(same, gettext("The change of the funding does not follow from the current balances."));
    return { expected: changedState(expected), offer: null };
  }
  throw new BookError(gettext("A settlement is checked with its meter readings."));
}

/**
 * A desk that signs without asking, and only what the runner has checked against the mandate a moment before, what
 * follows from the person's own signed offers, and what the meter settles.
 */

import { sameState, stateAfterTrade } from "../channel/book.js";
import { ChannelDesk } from "../channel/desk.js";
import { read, update } from "../wallet/database.js";
import { deed } from "../wallet/deeds.js";
import { BoundsError, bound, promised, promisedIn } from "./bounds.js";

/** @typedef {import("../channel/book.js").ChannelView} ChannelView */
/** @typedef {import("../channel/book.js").LiveOffer} LiveOffer */
/** @typedef {import("../channel/book.js").Offer} Offer */
/** @typedef {import("./bounds.js").Action} Action */
/** @typedef {import("./bounds.js").Promised} Promised */
/** @typedef {{key: string, newest: number, signed: (Omit<Promised, "amount"> & {amount: string})[]}} Memory */

const VALID_S = 120;
const SLOT_S = 900;
const KEPT = 400;

/** The person said yes to all that the mandate allows; this is what the wallet's journal says of it. */
const byMandate = () => ({ agreed: deed("by_mandate") });

/** What the agent of one wallet signs. */
export class AgentDesk extends ChannelDesk {
  /** @param {import("../wallet/signer.js").WalletSigner} signer */
  constructor(signer) {
    super(signer);
    /** @type {Action|null} the step that was checked, and is being taken */
    this.allowed = null;
    /** @type {Memory} */
    this.memory = { key: `${signer.address}/agent`, newest: 0, signed: [] };
  }

  /** What this browser's agent has signed before. */
  async remember() {
    this.memory = (await read("channels", this.memory.key)) ?? this.memory;
  }

  /** @param {number} version of the rules by which it works */
  async workBy(version) {
    if (version <= this.memory.newest) return;
    await this.keep((held) => ({ ...held, newest: version }));
  }

  /** @param {(held: Memory) => Memory} change */
  async keep(change) {
    this.memory = await update("channels", this.memory.key, (held) => change(/** @type {Memory|undefined} */ (held) ?? this.memory));
  }

  /** @returns {Map<string, Promised>} */
  bound() {
    const signed = this.memory.signed.map((p) => ({ ...p, amount: BigInt(p.amount) }));
    return bound(this.views.values(), signed, Date.now() / 1000);
  }

  /**
   * Keeps a promise before it is signed, so that a crash can't make it forgotten.
   *
   * @param {Promised} one
   */
  async note(one) {
    await this.keep((held) => ({ ...held, signed: [...held.signed.filter(({ id }) => id !== one.id), { ...one, amount: String(one.amount) }].slice(-KEPT) }));
  }

  /**
   * @override
   * @param {ChannelView} view
   */
  async keepNewest(view) {
    await super.keepNewest(view);
    const traded = new Set(promisedIn(view).filter((p) => p.traded).map(({ id }) => id));
    if (!this.memory.signed.some((p) => traded.has(p.id) && !p.traded)) return;
    await this.keep((held) => ({ ...held, signed: held.signed.map((p) => (traded.has(p.id) ? { ...p, traded: true } : p)) }));
  }

  /**
   * @override
   * @param {ChannelView} view
   * @param {import("../protocol/typed_data.js").TypeName} name
   * @param {any} struct
   * @returns {Promise<string>}
   */
  async signed(view, name, struct) {
    const wanted = this.allowed;
    if (name !== "Offer" || !wanted || wanted.kind === "accept" || wanted.channel !== view.channel || !isOfferOf(struct, wanted)) {
      throw new BoundsError("nothing_else");
    }
    await this.note(promised(struct, view.side, view.side));
    return this.signer.signInSession(/** @type {string} */ (view.terms.nonce), this.domain, name, struct, byMandate());
  }

  /**
   * @override
   * @param {ChannelView} view
   * @param {import("../channel/book.js").ChannelState} state
   * @param {import("../wallet/signer.js").Consent} consent what follows from an own offer or the meter says so itself
   * @returns {Promise<string>}
   */
  async signState(view, state, consent) {
    const follows = isCountersigned(view, state);
    if (!follows) {
      const wanted = this.allowed;
      const live = wanted && offerFor(view, wanted);
      if (!live || !sameState(stateAfterTrade(view, live.offer, live.offeror), state)) {
        throw new BoundsError("nothing_else");
      }
      await this.note({ ...promised(live.offer, live.offeror, view.side) });
    }
    return super.signState(view, state, follows ? consent : byMandate());
  }

  /**
   * Takes a step that was checked.
   *
   * @param {Action} action
   * @returns {Promise<Offer>} what was offered or accepted
   */
  async take(action) {
    const view = this.view(action.channel);
    this.allowed = action;
    try {
      if (action.kind !== "accept") return await this.offer(action.channel, wishOf(action), action.kind === "counter" ? action.offer : undefined);
      const live = offerFor(view, action);
      if (!live) throw new BoundsError("offer_gone");
      await this.accept(action.channel, live);
      return live.offer;
    } finally {
      this.allowed = null;
    }
  }
}

/** @param {Action} action */
function wishOf(action) {
  return {
    sells: action.sells,
    quantityWh: BigInt(action.quantity_wh),
    pricePerKwh: BigInt(action.price_per_kwh),
    imbalancePerKwh: BigInt(action.imbalance_per_kwh),
    slotStart: action.slot_start,
    slotEnd: action.slot_start + SLOT_S,
    validUntil: Math.floor(Date.now() / 1000) + VALID_S,
  };
}

/**
 * @param {Offer} offer
 * @param {Action} action
 */
function isSame(offer, action) {
  return (
    offer.quantityWh === String(action.quantity_wh) &&
    offer.pricePerKwh === action.price_per_kwh &&
    offer.slotStart === String(action.slot_start) &&
    offer.slotEnd === String(action.slot_start + SLOT_S)
  );
}

/**
 * @param {Offer} offer
 * @param {Action} action
 */
function isOfferOf(offer, action) {
  return isSame(offer, action) && offer.offerorSells === action.sells && offer.imbalancePerKwh === action.imbalance_per_kwh;
}

/**
 * The partner's live offer that an action accepts.
 *
 * @param {ChannelView} view
 * @param {Action} action
 * @returns {LiveOffer|undefined}
 */
function offerFor(view, action) {
  if (action.kind !== "accept" || action.channel !== view.channel) return undefined;
  return view.offers.find(({ offer, offeror }) => offer.id === action.offer && offeror !== view.side && offer.offerorSells !== action.sells && isSame(offer, action));
}

/**
 * Whether the partner proposed this very state: the desk has checked before that it follows from an own offer or from the meter.
 *
 * @param {ChannelView} view
 * @param {import("../channel/book.js").ChannelState} state
 */
function isCountersigned({ staged, side }, state) {
  return !!staged && staged.proposer !== side && ["trade", "settle"].includes(staged.purpose) && sameState(staged.state, state);
}

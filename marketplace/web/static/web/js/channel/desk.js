/**
 * A person's channels: what the relay shows is checked, the newest co-signed state is kept in this browser, and what
 * the person decides is signed and sent.
 */

import { randomId, sameHex, ZERO_ADDRESS } from "../protocol/bytes.js";
import { requireSignature } from "../protocol/signing.js";
import { structId } from "../protocol/typed_data.js";
import { fill, gettext } from "../ui/language.js";
import { read, update, write } from "../wallet/database.js";
import { deed } from "../wallet/deeds.js";
import { acceptanceInWords, closingInWords, disputeInWords, offerInWords } from "../wallet/words.js";
import { BookError, balanceOf, checkStaged, checkView, closingState, currentOf, sameState, stateAfterSettlement, stateAfterTrade } from "./book.js";
import { keepAcceptance } from "./enforcing.js";
import { BLANK, relearn, remember } from "./keeper.js";
import { withGateWords } from "./room.js";
import { RelaySocket } from "./socket.js";

/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./book.js").LiveOffer} LiveOffer */
/** @typedef {import("./book.js").Offer} Offer */
/** @typedef {import("../protocol/typed_data.js").Domain} Domain */

/**
 * @fires ChannelDesk#view ChannelDesk#entry ChannelDesk#link ChannelDesk#problem ChannelDesk#list
 * @fires ChannelDesk#locked a countersignature waits until the wallet is unlocked
 */
export class ChannelDesk extends EventTarget {
  /**
   * @param {import("../wallet/signer.js").WalletSigner} signer
   * @param {RelaySocket} [socket]
   */
  constructor(signer, socket = new RelaySocket()) {
    super();
    this.signer = signer;
    this.socket = socket;
    /** @type {Map<string, ChannelView>} */
    this.views = new Map();
    /** @type {Map<string, string>} */
    this.names = new Map();
    /** @type {Set<string>} */
    this.answering = new Set();
    /** @type {Map<string, {delivery: Record<string, string>, signature: string}[]>} */
    this.readings = new Map();
    /** @type {Domain|null} */
    this.known = null;
    socket.addEventListener("hello", (e) => this.greet(/** @type {CustomEvent} */ (e).detail));
    socket.addEventListener("state", (e) => void this.takeView(/** @type {CustomEvent} */ (e).detail));
    socket.addEventListener("message", (e) => this.takeEntry(/** @type {CustomEvent} */ (e).detail));
    addEventListener("wattnote:lock", () => this.answerAll());
    for (const name of ["link", "channels"]) socket.addEventListener(name, (e) => this.tell(name, /** @type {CustomEvent} */ (e).detail));
  }

  start() {
    addEventListener("online", () => this.socket.wake());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.socket.wake();
    });
    this.socket.connect();
  }

  /**
   * @param {string} name
   * @param {any} detail
   */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** @param {any} hello */
  greet(hello) {
    this.known = { name: "Wattnote", version: "1", ...hello.domain };
    this.socket.list();
  }

  /** @returns {Domain} */
  get domain() {
    if (!this.known) throw new BookError(gettext("Not connected yet; wait a moment and try again."));
    return this.known;
  }

  /** @param {string} owner */
  nameOf(owner) {
    return this.names.get(owner) ?? owner;
  }

  /** @param {string} channel */
  view(channel) {
    const view = this.views.get(channel);
    if (!view) throw new BookError(gettext("This channel is still loading."));
    return view;
  }

  /** @param {any} frame */
  takeEntry(frame) {
    if (frame.type === "settle.request") this.readings.set(`${frame.channel}/${frame.body.state.version}`, frame.body.deliveries);
    this.tell("entry", frame);
    const view = this.views.get(frame.channel);
    if (view && frame.type === "settle.request") void this.answer(view).catch((error) => this.tell("problem", { channel: frame.channel, error }));
  }

  /** @param {ChannelView} view */
  async takeView(view) {
    try {
      const shown = this.views.get(view.channel);
      if (shown && shown.revision > view.revision) return;
      checkView(view, this.domain, (await this.kept(view)).session);
      await this.keepNewest(view);
      const key = this.memoryKey(view.channel);
      const { memory } = (await read("channels", key)) ?? (await update("channels", key, (held) => held ?? { key, memory: relearn(view) }));
      this.views.set(view.channel, { ...view, above: memory.highest });
      this.tell("view", view);
      await this.answer(view);
    } catch (error) {
      this.tell("problem", { channel: view.channel, error });
    }
  }

  /**
   * What this browser holds of a channel. The session address stands there too, so that a locked wallet can be shown.
   *
   * @param {ChannelView} view
   * @returns {Promise<{key: string, session: string, current: import("./book.js").CoSigned|null}>}
   */
  async kept(view) {
    const key = `${this.signer.address}/${view.channel}`;
    const found = await read("channels", key);
    if (found) return found;
    const session = await this.signer.sessionAddress(/** @type {string} */ (view.terms.nonce));
    return { key, session, current: null };
  }

  /** @param {string} channel */
  memoryKey(channel) {
    return `${this.signer.address}/${channel}/signed`;
  }

  /**
   * Keeps the newest co-signed state before it is shown. A relay that shows less than this browser holds is caught.
   *
   * @param {ChannelView} view
   */
  async keepNewest(view) {
    const kept = await this.kept(view);
    if (kept.current && (!view.current || BigInt(view.current.state.version) < BigInt(kept.current.state.version))) {
      throw new BookError(
        fill(gettext("The site shows state %(shown)s, but this browser keeps state %(kept)s, signed by both. Show it on the channel’s page if this stays."), {
          shown: view.current?.state.version ?? "–",
          kept: kept.current.state.version,
        }),
      );
    }
    const { current, terms, opening, tree } = view;
    await write("channels", { ...kept, current, terms, opening, tree, at: Date.now() });
  }

  /**
   * Countersigns at once what this side already agreed to by its own signed offer; asks for everything else.
   *
   * @param {ChannelView} view
   */
  async answer(view) {
    const { staged, side } = view;
    if (!staged || staged.proposer === side) return;
    const task = `${view.channel}/${staged.state.version}`;
    if (this.answering.has(task)) return;
    if (!(await this.signer.isOpen())) return this.tell("locked", view);
    this.answering.add(task);
    try {
      if (staged.purpose === "settle") return await this.answerSettlement(view, task);
      checkStaged(view);
      if (staged.purpose === "trade") await this.countersign(view, "update.confirm", { agreed: deed("own_offer", { partner: this.nameOf(view.peer) }) });
      else this.tell(staged.purpose === "funding" ? "funding" : "closing", view);
    } catch (error) {
      this.answering.delete(task);
      if (error instanceof BookError) await this.refuse(view, "wrong_state");
      throw error;
    }
  }

  /** After the wallet was unlocked: what waited for it. */
  answerAll() {
    for (const view of this.views.values()) {
      void this.answer(view).catch((error) => this.tell("problem", { channel: view.channel, error }));
    }
  }

  /**
   * @param {ChannelView} view
   * @param {string} task
   */
  async answerSettlement(view, task) {
    const deliveries = this.readings.get(task);
    if (deliveries) await this.confirmSettlement(view, deliveries);
    else this.answering.delete(task);
  }

  /**
   * @param {ChannelView} view
   * @param {"update.confirm"|"close.confirm"|"settle.confirm"} type
   * @param {import("../wallet/signer.js").Consent} consent
   */
  async countersign(view, type, consent) {
    const { staged } = view;
    if (!staged || staged.change) throw new BookError(gettext("There is nothing to countersign any more."));
    const signature = await this.signState(view, staged.state, consent);
    await this.socket.send(view.channel, type, { version: staged.state.version, signature });
  }

  /**
   * @param {ChannelView} view
   * @param {string} reason a code: both sides read it, each in its language
   */
  async refuse(view, reason) {
    const version = view.staged?.state.version;
    if (version) await this.socket.send(view.channel, "update.abort", { version, reason });
  }

  /**
   * Checks a proposed settlement with its signed meter readings and countersigns it.
   *
   * @param {ChannelView} view
   * @param {{delivery: Record<string, string>, signature: string}[]} deliveries
   */
  async confirmSettlement(view, deliveries) {
    const { staged, terms } = view;
    if (!staged) return;
    for (const { delivery, signature } of deliveries) {
      requireSignature(this.domain, "Delivery", delivery, signature, /** @type {string} */ (terms.metering));
    }
    const rows = deliveries.map(({ delivery }) => ({ trade: delivery.trade ?? "", deliveredWh: delivery.deliveredWh ?? "0" }));
    if (!sameState(stateAfterSettlement(view, rows, staged.state.version), staged.state)) {
      return this.refuse(view, "wrong_state");
    }
    await this.countersign(view, "settle.confirm", { agreed: deed("metered", { partner: this.nameOf(view.peer) }) });
  }

  /**
   * @param {string} channel
   * @param {{sells: boolean, quantityWh: bigint, pricePerKwh: bigint, imbalancePerKwh: bigint, slotStart: number,
   *   slotEnd: number, validUntil: number}} wish
   * @param {string} [answers] the partner's offer that this one counters
   * @returns {Promise<Offer>}
   */
  async offer(channel, wish, answers) {
    const view = this.view(channel);
    const offer = {
      channel,
      baseVersion: currentOf(view).state.version,
      id: randomId(),
      offerorSells: wish.sells,
      quantityWh: String(wish.quantityWh),
      pricePerKwh: String(wish.pricePerKwh),
      imbalancePerKwh: String(wish.imbalancePerKwh),
      slotStart: String(wish.slotStart),
      slotEnd: String(wish.slotEnd),
      validUntil: String(wish.validUntil),
    };
    stateAfterTrade(view, offer, view.side);
    const signature = await this.signed(view, "Offer", offer, offerInWords(offer, this.nameOf(view.peer), balanceOf(currentOf(view).state, view.side)));
    if (answers) await this.socket.send(channel, "counter", { answers, offer, signature });
    else await this.socket.send(channel, "offer", { offer, signature });
    return offer;
  }

  /**
   * Signs a state once the memory of it is durable: no version is ever signed twice.
   *
   * @param {ChannelView} view
   * @param {import("./book.js").ChannelState} state
   * @param {import("../wallet/signer.js").Consent} consent
   * @returns {Promise<string>}
   */
  signState(view, state, consent) {
    const memoryKey = this.memoryKey(view.channel);
    return this.signer.signInSession(/** @type {string} */ (view.terms.nonce), this.domain, "ChannelState", state, consent, async () => {
      const { memory } = await update("channels", memoryKey, (held) => ({ key: memoryKey, memory: remember(held?.memory ?? BLANK, state) }));
      this.views.set(view.channel, { ...(this.views.get(view.channel) ?? view), above: memory.highest });
    });
  }

  /**
   * @param {ChannelView} view
   * @param {import("../protocol/typed_data.js").TypeName} name
   * @param {import("../protocol/typed_data.js").Struct} struct
   * @param {import("../ui/dialogs.js").SigningQuestion} question
   */
  signed(view, name, struct, question) {
    return this.signer.signInSession(/** @type {string} */ (view.terms.nonce), this.domain, name, struct, question);
  }

  /**
   * @param {string} channel
   * @param {LiveOffer} live the partner's offer
   */
  async accept(channel, live) {
    const view = this.view(channel);
    const next = stateAfterTrade(view, live.offer, live.offeror);
    const before = balanceOf(currentOf(view).state, view.side);
    const words = acceptanceInWords(live.offer, next, { side: view.side, partner: this.nameOf(view.peer), before });
    const signature = await this.signState(view, next, words);
    await keepAcceptance(this, view, live.offer);
    try {
      await this.socket.send(channel, "update.request", { offer: live.offer.id, state: next, signature });
    } catch (error) {
      throw await withGateWords(error, live.offer.id);
    }
  }

  /**
   * @param {string} channel
   * @param {string} offer
   * @param {string} reason
   */
  async reject(channel, offer, reason) {
    await this.socket.send(channel, "reject", { offer, reason });
  }

  /**
   * @param {string} channel
   * @param {string} offer
   */
  async withdraw(channel, offer) {
    await this.socket.send(channel, "withdraw", { offer });
  }

  /**
   * @param {string} channel
   * @param {bigint} [penalty] for old states, that the ledger adds to this side; below zero: takes from it
   */
  async close(channel, penalty) {
    const view = this.view(channel);
    const state = closingState(view);
    const signature = await this.signState(view, state, closingInWords(state, { side: view.side, partner: this.nameOf(view.peer), penalty }));
    await this.socket.send(channel, "close.request", { state, signature });
  }

  /**
   * @param {string} channel
   * @param {bigint} [penalty] as in `close`
   */
  async confirmClose(channel, penalty) {
    const view = this.view(channel);
    checkStaged(view);
    const state = /** @type {import("./book.js").Staged} */ (view.staged).state;
    await this.countersign(view, "close.confirm", closingInWords(state, { side: view.side, partner: this.nameOf(view.peer), penalty }));
  }

  /**
   * @param {string} channel
   * @param {string} reason
   */
  async dispute(channel, reason) {
    const view = this.view(channel);
    const { version } = currentOf(view).state;
    const request = { channel, version };
    const signature = await this.signed(view, "DisputeRequest", request, disputeInWords(request, this.nameOf(view.peer)));
    await this.socket.send(channel, "dispute.raise", { version, reason, signature });
  }

  /**
   * Signs terms that the peer completed, after checking that they are the ones proposed.
   *
   * @param {Record<string, string>} proposed
   * @param {{terms: Record<string, string>, signature: string}} answer
   */
  async confirmTerms(proposed, answer) {
    const { terms, signature } = answer;
    const same = sameHex(structId("EntityContract", { ...terms, partyB: ZERO_ADDRESS }), structId("EntityContract", proposed));
    if (!same || sameHex(terms.partyB ?? "", ZERO_ADDRESS)) throw new BookError(gettext("The partner answered with other terms than proposed."));
    requireSignature(this.domain, "EntityContract", terms, signature, /** @type {string} */ (terms.partyB));
    const agreed = { agreed: deed("terms_completed") };
    const mine = await this.signer.signInSession(/** @type {string} */ (terms.nonce), this.domain, "EntityContract", terms, agreed);
    await this.socket.send(/** @type {string} */ (terms.nonce), "esc.confirm", { signature: mine });
  }
}

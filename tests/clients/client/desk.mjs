// From strangers to an open channel, trades in it, settlement, closing: the messages of docs/messages.md.

import { isDeepStrictEqual } from "node:util";
import { Book, ZERO_ADDRESS, other } from "./book.mjs";
import { Refused } from "./relay.mjs";
import { randomHash } from "./person.mjs";

const LIFE_S = 30 * 24 * 3600;
const SLOT_S = 900;
const now = () => Math.floor(Date.now() / 1000);

export class Desk {
  constructor(person, tell) {
    Object.assign(this, { person, tell, relay: person.relay, site: person.site, wallet: person.wallet, types: person.types });
  }

  /** Proposes the site's usual terms to a participant; agreed when the peer has filled in and signed its side. */
  async proposeTerms(owner) {
    const { ledger } = this.person;
    const nonce = randomHash();
    const terms = {
      partyA: this.wallet.addressOf(this.person.session(nonce)),
      partyB: ZERO_ADDRESS,
      metering: ledger.metering,
      challengePeriod: String(ledger.challenge_period),
      disputeLimit: String(ledger.dispute_limit),
      stalePenalty: String(ledger.stale_penalty),
      nonce,
    };
    await this.relay.say(nonce, "esc.propose", { to: owner, terms });
    const { type, body } = await this.relay.entry(nonce, "esc.accept", "esc.abort");
    if (type === "esc.abort") throw new Error(`The terms were declined: ${body.reason}`);
    const agreed = { ...terms, partyB: body.terms.partyB };
    await this.requireSigned("EntityContract", agreed, body.signature, agreed.partyB);
    return agreed;
  }

  async confirmTerms(terms) {
    const signature = await this.person.sign(this.person.session(terms.nonce), this.person.domain, "EntityContract", terms);
    await this.relay.say(terms.nonce, "esc.confirm", { signature });
    return this.wallet.structHash(this.types, "EntityContract", terms);
  }

  async acceptTerms({ body, channel: nonce }, promise) {
    const { ledger } = this.person;
    const usual = body.terms.metering === ledger.metering && body.terms.challengePeriod === String(ledger.challenge_period);
    if (!usual || body.terms.nonce !== nonce) throw new Error(`Unusual terms: ${JSON.stringify(body.terms)}`);
    const key = this.person.session(nonce);
    const terms = { ...body.terms, partyB: this.wallet.addressOf(key) };
    await this.site.post(`contracts/${nonce}/funding/`, promise);
    await this.relay.say(nonce, "esc.accept", { terms, signature: await this.person.sign(key, this.person.domain, "EntityContract", terms) });
    const { body: answer } = await this.relay.entry(nonce, "esc.confirm");
    await this.requireSigned("EntityContract", terms, answer.signature, terms.partyA);
    return terms;
  }

  /** Side a: signs the opening, and waits for the peer and the ledger. */
  async requestOpening(terms, scid, mine, theirs, openBy) {
    const funded = await this.person.fund(terms.nonce, mine, openBy);
    const opening = {
      scid,
      index: "0",
      fundingA: mine.amount,
      fundingB: theirs.amount,
      sourceA: mine.source,
      noteA: mine.note,
      sourceB: theirs.source,
      noteB: theirs.note,
      openBy: String(openBy),
      expiry: String(Math.min(openBy + LIFE_S, funded.until)),
    };
    this.keep(terms, opening, "a");
    const signature = await this.book.sign("ChannelOpen", opening);
    await this.relay.say(this.channel, "channel.open_request", { open: opening, signature, funding: funded.funding });
    const { type, body } = await this.relay.entry(this.channel, "channel.open_confirm", "channel.open_abort");
    if (type === "channel.open_abort") throw new Error(`The opening was declined: ${body.reason}`);
    await this.requireSigned("ChannelOpen", opening, body.signature, terms.partyB);
    await this.opened();
  }

  /** Side b: the opening must be what was promised. */
  async confirmOpening(terms, promise) {
    const scid = this.wallet.structHash(this.types, "EntityContract", terms);
    const { channel, body } = await this.relay.wait("channel.open_request", (f) => f.type === "channel.open_request" && f.body.open.scid === scid);
    const { open } = body;
    const asked = open.sourceB === promise.source && open.noteB === promise.note && open.fundingB === promise.amount;
    if (!asked) throw new Error(`The opening asks for another funding than promised: ${JSON.stringify(open)}`);
    this.keep(terms, open, "b");
    if (this.channel !== channel) throw new Error("The channel's id is not the struct hash of its opening");
    await this.requireSigned("ChannelOpen", open, body.signature, terms.partyA);
    const { funding } = await this.person.fund(terms.nonce, promise, Number(open.openBy));
    await this.relay.say(channel, "channel.open_confirm", { signature: await this.book.sign("ChannelOpen", open), funding });
    await this.opened();
  }

  keep(terms, opening, side) {
    const { wallet, types } = this;
    this.book = new Book({ wallet, types, domain: this.person.domain, key: this.person.session(terms.nonce), terms, opening, side });
    this.channel = this.book.channel;
    this.side = side;
    this.nonce = terms.nonce;
  }

  async opened() {
    await this.relay.entry(this.channel, "ledger.opened");
    this.tell("channel open", { channel: this.channel, fundingA: this.book.opening.fundingA, fundingB: this.book.opening.fundingB });
  }

  requireSigned(name, value, signature, signer) {
    return this.wallet.signerOf(this.person.domain, this.types, name, value, signature).then((found) => {
      if (found !== signer) throw new Error(`${name} is signed by ${found}, not by ${signer}`);
    });
  }

  offerOf({ sells, quantityWh, pricePerKwh, imbalancePerKwh, slotStart }) {
    return {
      channel: this.channel,
      baseVersion: this.book.current.version,
      id: randomHash(),
      offerorSells: sells,
      quantityWh: String(quantityWh),
      pricePerKwh: String(pricePerKwh),
      imbalancePerKwh: String(imbalancePerKwh),
      slotStart: String(slotStart),
      slotEnd: String(slotStart + SLOT_S),
      validUntil: String(now() + 60),
    };
  }

  async offer(wish) {
    const offer = this.offerOf(wish);
    await this.relay.say(this.channel, "offer", { offer, signature: await this.book.sign("Offer", offer) });
    return offer;
  }

  async counter(answers, wish) {
    const offer = this.offerOf(wish);
    await this.relay.say(this.channel, "counter", { answers: answers.id, offer, signature: await this.book.sign("Offer", offer) });
    return offer;
  }

  /** What the peer says to an own offer: "accepted" (countersigned here), "rejected", its counter-offer, or something else first. */
  async answerTo(offer) {
    const { type, body } = await this.relay.entry(this.channel, "update.request", "counter", "reject", "settle.request");
    if (type === "reject") return { answer: "rejected", reason: body.reason };
    if (type === "settle.request") {
      await this.confirmSettlement(body);
      return { answer: "overtaken" };
    }
    if (type === "counter") {
      if (body.answers !== offer.id) throw new Error("The counter-offer answers another offer");
      await this.requireSigned("Offer", body.offer, body.signature, this.book.party(other(this.side)));
      return { answer: "countered", offer: body.offer };
    }
    if (body.offer !== offer.id) throw new Error("The peer accepts another offer");
    const draft = this.book.afterTrade(offer, this.side, body.state.version);
    await this.countersign(draft, body, "update.confirm");
    return { answer: "accepted" };
  }

  /** The peer's next offer, its signature checked. */
  async offered(...types) {
    const { body } = await this.relay.entry(this.channel, ...types);
    await this.requireSigned("Offer", body.offer, body.signature, this.book.party(other(this.side)));
    return body.offer;
  }

  /** Accepts the peer's offer; false where the grid or the clock refuses it, and nothing changed. */
  async accept(offer) {
    const draft = this.book.afterTrade(offer, other(this.side));
    const body = { offer: offer.id, state: draft.state, signature: await this.book.signState(draft.state) };
    try {
      await this.relay.say(this.channel, "update.request", body);
    } catch (error) {
      if (error instanceof Refused && ["grid_limit", "slot_closed"].includes(error.code)) return false;
      throw error;
    }
    return this.confirmed(draft, "update.confirm");
  }

  reject(offer, reason) {
    return this.relay.say(this.channel, "reject", { offer: offer.id, reason });
  }

  async countersign(draft, body, type) {
    await this.book.expect(draft, body, other(this.side));
    const { version } = draft.state;
    await this.relay.say(this.channel, type, { version, signature: await this.book.signState(draft.state) });
    this.book.adopt(draft);
  }

  /** Waits for the countersignature; false where the peer refuses. */
  async confirmed(draft, type) {
    const { version } = draft.state;
    const answer = await this.relay.entry(this.channel, type, "update.abort");
    if (answer.body.version !== version) throw new Error(`${answer.type} is of version ${answer.body.version}, not ${version}`);
    if (answer.type === "update.abort") return false;
    await this.book.check("ChannelState", draft.state, answer.body.signature, this.book.party(other(this.side)));
    this.book.adopt(draft);
    return true;
  }

  /** The relay's own view is the same as what was computed here. */
  async compare() {
    const view = await this.relay.state(this.channel);
    const mine = [this.book.current, this.book.open.map((trade) => trade.id)];
    const theirs = [view.current.state, view.openTrades.map((trade) => trade.id)];
    if (!isDeepStrictEqual(mine, theirs)) throw new Error(`The relay shows ${JSON.stringify(theirs)}, computed was ${JSON.stringify(mine)}`);
  }

  async checkMeters(deliveries) {
    for (const { delivery, signature } of deliveries) await this.requireSigned("Delivery", delivery, signature, this.book.terms.metering);
    return deliveries.map(({ delivery }) => delivery);
  }

  async confirmSettlement(body) {
    const draft = this.book.afterSettlement(await this.checkMeters(body.deliveries), body.state.version);
    await this.countersign(draft, body, "settle.confirm");
  }

  /** Countersigns what the meter says, until no trade is open. */
  async awaitSettlement() {
    while (this.book.open.length) {
      await this.confirmSettlement((await this.relay.entry(this.channel, "settle.request")).body);
    }
    this.tell("settled", { state: this.book.current });
  }

  /** Proposes what the meter says, until no trade is open. */
  async settle() {
    while (this.book.open.length) {
      const isOpen = ({ delivery }) => this.book.open.some((trade) => trade.id === delivery.trade);
      const metered = await this.site.until(`channels/${this.channel}/deliveries/`, (rows) => rows.some(isOpen), "the meter's word");
      const deliveries = metered.filter(isOpen);
      const draft = this.book.afterSettlement(await this.checkMeters(deliveries));
      await this.relay.say(this.channel, "settle.request", { deliveries, state: draft.state, signature: await this.book.signState(draft.state) });
      if (!(await this.confirmed(draft, "settle.confirm"))) throw new Error("The peer refuses the settlement");
    }
    this.tell("settled", { state: this.book.current });
  }

  async close() {
    const draft = this.book.afterClosing();
    await this.relay.say(this.channel, "close.request", { state: draft.state, signature: await this.book.signState(draft.state) });
    if (!(await this.confirmed(draft, "close.confirm"))) throw new Error("The peer refuses to close");
    await this.finalised();
  }

  async awaitClosing() {
    const { body } = await this.relay.entry(this.channel, "close.request");
    await this.countersign(this.book.afterClosing(body.state.version), body, "close.confirm");
    await this.finalised();
  }

  /** The ledger paid what both signed; its transaction says so too. */
  async finalised() {
    const { body } = await this.relay.entry(this.channel, "ledger.finalised");
    const { version, balanceA, balanceB } = this.book.current;
    const expected = { version, balanceA, balanceB };
    if (!isDeepStrictEqual(body, expected)) throw new Error(`The ledger paid ${JSON.stringify(body)}, signed was ${JSON.stringify(expected)}`);
    const { provenance } = await this.site.until(`channels/${this.channel}/`, (found) => found.provenance.balance.source === "ledger", "the ledger's word");
    const receipt = await this.person.chain.receipt(provenance.balance.transaction);
    if (!receipt.succeeded || !receipt.topics.includes(this.channel)) throw new Error(`Transaction ${provenance.balance.transaction} does not close this channel`);
    this.tell("closed", { channel: this.channel, ...expected });
  }

  /** What the ledger holds for an address. */
  held(address) {
    return this.person.chain.balanceOf(this.person.ledger.token.address, address);
  }
}

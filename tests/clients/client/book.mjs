// What follows from signed structures, computed from docs/protocol.md alone: amounts, roots, next states.

export const ZERO_ADDRESS = `0x${"0".repeat(40)}`;
export const ZERO_HASH = `0x${"0".repeat(64)}`;
export const other = (side) => (side === "a" ? "b" : "a");

const bytes = (hex) => Buffer.from(hex.slice(2), "hex");
const ceilDiv = (number, by) => (number + by - 1n) / by;
const least = (...numbers) => numbers.reduce((a, b) => (a < b ? a : b));
const greatest = (...numbers) => numbers.reduce((a, b) => (a > b ? a : b));

export const amountOf = (offer) => ceilDiv(BigInt(offer.quantityWh) * BigInt(offer.pricePerKwh), 1000n);

/** What a seller that holds `held` gives back for `missingWh`. */
export function refundOf(trade, missingWh, held) {
  const price = greatest(BigInt(trade.pricePerKwh), BigInt(trade.imbalancePerKwh));
  return least(ceilDiv(missingWh * price, 1000n), held);
}

/** "Trades" and "tradesRoot" of the protocol. */
export function tradesRoot(keccak, all, open) {
  if (!all.length) return ZERO_HASH;
  const entry = ({ id, seller }) => Buffer.concat([bytes(id), Buffer.of(seller === "a" ? 0 : 1)]);
  const root = (leaves) => {
    if (leaves.length === 1) return leaves[0];
    let left = 1;
    while (left * 2 < leaves.length) left *= 2;
    return keccak(Buffer.concat([bytes(root(leaves.slice(0, left))), bytes(root(leaves.slice(left)))]));
  };
  const history = root(all.map((trade) => keccak(entry(trade))));
  const opened = open.length ? keccak(Buffer.concat(open.map(entry))) : ZERO_HASH;
  return keccak(Buffer.concat([bytes(history), bytes(opened)]));
}

/** One channel as one side keeps it: what was co-signed, and what its key has signed. */
export class Book {
  constructor({ wallet, types, domain, key, terms, opening, side }) {
    Object.assign(this, { wallet, types, domain, key, terms, opening, side });
    this.channel = wallet.structHash(types, "ChannelOpen", opening);
    this.all = [];
    this.open = [];
    this.known = 0n;
    this.signed = 0n;
    const { fundingA: balanceA, fundingB: balanceB } = opening;
    const nothing = { version: "0", base: "0", energyToA: "0", energyToB: "0", tradesRoot: ZERO_HASH, isFinal: false };
    this.current = { channel: this.channel, ...nothing, balanceA, balanceB };
  }

  party(side) {
    return side === "a" ? this.terms.partyA : this.terms.partyB;
  }

  /** Odd for a, even for b, above all known ones. */
  nextVersion() {
    const next = greatest(BigInt(this.current.version), this.known, this.signed) + 1n;
    return String(next + (next % 2n === (this.side === "a" ? 1n : 0n) ? 0n : 1n));
  }

  tradeOf(offer, offeror) {
    const seller = offer.offerorSells ? offeror : other(offeror);
    return { ...offer, id: this.wallet.structHash(this.types, "Offer", offer), seller };
  }

  afterTrade(offer, offeror, version = this.nextVersion()) {
    if (offer.baseVersion !== this.current.version) throw new Error(`The offer is for version ${offer.baseVersion}, not ${this.current.version}`);
    const trade = this.tradeOf(offer, offeror);
    const buyer = other(trade.seller);
    const { all, open } = { all: [...this.all, trade], open: [...this.open, trade] };
    const energy = `energyTo${buyer.toUpperCase()}`;
    const moved = { [energy]: String(BigInt(this.current[energy]) + BigInt(offer.quantityWh)) };
    return { state: this.next(version, all, open, this.paid(this.current, buyer, amountOf(offer)), moved), all, open };
  }

  /** Each delivery refunds what is missing of one open trade, in the order given. */
  afterSettlement(deliveries, version = this.nextVersion()) {
    let open = this.open;
    let state = this.current;
    for (const { trade: id, deliveredWh } of deliveries) {
      const trade = open.find((known) => known.id === id);
      if (!trade) throw new Error(`Trade ${id} is not open`);
      open = open.filter((known) => known !== trade);
      state = this.refunded(state, trade, BigInt(trade.quantityWh) - BigInt(deliveredWh));
    }
    const { balanceA, balanceB, energyToA, energyToB } = state;
    return { state: this.next(version, this.all, open, { balanceA, balanceB }, { energyToA, energyToB }), all: this.all, open };
  }

  afterClosing(version = this.nextVersion()) {
    if (this.open.length) throw new Error("Trades wait for their meter");
    return { state: this.next(version, this.all, this.open, {}, { isFinal: true }), all: this.all, open: this.open };
  }

  refunded(state, trade, missingWh) {
    if (missingWh < 0n) throw new Error(`More was delivered of ${trade.id} than was sold`);
    const refund = refundOf(trade, missingWh, BigInt(state[`balance${trade.seller.toUpperCase()}`]));
    const energy = `energyTo${other(trade.seller).toUpperCase()}`;
    const less = { [energy]: String(BigInt(state[energy]) - missingWh) };
    return { ...state, ...this.paid(state, trade.seller, refund), ...less };
  }

  paid(state, payer, amount) {
    const toA = payer === "a" ? -amount : amount;
    const [balanceA, balanceB] = [BigInt(state.balanceA) + toA, BigInt(state.balanceB) - toA];
    if (balanceA < 0n || balanceB < 0n) throw new Error(`Side ${payer} does not have ${amount}`);
    return { balanceA: String(balanceA), balanceB: String(balanceB) };
  }

  next(version, all, open, balances, changes) {
    const root = tradesRoot(this.wallet.keccak, all, open);
    return { ...this.current, version, base: this.current.version, ...balances, tradesRoot: root, isFinal: false, ...changes };
  }

  /** The peer's proposal must be exactly what follows here. */
  async expect(draft, { state, signature }, proposer) {
    const hash = (value) => this.wallet.structHash(this.types, "ChannelState", value);
    if (hash(draft.state) !== hash(state)) throw new Error(`Proposed is ${JSON.stringify(state)}, what follows is ${JSON.stringify(draft.state)}`);
    await this.check("ChannelState", state, signature, this.party(proposer));
    this.known = greatest(this.known, BigInt(state.version));
  }

  async check(name, value, signature, signer) {
    const found = await this.wallet.signerOf(this.domain, this.types, name, value, signature);
    if (found !== signer) throw new Error(`${name} is signed by ${found}, not by ${signer}`);
  }

  sign(name, value) {
    return this.wallet.signStruct(this.key, this.domain, this.types, name, value);
  }

  /** No version twice, and only upwards; after a final state the same payout only. A client for use stores both first. */
  signState(state) {
    if (BigInt(state.version) <= this.signed) throw new Error(`Version ${state.version} was signed before`);
    const payout = ({ balanceA, balanceB, energyToA, energyToB }) => [balanceA, balanceB, energyToA, energyToB].join();
    if (this.farewell && !(state.isFinal && payout(state) === payout(this.farewell))) throw new Error("A final state was signed before");
    this.signed = BigInt(state.version);
    if (state.isFinal) this.farewell = state;
    return this.sign("ChannelState", state);
  }

  /** Both have signed. */
  adopt({ state, all, open }) {
    Object.assign(this, { current: state, all, open });
  }
}

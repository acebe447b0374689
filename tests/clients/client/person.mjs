// A participant: account, wallet (EIP-4361), profile, credit agreement, session keys, funding.

import { randomBytes } from "node:crypto";
import { hex, sessionKey } from "./keys.mjs";
import { Relay } from "./relay.mjs";
import { Site } from "./site.mjs";
import { ZERO_ADDRESS, ZERO_HASH } from "./book.mjs";

const now = () => Math.floor(Date.now() / 1000);
export const randomHash = () => hex(randomBytes(32));

export class Person {
  constructor(wallet, config, tell) {
    Object.assign(this, { wallet, config, tell, site: new Site(config.url), root: wallet.newKey() });
    this.address = wallet.addressOf(this.root);
  }

  async signIn() {
    const { site, config, wallet } = this;
    await site.signUp(config.email, config.password);
    this.eip712 = await site.get("schema/eip712.json");
    this.types = this.eip712.types;
    const { message } = await site.post("wallet/challenge/", { address: this.address });
    const [first, address] = message.split("\n");
    if (!first.startsWith(`${new URL(config.url).host} wants you`) || address !== wallet.checksum(this.address)) throw new Error(`Not mine to sign: ${message}`);
    await site.post("wallet/", { message, signature: await wallet.signText(this.root, message) });
    this.ledger = await site.get("ledger/");
    this.me = await site.get("me/");
    this.tell("signed in", { owner: this.me.owner });
  }

  async introduce() {
    const { site, config } = this;
    const home = { street: "Hauptstraße 1", postcode: "10115", city: "Berlin", country: "DE" };
    await site.patch("me/profile/", { display_name: config.name, legal_name: config.legalName, birth_date: "1985-06-01", meter_number: "1ESY1160012345", ...home });
    await site.post("wallet/test-money/");
  }

  async apply() {
    const { site, config } = this;
    await site.upload("identity", config.identity);
    await site.upload("statement", config.statement);
    const [merchant] = (await site.get("merchants/")).results;
    const wish = { merchant: merchant.slug, requested_limit: "150000000", monthly_income: "3100000000", monthly_outgoings: "1600000000", consent: true };
    const { id } = await site.post("applications/", wish);
    await site.post(`applications/${id}/submit/`);
    this.tell("applied", { application: id });
    const approved = await site.until(`applications/${id}/`, (found) => found.agreement, "the merchant's approval");
    await this.start(approved.agreement);
  }

  async start(id) {
    const { site, wallet } = this;
    const agreement = await site.get(`agreements/${id}/`);
    const { agreement: toSign, permit, permit_deadline } = await site.get(`agreements/${id}/to-sign/`);
    this.requireOwn("CreditAgreement", toSign, { participant: this.address, creditLimit: agreement.credit_limit, collateral: agreement.collateral });
    this.requireOwn("Permit", permit, { owner: this.address, spender: agreement.merchant.msc, value: agreement.collateral });
    if (wallet.structHash(this.types, "CreditAgreement", toSign.message) !== agreement.sid) throw new Error("The sid is not the agreement's struct hash");
    this.merchantKey = await wallet.signerOf(toSign.domain, this.types, "CreditAgreement", toSign.message, agreement.merchant_signature);
    const signed = (data, name) => wallet.signStruct(this.root, data.domain, this.types, name, data.message);
    const proof = { signature: await signed(toSign, "CreditAgreement"), permit_signature: await signed(permit, "Permit"), permit_deadline };
    await site.post(`agreements/${id}/initialise/`, proof);
    this.credit = await site.until(`agreements/${id}/`, (found) => found.state === "active", "the agreement's start");
    this.tell("agreement active", { sid: agreement.sid });
  }

  /** What the site asks to sign is of the published type, and says what it should. */
  requireOwn(name, data, expected) {
    const members = (types) => types[name].map((member) => `${member.type} ${member.name}`).join();
    const same = members(data.types) === members(this.types) && data.primaryType === name;
    const wrong = Object.entries(expected).filter(([key, value]) => String(data.message[key]).toLowerCase() !== String(value).toLowerCase());
    if (!same || wrong.length) throw new Error(`The site asks for another ${name}: ${JSON.stringify(data)}, expected ${JSON.stringify(expected)}`);
  }

  async connect() {
    this.relay = await Relay.open(this.site, await this.site.get("schema/messages.json"));
    await this.relay.catchUp();
    const { name, version } = this.eip712.domains.registry;
    this.domain = { name, version, ...this.relay.hello.domain };
    await this.site.until("market/forecast/", (rows) => rows.length, "a connection to the feeder");
    this.tell("connected", {});
  }

  /** The key of one entity contract; whoever has the root key and the nonce finds it again. */
  session(nonce) {
    return sessionKey(this.wallet, this.root, Buffer.concat([Buffer.from("esc/"), Buffer.from(nonce.slice(2), "hex")]));
  }

  sign(key, domain, name, message) {
    return this.wallet.signStruct(key, domain, this.types, name, message);
  }

  get merchantDomain() {
    return { ...this.domain, verifyingContract: this.credit.merchant.msc };
  }

  get tokenDomain() {
    const { token, chain_id: chainId } = this.ledger;
    return { name: token.name, version: token.version, chainId: String(chainId), verifyingContract: token.address };
  }

  /** What this side will bring, before anything moves: a side of `ChannelOpen`. */
  promise(kind, amount) {
    return kind === "note" ? { source: this.credit.merchant.msc, note: randomHash(), amount } : { source: ZERO_ADDRESS, note: ZERO_HASH, amount };
  }

  /** Makes the promise good; the `funding` of the message that opens the channel, and until when it is. */
  fund(nonce, side, openBy) {
    return side.source === ZERO_ADDRESS ? this.deposit(nonce, side, openBy) : this.takeNote(nonce, side);
  }

  async takeNote(nonce, { note: serial, amount }) {
    const holder = this.wallet.addressOf(this.session(nonce));
    const receipt = { sid: this.credit.sid, serial, holder, amount };
    const receipt_signature = await this.sign(this.root, this.merchantDomain, "NoteReceipt", receipt);
    const issued = await this.site.post("notes/", { agreement: this.credit.id, serial, holder, amount, receipt_signature });
    const note = { serial, holder, amount, validUntil: String(issued.valid_until) };
    const merchant = await this.wallet.signerOf(this.merchantDomain, this.types, "CreditNote", note, issued.merchant_signature);
    if (merchant !== this.merchantKey) throw new Error(`The note is signed by ${merchant}, not by the merchant of the agreement`);
    return { funding: { type: "note", note, merchantSignature: issued.merchant_signature }, until: Number(note.validUntil) };
  }

  async deposit(nonce, { amount: value }, openBy) {
    const key = this.session(nonce);
    const owner = this.wallet.addressOf(key);
    await this.transfer(this.root, this.address, owner, value);
    const { permit_nonce } = await this.site.get(`wallet/session-keys/${nonce}/`);
    const permit = { owner, spender: this.ledger.registry, value, nonce: permit_nonce, deadline: String(openBy) };
    const permitSignature = await this.sign(key, this.tokenDomain, "Permit", permit);
    return { funding: { type: "deposit", permitDeadline: permit.deadline, permitSignature }, until: Infinity };
  }

  /** Brings stablecoin from one own address to another; the site pays the gas. */
  async transfer(key, from, to, value) {
    const transfer = { from, to, value, validAfter: "0", validBefore: String(now() + 600), nonce: randomHash() };
    const signature = await this.sign(key, this.tokenDomain, "TransferWithAuthorization", transfer);
    await this.site.post("wallet/transfer/", { source: from, to, value, valid_before: Number(transfer.validBefore), nonce: transfer.nonce, signature });
  }

  /** What a note earned goes to the wallet. */
  async withdrawEarnings(nonce) {
    const held = await this.site.until(`wallet/session-keys/${nonce}/`, (found) => found.earnings.length, "the note's earnings");
    const [{ serial, amount, nonce: counter }] = held.earnings;
    const withdrawal = { serial, holder: held.address, to: this.address, nonce: counter };
    const signature = await this.sign(this.session(nonce), this.merchantDomain, "EarningsWithdrawal", withdrawal);
    await this.site.post(`notes/${serial}/withdraw/`, { signature });
    return amount;
  }
}

/**
 * The unlocked keys, and all that is done with them. It lives in the wallet's worker: the page asks for signatures and
 * never holds a key.
 */

import { deriveSessionKey, sessionLabel } from "../protocol/session.js";
import { addressOf, signStruct, signText } from "../protocol/signing.js";
import { gettext } from "../ui/language.js";

/** @typedef {import("../protocol/bytes.js").Bytes} Bytes */
/** @typedef {import("../protocol/typed_data.js").Domain} Domain */
/** @typedef {import("../protocol/typed_data.js").TypeName} TypeName */
/** @typedef {import("../protocol/typed_data.js").Struct} Struct */
/** @typedef {{address: string, nonce: string|null, domain: Domain, name: TypeName, struct: Struct}} Task */

/** The wallet is locked; the passphrase is needed. */
export class LockedError extends Error {}
/** A key is asked for something that it never signs. */
export class WrongKeyError extends Error {}

/** What the wallet's own key may sign, and what the keys of its channels may: nothing else ever. */
export const BY_ROOT = Object.freeze(["CreditAgreement", "NoteReceipt", "TransferWithAuthorization", "Permit", "DebtPayment", "CollateralTopUp"]);
export const BY_SESSION = Object.freeze([
  "EntityContract",
  "ChannelOpen",
  "Offer",
  "ChannelState",
  "FundingChange",
  "DisputeRequest",
  "EarningsWithdrawal",
  "TransferWithAuthorization",
  "Permit",
]);

/** Keys by the wallet's address. */
export class Strongroom {
  constructor() {
    /** @type {Map<string, Bytes>} */
    this.keys = new Map();
  }

  /**
   * @param {string} address of the wallet; of an external one, `key` is the root of its session keys
   * @param {Bytes} key
   */
  hold(address, key) {
    this.keys.set(address, key);
  }

  /** Overwrite and forget all of them. */
  forget() {
    for (const key of this.keys.values()) key.fill(0);
    this.keys.clear();
  }

  /**
   * @param {string} address
   * @returns {Bytes}
   * @throws {LockedError}
   */
  root(address) {
    const key = this.keys.get(address);
    if (!key) throw new LockedError(gettext("The wallet is locked."));
    return key;
  }

  /**
   * @param {string} address
   * @param {string} nonce of the entity contract's terms
   */
  sessionKey(address, nonce) {
    return deriveSessionKey(this.root(address), sessionLabel(nonce));
  }

  /**
   * @param {{address: string, nonce: string}} of
   * @returns {string} address of the session key
   */
  sessionAddress({ address, nonce }) {
    return addressOf(this.sessionKey(address, nonce));
  }

  /**
   * @param {string} address
   * @throws {WrongKeyError} an external wallet's own key is not here
   */
  ownKey(address) {
    const key = this.root(address);
    if (addressOf(key) !== address) throw new WrongKeyError(gettext("Your external wallet signs this, not this browser."));
    return key;
  }

  /**
   * @param {Task} task without a nonce the wallet's own key signs
   * @returns {string}
   */
  sign({ address, nonce, domain, name, struct }) {
    const allowed = nonce === null ? BY_ROOT : BY_SESSION;
    if (!allowed.includes(name)) throw new WrongKeyError(`This key never signs a ${name}. Nothing was signed.`);
    return signStruct(domain, name, struct, nonce === null ? this.ownKey(address) : this.sessionKey(address, nonce));
  }

  /**
   * @param {{address: string, text: string}} task EIP-191 text
   * @returns {string}
   */
  signText({ address, text }) {
    return signText(text, this.ownKey(address));
  }
}

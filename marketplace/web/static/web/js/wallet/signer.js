/**
 * Signing with the person's consent: unlock if needed, show in words, sign.
 */

import { signStruct, signText } from "../protocol/signing.js";
import { askPassphrase, confirmSigning } from "../ui/dialogs.js";
import { LockedError, rootKey, sessionKey, unlockedAddress } from "./vault.js";

/** @typedef {import("../protocol/typed_data.js").Domain} Domain */
/** @typedef {import("../protocol/typed_data.js").TypeName} TypeName */
/** @typedef {import("../protocol/typed_data.js").Struct} Struct */
/** @typedef {import("../protocol/bytes.js").Bytes} Bytes */
/** @typedef {import("../ui/dialogs.js").SigningQuestion} SigningQuestion */

/**
 * @param {() => Promise<Bytes>} key
 * @param {string} address root address
 * @returns {Promise<Bytes>}
 */
async function unlocked(key, address) {
  try {
    return await key();
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    await askPassphrase(address);
    return key();
  }
}

/** The signer of one wallet. */
export class WalletSigner {
  /** @param {string} address root address */
  constructor(address) {
    this.address = address.toLowerCase();
  }

  /** @returns {Promise<boolean>} whether it signs without asking for the passphrase */
  async isOpen() {
    return (await unlockedAddress()) === this.address;
  }

  /** @returns {Promise<Bytes>} the root key, after the passphrase where it is needed */
  root() {
    return unlocked(() => rootKey(this.address), this.address);
  }

  /**
   * @param {string} nonce of the entity contract's terms
   * @returns {Promise<Bytes>}
   */
  session(nonce) {
    return unlocked(() => sessionKey(this.address, nonce), this.address);
  }

  /**
   * @param {Domain} domain
   * @param {TypeName} name
   * @param {Struct} struct
   * @param {SigningQuestion} [question] nothing is asked where the person already agreed to this very value
   * @returns {Promise<string>}
   */
  async signAsRoot(domain, name, struct, question) {
    const key = await this.root();
    if (question) await confirmSigning(question);
    return signStruct(domain, name, struct, key);
  }

  /**
   * @param {string} nonce
   * @param {Domain} domain
   * @param {TypeName} name
   * @param {Struct} struct
   * @param {SigningQuestion} [question]
   * @returns {Promise<string>}
   */
  async signInSession(nonce, domain, name, struct, question) {
    const key = await this.session(nonce);
    if (question) await confirmSigning(question);
    return signStruct(domain, name, struct, key);
  }

  /**
   * @param {string} text EIP-191 text, such as a sign-in message
   * @param {SigningQuestion} [question]
   * @returns {Promise<string>}
   */
  async signText(text, question) {
    const key = await this.root();
    if (question) await confirmSigning(question);
    return signText(text, key);
  }
}

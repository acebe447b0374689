/**
 * Signing with the person's consent: backup, unlock, show in words, sign. There is no other way to a signature.
 */

import { requireBackedUp } from "../ui/backing_up.js";
import { askPassphrase, confirmSigning } from "../ui/dialogs.js";
import { gettext } from "../ui/language.js";
import { deedInWords } from "./deeds.js";
import { noteSigned, LockedError, unlockedAddress, wallet, withKey } from "./vault.js";

/** @typedef {import("../protocol/typed_data.js").Domain} Domain */
/** @typedef {import("../protocol/typed_data.js").TypeName} TypeName */
/** @typedef {import("../protocol/typed_data.js").Struct} Struct */
/** @typedef {import("../ui/dialogs.js").SigningQuestion} SigningQuestion */
/**
 * @typedef {object} Agreed the person said yes before, to something from which this follows
 * @property {import("./deeds.js").Deed} agreed what it was
 */
/** @typedef {SigningQuestion|Agreed} Consent */

/** What is shown is not what would be signed, or nothing is shown at all. */
export class ConsentError extends Error {}

/**
 * Shows in words what is signed, unless the person agreed to it before.
 *
 * @param {Consent} consent
 * @param {object} signed
 * @returns {Promise<import("./deeds.js").Deed>} for the journal
 * @throws {ConsentError|import("../ui/dialogs.js").Declined}
 */
export async function obtain(consent, signed) {
  if ("agreed" in consent) {
    if (!deedInWords(consent.agreed)) throw new ConsentError("Nothing is signed without words.");
    return consent.agreed;
  }
  const shown = JSON.stringify(consent.raw);
  if (shown !== JSON.stringify(signed)) throw new ConsentError(gettext("What is shown is not what would be signed. Nothing was signed; reload the page."));
  await confirmSigning(consent);
  return consent.deed;
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

  /** Asks for the passphrase where it is needed. */
  async open() {
    if (!(await this.isOpen())) await askPassphrase(this.address);
  }

  /**
   * @param {"sessionAddress"|"sign"|"signText"} operation
   * @param {object} task
   * @returns {Promise<string>}
   */
  async withKey(operation, task) {
    try {
      return await withKey(this.address, operation, task);
    } catch (error) {
      if (!(error instanceof LockedError)) throw error;
      await askPassphrase(this.address);
      return withKey(this.address, operation, task);
    }
  }

  /**
   * @param {string} nonce of the entity contract's terms
   * @returns {Promise<string>} address of the session key
   */
  sessionAddress(nonce) {
    return this.withKey("sessionAddress", { nonce });
  }

  /** @returns {Promise<boolean>} whether another wallet holds the key of this address */
  async isExternal() {
    return (await wallet(this.address))?.kind === "external";
  }

  /**
   * By the wallet's own key.
   *
   * @param {Domain} domain
   * @param {TypeName} name
   * @param {Struct} struct
   * @param {Consent} consent
   * @returns {Promise<string>}
   */
  async signAsRoot(domain, name, struct, consent) {
    await requireBackedUp(this.address);
    const external = await this.isExternal();
    if (!external) await this.open();
    const deed = await obtain(consent, struct);
    const signature = external
      ? await (await import("./external.js")).signTyped(this.address, domain, name, struct)
      : await this.withKey("sign", { nonce: null, domain, name, struct });
    await noteSigned(this.address, deed, name);
    return signature;
  }

  /**
   * By the key of one entity contract.
   *
   * @param {string} nonce of its terms
   * @param {Domain} domain
   * @param {TypeName} name
   * @param {Struct} struct
   * @param {Consent} consent
   * @param {() => Promise<void>} [first] what must be durable before there is a signature
   * @returns {Promise<string>}
   */
  async signInSession(nonce, domain, name, struct, consent, first) {
    await requireBackedUp(this.address);
    await this.open();
    const deed = await obtain(consent, struct);
    await first?.();
    const signature = await this.withKey("sign", { nonce, domain, name, struct });
    await noteSigned(this.address, deed, name);
    return signature;
  }

  /**
   * A sign-in message: it moves no money, and needs no backup.
   *
   * @param {string} text EIP-191
   * @param {SigningQuestion} question
   * @returns {Promise<string>}
   */
  async signText(text, question) {
    const external = await this.isExternal();
    if (!external) await this.open();
    const deed = await obtain(question, { message: text });
    const signature = external ? await (await import("./external.js")).signMessage(this.address, text) : await this.withKey("signText", { text });
    await noteSigned(this.address, deed, "EIP-4361");
    return signature;
  }
}

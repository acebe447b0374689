/**
 * Where the root key is in a wallet of another maker, session keys derive from what that wallet signs: one fixed
 * message, whose signature is the same each time (RFC 6979), so that the other wallet's own backup restores every
 * session key (docs/adr/0027-wallets.md). Whoever gets this signature holds the session keys: no other page may ask
 * for it, and it is never sent anywhere.
 */

import { hkdf } from "../../vendor/noble-hashes/hkdf.js";
import { sha256 } from "../../vendor/noble-hashes/sha2.js";
import { keccak_256 } from "../../vendor/noble-hashes/sha3.js";
import { concatBytes, fromHex, sameHex, utf8ToBytes } from "./bytes.js";
import { isValidKey, recover, SignatureError } from "./signing.js";
import { parseType, structHashAs } from "./typed_data.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */

const DOMAIN_TYPE = "string name,string version";
const TYPE = "string purpose,string warning,address wallet";
const SALT = "wattnote/session-root";
/** No chain and no contract: another chain or registry must not lose the keys. Not translated: it must never change. */
const DOMAIN = Object.freeze({ name: "Wattnote", version: "1" });
const PURPOSE = "Make the keys of my Wattnote channels";
const WARNING = "Sign this only on the site where you trade. Whoever gets this signature can trade with the money in your channels.";

/** @param {string} wallet address */
const message = (wallet) => ({ purpose: PURPOSE, warning: WARNING, wallet: wallet.toLowerCase() });

/** @param {string} text */
const named = (text) => parseType(text).map(({ type, key }) => ({ type, name: key }));

/**
 * What `eth_signTypedData_v4` takes.
 *
 * @param {string} wallet address
 */
export function sessionRootRequest(wallet) {
  return {
    types: { EIP712Domain: named(DOMAIN_TYPE), SessionRoot: named(TYPE) },
    primaryType: "SessionRoot",
    domain: DOMAIN,
    message: message(wallet),
  };
}

/**
 * @param {string} wallet
 * @returns {Bytes} the EIP-712 hash of the message
 */
export function sessionRootDigest(wallet) {
  const separator = structHashAs("EIP712Domain", DOMAIN_TYPE, DOMAIN);
  return keccak_256(concatBytes(new Uint8Array([0x19, 0x01]), separator, structHashAs("SessionRoot", TYPE, message(wallet))));
}

/**
 * The key from which session keys derive: HKDF-SHA256 of r and s.
 *
 * @param {string} wallet
 * @param {string} signature 65 bytes, low s
 * @returns {Bytes}
 * @throws {SignatureError} it is not this wallet's
 */
export function sessionRootOf(wallet, signature) {
  if (!sameHex(recover(sessionRootDigest(wallet), signature), wallet)) throw new SignatureError("another wallet has signed");
  const secret = fromHex(signature, 65).slice(0, 64);
  for (let counter = 0; ; counter += 1) {
    const key = hkdf(sha256, secret, utf8ToBytes(SALT), concatBytes(fromHex(wallet, 20), new Uint8Array([counter])), 32);
    if (isValidKey(key)) return key;
  }
}

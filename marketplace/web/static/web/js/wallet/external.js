/**
 * Wallets of other makers: found by EIP-6963, spoken to by EIP-1193. Their key signs what the wallet's own key signs;
 * what they give back is checked before it is used.
 */

import { fromHex, sameHex, toHex, utf8ToBytes } from "../protocol/bytes.js";
import { sessionRootDigest, sessionRootRequest } from "../protocol/session_root.js";
import { recover, SignatureError, textDigest } from "../protocol/signing.js";
import { digest, parseType, TYPES } from "../protocol/typed_data.js";
import { Declined } from "../ui/dialogs.js";
import { fill, gettext } from "../ui/language.js";
import { wallet } from "./vault.js";

/** @typedef {import("../protocol/typed_data.js").Domain} Domain */
/** @typedef {import("../protocol/typed_data.js").TypeName} TypeName */
/** @typedef {import("../protocol/typed_data.js").Struct} Struct */
/** @typedef {{request: (call: {method: string, params?: any[]}) => Promise<any>, on?: (event: string, listener: (detail: any) => void) => void,
 *   removeListener?: (event: string, listener: (detail: any) => void) => void}} Provider EIP-1193 */
/** @typedef {{uuid: string, name: string, icon: string, rdns: string}} Info */
/** @typedef {{info: Info, provider: Provider}} Found EIP-6963 */

/** What stands in the way at the other wallet, and what to do. */
export class ExternalError extends Error {}

const ANNOUNCE_MS = 300;
/** Codes of EIP-1193 and EIP-1474. */
const REJECTED = 4001;
const NOT_ALLOWED = 4100;
const UNSUPPORTED = 4200;
const AWAY = [4900, 4901];
const UNKNOWN_CHAIN = 4902;
const BUSY = -32002;

/** @type {Map<string, Found>} */
const found = new Map();

/** @param {Event} event */
function onAnnounced(event) {
  const { info, provider } = /** @type {CustomEvent<Found>} */ (event).detail ?? {};
  if (!info?.uuid || found.has(info.uuid) || typeof provider?.request !== "function") return;
  const icon = /^data:image\//.test(info.icon) ? info.icon : "";
  found.set(info.uuid, { info: { uuid: info.uuid, name: String(info.name).slice(0, 60), icon, rdns: String(info.rdns) }, provider });
  globalThis.dispatchEvent(new Event("wattnote:providers"));
}

globalThis.addEventListener?.("eip6963:announceProvider", onAnnounced);

/**
 * All wallets that announce themselves; where none does, the one that puts itself on the window.
 *
 * @returns {Promise<Found[]>}
 */
export async function providers() {
  globalThis.dispatchEvent(new Event("eip6963:requestProvider"));
  if (!found.size) await new Promise((resolve) => setTimeout(resolve, ANNOUNCE_MS));
  const old = /** @type {any} */ (globalThis).ethereum;
  if (found.size || typeof old?.request !== "function") return [...found.values()];
  return [{ info: { uuid: "window", name: gettext("Wallet of this browser"), icon: "", rdns: "" }, provider: old }];
}

/**
 * @param {Provider} provider
 * @param {string} method
 * @param {any[]} [params]
 * @returns {Promise<any>}
 * @throws {Declined|ExternalError}
 */
async function request(provider, method, params = []) {
  try {
    return await provider.request({ method, params });
  } catch (error) {
    throw inWords(/** @type {{code?: number, message?: string}} */ (error));
  }
}

/**
 * @param {{code?: number, message?: string}} error
 * @returns {Error}
 */
export function inWords({ code = 0, message = "" }) {
  if (code === REJECTED) return new Declined(gettext("You said no in your wallet. Nothing was signed."));
  if (code === BUSY) return new ExternalError(gettext("Your wallet is already asking you something. Open it, answer, and try again."));
  if (code === NOT_ALLOWED) return new ExternalError(gettext("Your wallet is locked, or doesn’t let this site use that account. Open it and connect the account."));
  if (code === UNSUPPORTED) return new ExternalError(gettext("Your wallet can’t sign this kind of message (EIP-712). Use another one."));
  if (code === UNKNOWN_CHAIN) return new ExternalError(gettext("Your wallet doesn’t know this site’s ledger. Add its network to your wallet first."));
  if (AWAY.includes(code)) return new ExternalError(gettext("Your wallet is not connected to its network. Open it and check the connection."));
  return new ExternalError(fill(gettext("Your wallet answered: %(message)s"), { message: message.slice(0, 200) || String(code) }));
}

/**
 * @param {string} signature as wallets give it: v may be 0 or 1
 * @returns {string}
 */
function usual(signature) {
  const bytes = fromHex(signature, 65);
  const v = /** @type {number} */ (bytes[64]);
  if (v < 27) bytes[64] = v + 27;
  return toHex(bytes);
}

/**
 * @param {string} address
 * @param {import("../protocol/bytes.js").Bytes} hash
 * @param {string} answer
 * @returns {string}
 * @throws {ExternalError} another account signed, or a contract that has no key
 */
function checked(address, hash, answer) {
  try {
    const signature = usual(answer);
    if (sameHex(recover(hash, signature), address)) return signature;
  } catch (error) {
    if (!(error instanceof SignatureError || error instanceof TypeError)) throw error;
  }
  throw new ExternalError(gettext("Your wallet signed with another account, or in a form that the ledger doesn’t take. Choose the linked account; contract wallets can’t be used here."));
}

/**
 * Asks a wallet for an account, and for the root of the session keys: twice, since only a signature that comes again
 * restores them.
 *
 * @param {Found} chosen
 * @returns {Promise<{address: string, signature: string, repeated: boolean, maker: {name: string, rdns: string}}>}
 */
export async function connect({ info, provider }) {
  const [account] = await request(provider, "eth_requestAccounts");
  if (typeof account !== "string") throw new ExternalError(gettext("Your wallet gave no account. Choose one in it and try again."));
  const address = account.toLowerCase();
  const ask = async () => checked(address, sessionRootDigest(address), await request(provider, "eth_signTypedData_v4", [address, JSON.stringify(sessionRootRequest(address))]));
  const signature = await ask();
  const repeated = (await ask()) === signature;
  return { address, signature, repeated, maker: { name: info.name, rdns: info.rdns } };
}

/**
 * The wallet that holds an address, with that account chosen.
 *
 * @param {string} address
 * @returns {Promise<Provider>}
 */
export async function holderOf(address) {
  const [record, all] = await Promise.all([wallet(address), providers()]);
  if (!all.length) throw new ExternalError(gettext("The wallet that holds your key is not in this browser. Open the browser where it is installed."));
  const rdns = record?.maker?.rdns;
  const likely = [...all].sort((a, b) => Number(b.info.rdns === rdns) - Number(a.info.rdns === rdns));
  for (const { provider } of likely) {
    const accounts = /** @type {string[]} */ (await request(provider, "eth_accounts"));
    if (accounts.some((one) => sameHex(one, address))) return provider;
  }
  const { provider } = /** @type {Found} */ (likely[0]);
  const accounts = /** @type {string[]} */ (await request(provider, "eth_requestAccounts"));
  if (accounts.some((one) => sameHex(one, address))) return provider;
  throw new ExternalError(fill(gettext("Choose the account %(address)s in your wallet, and try again."), { address }));
}

/**
 * Wallets sign typed data only for the chain that they are on.
 *
 * @param {Provider} provider
 * @param {string} chainId in decimal digits
 */
async function changeChain(provider, chainId) {
  const wanted = `0x${BigInt(chainId).toString(16)}`;
  const now = await request(provider, "eth_chainId");
  if (BigInt(now) === BigInt(chainId)) return;
  await request(provider, "wallet_switchEthereumChain", [{ chainId: wanted }]);
}

/** @param {string} type */
const named = (type) => parseType(type).map(({ type: of, key }) => ({ type: of, name: key }));

/**
 * What `eth_signTypedData_v4` takes.
 *
 * @param {Domain} domain
 * @param {TypeName} name
 * @param {Struct} struct
 */
export function typedRequest(domain, name, struct) {
  return {
    types: { EIP712Domain: named(TYPES.EIP712Domain), [name]: named(TYPES[name]) },
    primaryType: name,
    domain: { ...domain, chainId: Number(domain.chainId) },
    message: struct,
  };
}

/**
 * @param {string} address
 * @param {Domain} domain
 * @param {TypeName} name
 * @param {Struct} struct
 * @returns {Promise<string>}
 */
export async function signTyped(address, domain, name, struct) {
  const provider = await holderOf(address);
  await changeChain(provider, domain.chainId);
  const answer = await request(provider, "eth_signTypedData_v4", [address, JSON.stringify(typedRequest(domain, name, struct))]);
  return checked(address, digest(domain, name, struct), answer);
}

/**
 * @param {string} address
 * @param {string} text
 * @returns {Promise<string>}
 */
export async function signMessage(address, text) {
  const provider = await holderOf(address);
  const answer = await request(provider, "personal_sign", [toHex(/** @type {any} */ (utf8ToBytes(text))), address]);
  return checked(address, textDigest(text), answer);
}

/**
 * Hears when the other wallet shows another account, another chain, or goes.
 *
 * @param {string} address
 * @param {(what: "account"|"chain"|"gone") => void} tell
 */
export async function watch(address, tell) {
  const rdns = (await wallet(address))?.maker?.rdns;
  for (const { info, provider } of await providers()) {
    if (rdns && info.rdns !== rdns) continue;
    provider.on?.("accountsChanged", (/** @type {string[]} */ accounts) => {
      if (!accounts.some((one) => sameHex(one, address))) tell("account");
    });
    provider.on?.("chainChanged", () => tell("chain"));
    provider.on?.("disconnect", () => tell("gone"));
  }
}

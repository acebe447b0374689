/**
 * Money to a session key and back to the wallet. Each signature names who gets it (ERC-3009, EarningsWithdrawal), so
 * that the site, which brings it to the ledger, can't divert it.
 */

import * as api from "../api.js";
import { randomId, sameHex } from "../protocol/bytes.js";
import { protocolDomain } from "../protocol/typed_data.js";
import { gettext } from "../ui/language.js";
import { deed } from "./deeds.js";
import { depositInWords, returnInWords, withdrawalInWords } from "./money_words.js";

/** @typedef {import("./signer.js").WalletSigner} WalletSigner */
/** @typedef {import("../protocol/typed_data.js").Domain} Domain */
/**
 * @typedef {object} SessionMoney what the API tells of a session key
 * @property {string} nonce of the terms that it derives from
 * @property {string} address
 * @property {{display_name: string}} partner
 * @property {string} balance
 * @property {string} permit_nonce
 * @property {boolean} in_use
 * @property {{serial: string, msc: string, amount: string, nonce: string}[]} earnings
 */

const VALID_S = 600;

/** Something about money can't be as the site says. */
export class FundsError extends Error {}

/**
 * The token's EIP-712 domain.
 *
 * @param {any} ledger answer of `GET ledger/`
 * @returns {Domain}
 */
export function tokenDomain(ledger) {
  const { name, version, address } = ledger.token;
  return { name, version, chainId: String(ledger.chain_id), verifyingContract: address };
}

/**
 * @param {{from: string, to: string, value: bigint}} move
 * @returns {Record<string, string>} the message of `TransferWithAuthorization`
 */
export function transferOf({ from, to, value }) {
  const validBefore = String(Math.floor(Date.now() / 1000) + VALID_S);
  return { from, to, value: String(value), validAfter: "0", validBefore, nonce: randomId() };
}

/**
 * @param {Record<string, string>} transfer
 * @param {string} signature
 */
async function relay(transfer, signature) {
  const { from: source, to, value, nonce } = transfer;
  await api.post("wallet/transfer/", { source, to, value, valid_before: Number(transfer.validBefore), nonce, signature });
}

/**
 * @param {string} nonce of the terms
 * @returns {Promise<SessionMoney>}
 */
export function moneyOf(nonce) {
  return api.get(`wallet/session-keys/${nonce}/`);
}

/**
 * Brings what is missing for a deposit from the wallet to the session key.
 *
 * @param {WalletSigner} signer
 * @param {string} nonce of the terms
 * @param {bigint} amount
 * @param {string} partner
 */
export async function topUp(signer, nonce, amount, partner) {
  const to = await signer.sessionAddress(nonce);
  const [ledger, held] = await Promise.all([api.get("ledger/"), moneyOf(nonce)]);
  const missing = amount - BigInt(held.balance);
  if (missing <= 0n) return;
  const transfer = transferOf({ from: signer.address, to, value: missing });
  const words = depositInWords(transfer, partner);
  await relay(transfer, await signer.signAsRoot(tokenDomain(ledger), "TransferWithAuthorization", transfer, words));
}

/**
 * Lets the registry take a deposit of exactly this value from the session key. Nothing is asked: who signs the opening
 * agrees to this very value.
 *
 * @param {WalletSigner} signer
 * @param {string} nonce of the terms
 * @param {bigint} value
 * @param {number} deadline
 * @returns {Promise<{type: "deposit", permitDeadline: string, permitSignature: string}>}
 */
export async function permitDeposit(signer, nonce, value, deadline) {
  const owner = await signer.sessionAddress(nonce);
  const [ledger, held] = await Promise.all([api.get("ledger/"), moneyOf(nonce)]);
  const permit = { owner, spender: ledger.registry, value: String(value), nonce: held.permit_nonce, deadline: String(deadline) };
  const agreed = { agreed: deed("deposit_locked", { amount: value }) };
  const permitSignature = await signer.signInSession(nonce, tokenDomain(ledger), "Permit", permit, agreed);
  return { type: "deposit", permitDeadline: permit.deadline, permitSignature };
}

/**
 * What lies at a session key goes to the wallet.
 *
 * @param {WalletSigner} signer
 * @param {SessionMoney} held
 */
export async function bringBack(signer, held) {
  const from = await ownAddress(signer, held);
  const transfer = transferOf({ from, to: signer.address, value: BigInt(held.balance) });
  const words = returnInWords(transfer, held.partner.display_name);
  const domain = tokenDomain(await api.get("ledger/"));
  await relay(transfer, await signer.signInSession(held.nonce, domain, "TransferWithAuthorization", transfer, words));
}

/**
 * What a note of a session key earned goes to the wallet.
 *
 * @param {WalletSigner} signer
 * @param {SessionMoney} held
 * @param {SessionMoney["earnings"][number]} earned
 */
export async function withdrawEarnings(signer, held, earned) {
  const holder = await ownAddress(signer, held);
  const withdrawal = { serial: earned.serial, holder, to: signer.address, nonce: earned.nonce };
  const words = withdrawalInWords(withdrawal, BigInt(earned.amount), held.partner.display_name);
  const { chain_id: chainId } = await api.get("ledger/");
  const domain = protocolDomain(String(chainId), earned.msc);
  const signature = await signer.signInSession(held.nonce, domain, "EarningsWithdrawal", withdrawal, words);
  await api.post(`notes/${earned.serial}/withdraw/`, { signature });
}

/**
 * @param {WalletSigner} signer
 * @param {SessionMoney} held
 * @returns {Promise<string>}
 */
async function ownAddress(signer, held) {
  const address = await signer.sessionAddress(held.nonce);
  if (!sameHex(address, held.address)) throw new FundsError(gettext("This money is not at a key of this wallet. Restore the wallet that opened the channel."));
  return address;
}

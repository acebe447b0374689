/**
 * Linking the wallet to the account (EIP-4361): the server writes the message, the browser checks that it says
 * nothing else before it signs.
 */

import * as api from "../api.js";
import { checksumAddress } from "../protocol/signing.js";
import { gettext } from "../ui/language.js";
import { deed } from "./deeds.js";

/** The server's message is not the sign-in that was asked for. */
export class SignInMessageError extends Error {}

/**
 * @param {string} message EIP-4361 text
 * @param {{host: string, origin: string, address: string, chainId: string}} expected
 * @throws {SignInMessageError}
 */
export function checkSignInMessage(message, { host, origin, address, chainId }) {
  const [first = "", second = "", ...rest] = message.split("\n");
  const fields = new Map(rest.map((line) => /** @type {[string, string]} */ (line.split(/: (.*)/s).slice(0, 2))));
  const sound =
    first === `${host} wants you to sign in with your Ethereum account:` &&
    second === checksumAddress(address) &&
    new URL(fields.get("URI") ?? "about:blank").origin === origin &&
    fields.get("Version") === "1" &&
    fields.get("Chain ID") === chainId &&
    /^[A-Za-z0-9]{8,}$/.test(fields.get("Nonce") ?? "");
  if (!sound) throw new SignInMessageError(gettext("The sign-in message names another site, wallet or chain. Don't sign it; reload the page."));
}

/**
 * Proves to the account that this wallet is the person's.
 *
 * @param {import("./signer.js").WalletSigner} signer
 * @returns {Promise<{address: string, balance: string|null}>}
 */
export async function linkWallet(signer) {
  const { chain_id: chainId } = await api.get("ledger/");
  const { message } = await api.post("wallet/challenge/", { address: signer.address });
  checkSignInMessage(message, { host: location.host, origin: location.origin, address: signer.address, chainId: String(chainId) });
  const signature = await signer.signText(message, {
    deed: deed("link"),
    sentence: gettext("You prove that the wallet is yours. Nothing is paid and nothing is promised."),
    facts: [[gettext("Wallet"), checksumAddress(signer.address)]],
    action: gettext("Sign and link"),
    raw: { message },
  });
  return api.post("wallet/", { message, signature });
}

/**
 * Signing the credit agreement and the permit for its collateral.
 */

import * as api from "../api.js";
import { sameHex } from "../protocol/bytes.js";
import { Declined } from "../ui/dialogs.js";
import { need, notice, replace } from "../ui/dom.js";
import { money } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { toastError } from "../ui/toast.js";
import { expected } from "../wallet/asked.js";
import { deed } from "../wallet/deeds.js";
import { WalletSigner } from "../wallet/signer.js";
import { agreementInWords } from "../wallet/words.js";

const card = need("#agreement");

/**
 * The permit may do what the agreement says and nothing more.
 *
 * @param {Record<string, string>} permit
 * @param {Record<string, string>} agreement
 */
function checkPermit(permit, agreement) {
  const sound =
    sameHex(permit.spender ?? "", card.dataset.msc ?? "") &&
    sameHex(permit.owner ?? "", agreement.participant ?? "") &&
    permit.value === agreement.collateral;
  if (!sound) throw new Error("The permit doesn’t fit the agreement’s collateral. Nothing was signed; reload the page.");
}

async function sign() {
  const address = document.body.dataset.wallet ?? "";
  const signer = new WalletSigner(address);
  const asked = await api.get(`agreements/${card.dataset.agreement}/to-sign/`);
  const agreement = expected(asked.agreement, "CreditAgreement");
  const permit = expected(asked.permit, "Permit");
  if (!sameHex(agreement.message.participant ?? "", address)) throw new Error("The agreement names another wallet than yours.");
  if (!sameHex(agreement.domain.verifyingContract, card.dataset.msc ?? "")) throw new Error("The agreement is for another contract than the merchant’s.");
  checkPermit(permit.message, agreement.message);
  const signature = await signer.signAsRoot(agreement.domain, "CreditAgreement", agreement.message, agreementInWords(agreement.message, card.dataset.merchant ?? ""));
  const permitSignature = await signer.signAsRoot(permit.domain, "Permit", permit.message, {
    deed: deed("collateral"),
    sentence: fill(gettext("The merchant’s contract may take exactly %(amount)s from your wallet, once."), { amount: money(agreement.message.collateral ?? 0, { exact: true }) }),
    facts: [[gettext("Amount"), money(agreement.message.collateral ?? 0, { exact: true })], [gettext("To"), card.dataset.merchant ?? ""]],
    action: gettext("Sign permit"),
    raw: permit.message,
  });
  await api.post(`agreements/${card.dataset.agreement}/initialise/`, {
    signature,
    permit_signature: permitSignature,
    permit_deadline: asked.permit_deadline,
  });
  location.reload();
}

/** The collateral must be in the wallet before anything is signed. */
async function warnIfShort() {
  const [{ balance }, agreement] = await Promise.all([api.get("wallet/"), api.get(`agreements/${card.dataset.agreement}/`)]);
  if (balance === null || BigInt(balance) >= BigInt(agreement.collateral)) return;
  replace(need("#agreement-notes"), notice("warn", fill(gettext("Your wallet holds %(balance)s, the collateral is %(collateral)s. Put money into your wallet first; on this test network the wallet page gives you some."), {
    balance: money(balance),
    collateral: money(agreement.collateral),
  })));
}

const button = document.querySelector("#sign-agreement");
if (button instanceof HTMLButtonElement) {
  void warnIfShort().catch(toastError);
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await sign();
    } catch (error) {
      if (!(error instanceof Declined)) toastError(error);
    } finally {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
  });
}

/**
 * Paying a bill on the ledger: one signed transfer to the merchant, whose nonce is made of the bill.
 */

import * as api from "../api.js";
import { sameHex } from "../protocol/bytes.js";
import { Declined } from "../ui/dialogs.js";
import { need } from "../ui/dom.js";
import { money } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { toastError } from "../ui/toast.js";
import { deed } from "../wallet/deeds.js";
import { tokenDomain } from "../wallet/funds.js";
import { WalletSigner } from "../wallet/signer.js";

const VALID_S = 600;
const card = need("#bill");
const button = /** @type {HTMLButtonElement} */ (need("#pay-bill"));

/**
 * @param {Record<string, string>} transfer
 * @returns {import("../ui/dialogs.js").SigningQuestion}
 */
function paymentInWords(transfer) {
  const { merchant = "", reference = "" } = card.dataset;
  const amount = money(transfer.value ?? 0, { exact: true });
  return {
    deed: deed("bill", { reference }),
    sentence: fill(gettext("%(amount)s goes from your wallet to %(merchant)s. The transfer carries this bill’s mark, so that the ledger takes it once."), { amount, merchant }),
    facts: [
      [gettext("Amount"), amount],
      [gettext("Goes to"), merchant],
      [gettext("For"), reference],
    ],
    action: gettext("Sign transfer"),
    raw: transfer,
  };
}

async function pay() {
  const address = document.body.dataset.wallet ?? "";
  const path = `bills/${card.dataset.bill}/pay/`;
  const [asked, ledger] = await Promise.all([api.get(path), api.get("ledger/")]);
  const sound = sameHex(asked.source, address) && asked.value === button.dataset.rest;
  if (!sound) throw new Error(gettext("What is to be signed doesn’t fit this bill. Nothing was signed; reload the page."));
  const validBefore = String(Math.floor(Date.now() / 1000) + VALID_S);
  const transfer = { from: address, to: asked.to, value: asked.value, validAfter: "0", validBefore, nonce: asked.nonce };
  const signer = new WalletSigner(address);
  const signature = await signer.signAsRoot(tokenDomain(ledger), "TransferWithAuthorization", transfer, paymentInWords(transfer));
  await api.post(path, { valid_before: Number(validBefore), signature });
  location.reload();
}

button.addEventListener("click", async () => {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await pay();
  } catch (error) {
    if (!(error instanceof Declined)) toastError(error);
  }
  button.disabled = false;
  button.removeAttribute("aria-busy");
});

/**
 * What this person owes and earned under each credit agreement, by billing period; paying it.
 */

import * as api from "../api.js";
import { sameHex } from "../protocol/bytes.js";
import { Declined } from "../ui/dialogs.js";
import { facts, h, need, notice, replace } from "../ui/dom.js";
import { money, when } from "../ui/format.js";
import { toast, toastError } from "../ui/toast.js";
import { expected } from "../wallet/asked.js";
import { WalletSigner } from "../wallet/signer.js";
import { paymentInWords, permitInWords } from "../wallet/words.js";

/** @typedef {{id: string, sid: string, state: string, merchant: {name: string, msc: string}}} Agreement */
/** @typedef {Record<string, any>} Statement */

const card = need("#credit");
const address = document.body.dataset.wallet ?? "";

/**
 * @param {Agreement} agreement
 * @param {bigint} amount
 */
async function pay(agreement, amount) {
  const signer = new WalletSigner(address);
  const asked = await api.get(`agreements/${agreement.id}/pay/?amount=${amount}`);
  const consent = expected(asked.consent, "DebtPayment");
  const permit = expected(asked.permit, "Permit");
  const { msc, name } = agreement.merchant;
  const sound =
    consent.message.sid === agreement.sid &&
    consent.message.amount === String(amount) &&
    permit.message.value === String(amount) &&
    sameHex(consent.message.from ?? "", address) &&
    sameHex(permit.message.owner ?? "", address) &&
    sameHex(permit.message.spender ?? "", msc) &&
    sameHex(consent.domain.verifyingContract, msc);
  if (!sound) throw new Error("What is to be signed doesn’t fit the payment. Nothing was signed; reload the page.");
  const signature = await signer.signAsRoot(consent.domain, "DebtPayment", consent.message, paymentInWords(consent.message, name));
  const permitSignature = await signer.signAsRoot(permit.domain, "Permit", permit.message, permitInWords(permit.message, name));
  await api.post(`agreements/${agreement.id}/pay/`, {
    amount: String(amount),
    signature,
    permit_signature: permitSignature,
    permit_deadline: asked.permit_deadline,
  });
}

/**
 * @param {Agreement} agreement
 * @param {bigint} amount
 * @returns {HTMLElement}
 */
function payButton(agreement, amount) {
  const made = h("button", { class: "button button--primary", type: "button" }, `Pay ${money(amount, { exact: true })}`);
  made.addEventListener("click", async () => {
    made.disabled = true;
    made.setAttribute("aria-busy", "true");
    try {
      await pay(agreement, amount);
      toast(`${money(amount)} is paid to ${agreement.merchant.name}.`);
      await show();
    } catch (error) {
      if (!(error instanceof Declined)) toastError(error);
    }
    made.disabled = false;
    made.removeAttribute("aria-busy");
  });
  return h("div", { class: "row row--end" }, made);
}

/**
 * What is to be done, if anything is.
 *
 * @param {Agreement} agreement
 * @param {Statement} books
 */
function remedy(agreement, books) {
  const claim = books.claim;
  if (claim && claim.to_pay !== "0") {
    const said = `${agreement.merchant.name} claims ${money(claim.due)} from your collateral. Pay ${money(claim.to_pay, { exact: true })} by ${when(claim.deadline)}, and the collateral stays yours.`;
    return [notice("bad", said), payButton(agreement, BigInt(claim.to_pay))];
  }
  if (claim) return [notice("", `All that ${agreement.merchant.name} claimed is paid: your collateral is safe.`)];
  if (books.payable === "0") return [];
  return [
    notice("warn", `${money(books.payable, { exact: true })} is due. Unless you pay it, ${agreement.merchant.name} may claim it from your collateral.`),
    payButton(agreement, BigInt(books.payable)),
  ];
}

/**
 * The way back of the collateral, once nothing locks it.
 *
 * @param {Agreement} agreement
 * @param {Statement} books
 */
function collateralBack(agreement, books) {
  const locked = books.claim || books.collateral === "0" || Date.now() / 1000 <= books.locked_until;
  if (locked) return [];
  const made = h("button", { class: "button", type: "button" }, `Bring ${money(books.collateral)} of collateral back`);
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await api.post(`agreements/${agreement.id}/withdraw-collateral/`);
      toast("The collateral is in your wallet.");
      await show();
    } catch (error) {
      toastError(error);
      made.disabled = false;
    }
  });
  return [h("div", { class: "row row--end" }, made)];
}

/** @param {Statement} books */
function periods(books) {
  const names = ["Spent", "Earned", "Paid", "Debt at the end"];
  const heads = ["From", ...names].map((text, at) => h("th", { scope: "col", class: at ? "right" : "" }, text));
  const rows = books.periods.map((/** @type {Statement} */ period) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, when(period.starts_at, "date")),
      ...["spent", "earned", "paid", "debt"].map((name, at) => h("td", { class: "right num", "data-label": names[at] ?? "" }, money(period[name]))),
    ),
  );
  return h("div", { class: "folding" }, h("table", { class: "table table--fold" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)));
}

/**
 * @param {Agreement} agreement
 * @param {Statement} books
 */
function account(agreement, books) {
  const standing = facts([
    ["Limit", money(books.limit)],
    ["Left for notes", money(books.available)],
    ["Collateral", money(books.collateral)],
    ["Debt", money(books.debt)],
    ["Of it due", money(books.due)],
    ["Paid ahead", money(books.paid)],
  ]);
  return [h("h3", {}, agreement.merchant.name), ...remedy(agreement, books), standing, ...collateralBack(agreement, books), periods(books)];
}

/** All active agreements; the card is not shown without one. */
async function show() {
  /** @type {Agreement[]} */
  const agreements = (await api.list("agreements/")).filter((/** @type {Agreement} */ one) => one.state === "active");
  const books = await Promise.all(agreements.map((one) => api.get(`agreements/${one.id}/statement/`)));
  card.hidden = agreements.length === 0;
  replace(need("#credit-accounts"), ...agreements.flatMap((one, at) => account(one, books[at])));
}

if (address) {
  show().catch((error) => {
    card.hidden = false;
    replace(need("#credit-accounts"), notice("warn", /** @type {Error} */ (error).message));
  });
}

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
import { fill, gettext } from "../ui/language.js";

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
  if (!sound) throw new Error(gettext("What is to be signed doesn’t fit the payment. Nothing was signed; reload the page."));
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
  const made = h("button", { class: "button button--primary", type: "button" }, fill(gettext("Pay %(amount)s"), { amount: money(amount, { exact: true }) }));
  made.addEventListener("click", async () => {
    made.disabled = true;
    made.setAttribute("aria-busy", "true");
    try {
      await pay(agreement, amount);
      toast(fill(gettext("%(amount)s is paid to %(merchant)s."), { amount: money(amount), merchant: agreement.merchant.name }));
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
    const said = fill(gettext("%(merchant)s claims %(due)s from your collateral. Pay %(rest)s by %(when)s, and the collateral stays yours."), {
      merchant: agreement.merchant.name,
      due: money(claim.due),
      rest: money(claim.to_pay, { exact: true }),
      when: when(claim.deadline),
    });
    return [notice("bad", said), payButton(agreement, BigInt(claim.to_pay))];
  }
  if (claim) return [notice("", fill(gettext("All that %(merchant)s claimed is paid: your collateral is safe."), { merchant: agreement.merchant.name }))];
  if (books.payable === "0") return [];
  return [
    notice("warn", fill(gettext("%(amount)s is due. Unless you pay it, %(merchant)s may claim it from your collateral."), {
        amount: money(books.payable, { exact: true }),
        merchant: agreement.merchant.name,
      })),
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
  const made = h("button", { class: "button", type: "button" }, fill(gettext("Bring %(amount)s of collateral back"), { amount: money(books.collateral) }));
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await api.post(`agreements/${agreement.id}/withdraw-collateral/`);
      toast(gettext("The collateral is in your wallet."));
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
  const names = [gettext("Spent"), gettext("Earned"), gettext("Paid"), gettext("Debt at the end")];
  const heads = [gettext("From"), ...names].map((text, at) => h("th", { scope: "col", class: at ? "right" : "" }, text));
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
    [gettext("Limit"), money(books.limit)],
    [gettext("Left for notes"), money(books.available)],
    [gettext("Collateral"), money(books.collateral)],
    [gettext("Debt"), money(books.debt)],
    [gettext("Of it due"), money(books.due)],
    [gettext("Paid ahead"), money(books.paid)],
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

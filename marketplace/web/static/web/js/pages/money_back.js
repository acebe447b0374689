/**
 * Money that lies with this wallet's session keys: what channels paid out, and what notes earned; and the way home.
 */

import { get } from "../api.js";
import { Declined } from "../ui/dialogs.js";
import { h, need, notice, replace } from "../ui/dom.js";
import { money } from "../ui/format.js";
import { toast, toastError } from "../ui/toast.js";
import { bringBack, moneyOf, withdrawEarnings } from "../wallet/funds.js";
import { WalletSigner } from "../wallet/signer.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {import("../wallet/funds.js").SessionMoney} SessionMoney */

const card = need("#money-back");
const { nonce = "" } = card.dataset;
const address = document.body.dataset.wallet ?? "";

/**
 * @param {bigint} amount
 * @param {() => Promise<void>} act
 * @returns {HTMLButtonElement}
 */
function button(amount, act) {
  const made = h("button", { class: "button button--primary", type: "button" }, fill(gettext("Bring %(amount)s back to my wallet"), { amount: money(amount) }));
  made.addEventListener("click", async () => {
    made.disabled = true;
    made.setAttribute("aria-busy", "true");
    try {
      await act();
      toast(fill(gettext("%(amount)s is in your wallet."), { amount: money(amount) }));
      dispatchEvent(new Event("wattnote:money"));
      await show();
    } catch (error) {
      if (!(error instanceof Declined)) toastError(error);
    }
    made.disabled = false;
    made.removeAttribute("aria-busy");
  });
  return made;
}

/** @param {SessionMoney} held */
function lines(held) {
  const signer = new WalletSigner(address);
  const partner = held.partner.display_name;
  const paid = BigInt(held.balance);
  const rows = held.earnings.map((earned) => [
    h("p", {}, fill(gettext("You earned %(amount)s with your credit note in the channel with %(partner)s. The merchant’s contract keeps it for you."), { amount: money(earned.amount, { exact: true }), partner })),
    h("div", { class: "row" }, button(BigInt(earned.amount), () => withdrawEarnings(signer, held, earned))),
  ]);
  if (paid > 0n && held.in_use) rows.push([h("p", {}, fill(gettext("%(amount)s lies ready for the channel with %(partner)s that is being opened."), { amount: money(paid, { exact: true }), partner }))]);
  else if (paid > 0n) {
    const said = fill(gettext("%(amount)s lies at your own key for %(partner)s: paid out by a channel, or not used for one."), { amount: money(paid, { exact: true }), partner });
    rows.push([h("p", {}, said), h("div", { class: "row" }, button(paid, () => bringBack(signer, held)))]);
  }
  return rows.flat();
}

/** What lies there now; the card is not shown where there is nothing. */
async function show() {
  /** @type {SessionMoney[]} */
  const keys = nonce ? [await moneyOf(nonce)] : await get("wallet/session-keys/");
  const rows = keys.flatMap(lines);
  card.hidden = rows.length === 0;
  replace(need("#money-back-list"), ...rows);
}

if (address) {
  show().catch((error) => {
    card.hidden = false;
    replace(need("#money-back-list"), notice("warn", /** @type {Error} */ (error).message));
  });
}

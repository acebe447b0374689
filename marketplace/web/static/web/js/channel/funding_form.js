/**
 * The choice how the own side of a channel is funded: by credit note or by deposit, and how much.
 */

import { get } from "../api.js";
import { h, replace } from "../ui/dom.js";
import { money, parseDecimal } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {import("./funding.js").Choice} Choice */

/** Fields with the choice; what can't be had is not offered. */
export class FundingFields {
  /** @param {string} merchant who vouches for notes; "" where nobody does */
  constructor(merchant) {
    this.merchant = merchant;
    this.amount = h("input", { id: "open-amount", inputmode: "decimal", value: "20.00", autocomplete: "off" });
    this.help = h("span", { class: "field__help", id: "funding-help" });
    this.element = h("div", { class: "stack stack--tight", onchange: () => this.explain() });
    /** @type {string|null} */
    this.balance = null;
    this.deposits = false;
  }

  /**
   * @returns {Promise<boolean>} whether there is any way to fund a side
   */
  async load() {
    const [ledger, wallet] = await Promise.all([get("ledger/"), get("wallet/")]);
    this.deposits = ledger.token.takes_authorizations === true;
    this.balance = wallet.balance;
    const picked = this.kind; // what somebody chose outlasts a new look at their money
    const radio = (/** @type {string} */ value, /** @type {string} */ word, /** @type {boolean} */ checked) =>
      h("label", {}, h("input", { type: "radio", name: "funding", value, checked }), word);
    const both = Boolean(this.merchant) && this.deposits;
    replace(
      this.element,
      both ? h("fieldset", { class: "field" }, h("legend", {}, gettext("Pay by")), h("div", { class: "choice" }, radio("note", gettext("Credit note"), picked === "note"), radio("deposit", gettext("Deposit"), picked === "deposit"))) : null,
      h("div", { class: "field" }, h("label", { for: "open-amount" }, gettext("Amount for this channel")), h("div", { class: "with-unit" }, this.amount, h("span", { "aria-hidden": "true" }, "€")), this.help),
    );
    this.explain();
    return Boolean(this.merchant) || this.deposits;
  }

  /** @returns {Choice["kind"]} */
  get kind() {
    const picked = this.element.querySelector("input[name=funding]:checked");
    if (picked instanceof HTMLInputElement) return picked.value === "note" ? "note" : "deposit";
    return this.merchant ? "note" : "deposit";
  }

  explain() {
    const held = this.balance === null ? "" : ` ${fill(gettext("Your wallet holds %(balance)s."), { balance: money(this.balance) })}`;
    this.help.textContent =
      this.kind === "note"
        ? fill(gettext("%(merchant)s vouches for this much. Nothing is locked; what you spend is billed later."), { merchant: this.merchant })
        : gettext("Locked until the channel closes; then what is yours comes back. The ledger shows that your wallet paid it.") + held;
  }

  /**
   * @returns {Choice}
   * @throws {RangeError} no number, nothing, or more than the wallet holds
   */
  get choice() {
    const amount = parseDecimal(this.amount.value, 6);
    if (amount === 0n) throw new RangeError(gettext("Choose an amount above 0."));
    if (this.kind === "deposit" && this.balance !== null && amount > BigInt(this.balance)) {
      throw new RangeError(fill(gettext("Your wallet holds %(balance)s. Choose less, or add money first."), { balance: money(this.balance) }));
    }
    return { kind: this.kind, amount };
  }
}

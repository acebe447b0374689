/**
 * Where there is no channel with an agent yet: the form that opens one.
 */

import { Declined } from "../ui/dialogs.js";
import { h, replace } from "../ui/dom.js";
import { toastError } from "../ui/toast.js";
import { FundingFields } from "./funding_form.js";
import { openWithAgent } from "./opening.js";
import { gettext } from "../ui/language.js";

/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {import("./funding.js").Choice} Choice */
/** @typedef {import("./funding.js").Credit} Credit */
/** @typedef {import("./opening.js").Partner} Partner */

/**
 * A form that asks how to fund the own side, and does something with the answer.
 *
 * @param {string} merchant who vouches for notes; "" where nobody does
 * @param {string} word of the button
 * @param {(choice: Choice, say: (text: string) => void) => Promise<void>} act
 * @param {...(Node|null)} more beside the button
 * @returns {Promise<HTMLFormElement|null>} null where there is no way to fund a side
 */
export async function fundingForm(merchant, word, act, ...more) {
  const fields = new FundingFields(merchant);
  if (!(await fields.load())) return null;
  const go = h("button", { class: "button button--primary", type: "submit" }, word);
  const progress = h("p", { class: "small muted", role: "status" });
  return h("form", { class: "stack", novalidate: true, onsubmit: (/** @type {SubmitEvent} */ event) => void submit(event) }, fields.element, h("div", { class: "row" }, go, ...more), progress);

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    go.setAttribute("aria-busy", "true");
    try {
      await act(fields.choice, (text) => {
        progress.textContent = `${text}…`;
      });
    } catch (error) {
      progress.textContent = "";
      if (!(error instanceof Declined)) toastError(error);
    }
    go.disabled = false;
    go.removeAttribute("aria-busy");
  }
}

/**
 * @param {string} onboarding address
 * @param {boolean} hasWallet
 */
export function getStarted(onboarding, hasWallet) {
  return [
    h("p", { class: "muted" }, hasWallet ? gettext("With a credit agreement you open channels without locking money.") : gettext("First make a wallet; then a merchant can vouch for you.")),
    h("a", { class: "button button--primary", href: onboarding }, gettext("Get started")),
  ];
}

/**
 * @param {HTMLElement} place
 * @param {ChannelDesk} desk
 * @param {Partner} partner
 * @param {{credit: Credit, contracts: any[], onboarding: string}} known
 * @param {(channel: string) => void} opened
 */
export async function offerStart(place, desk, partner, { credit, contracts, onboarding }, opened) {
  const form = await fundingForm(credit.merchant, gettext("Open channel"), async (choice, say) => opened(await openWithAgent(desk, partner, choice, credit, contracts, say)));
  replace(place, ...(form ? [form] : getStarted(onboarding, true)));
}

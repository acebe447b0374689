/**
 * What stands in place of a channel between two people who have none yet: the next step of both.
 */

import * as api from "../api.js";
import { Declined } from "../ui/dialogs.js";
import { facts, h, replace } from "../ui/dom.js";
import { duration, money, when } from "../ui/format.js";
import { toast, toastError } from "../ui/toast.js";
import { isDeposit } from "./funding.js";
import { acceptTerms, askedOf, awaitsMe, confirmOpening, nextStep, propose, requestOpening } from "./people.js";
import { fundingForm, getStarted } from "./start.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {import("./funding.js").Credit} Credit */
/** @typedef {import("./funding.js").Promised} Promised */
/** @typedef {import("./people.js").Contract} Contract */
/** @typedef {import("./opening.js").Partner} Partner */

/** @param {Promised} side */
const inWords = (side) => fill(isDeposit(side) ? gettext("%(amount)s by deposit") : gettext("%(amount)s by credit note"), { amount: money(side.amount) });

/** The panel of one partner. */
export class PeoplePanel {
  /**
   * @param {HTMLElement} place
   * @param {ChannelDesk} desk
   * @param {Partner} partner
   * @param {{credit: Credit, onboarding: string}} own
   * @param {(channel: string) => void} opened
   */
  constructor(place, desk, partner, { credit, onboarding }, opened) {
    this.place = place;
    this.desk = desk;
    this.partner = partner;
    this.credit = credit;
    this.onboarding = onboarding;
    this.opened = opened;
    this.shown = "";
    this.turn = 0;
  }

  /** Somebody else has the place now: what is still being fetched for it comes too late. */
  leave() {
    this.shown = "";
    this.turn += 1;
  }

  /**
   * Nothing is drawn anew where the step is the same: somebody may be typing.
   *
   * @param {string} key
   * @param {() => Promise<(Node|null)[]>} make
   */
  async draw(key, make) {
    if (this.shown === key) return;
    this.shown = key;
    try {
      const parts = await make();
      if (this.shown === key) replace(this.place, ...parts);
    } catch (error) {
      this.shown = "";
      throw error;
    }
  }

  /** @param {Contract[]} contracts */
  async show(contracts) {
    this.turn += 1;
    const { turn } = this;
    const used = new Set((await api.list("channels/")).map((c) => c.scid));
    if (turn !== this.turn) return;
    const { step, contract } = nextStep(contracts, this.partner.owner, used);
    await this.draw(`${step}/${contract?.conversation}`, () => this.parts(step, contract));
  }

  /**
   * @param {import("./people.js").Step} step
   * @param {Contract|undefined} contract
   * @returns {Promise<(Node|null)[]>}
   */
  parts(step, contract) {
    if (!contract) return this.start();
    if (step === "invited") return this.invited(contract);
    return step === "sign" ? this.sign(contract) : this.waiting(step, contract);
  }

  /**
   * @param {string} word
   * @param {() => Promise<unknown>} act
   * @param {string} [kind]
   */
  button(word, act, kind = "") {
    const made = h("button", { class: `button ${kind}`, type: "button" }, word);
    made.addEventListener("click", async () => {
      made.disabled = true;
      made.setAttribute("aria-busy", "true");
      try {
        await act();
      } catch (error) {
        if (!(error instanceof Declined)) toastError(error);
      }
      made.disabled = false;
      made.removeAttribute("aria-busy");
    });
    return made;
  }

  /**
   * @param {string} word
   * @param {string} conversation
   */
  decline(word, conversation) {
    return this.button(word, () => this.desk.socket.send(conversation, "esc.abort", { reason: "declined" }));
  }

  /** @returns {Promise<Node[]>} */
  async start() {
    const { name } = this.partner;
    return [
      h("p", { class: "muted" }, fill(gettext("Propose the usual terms first. When %(name)s has accepted and said what it brings, you both sign the opening."), { name })),
      h("div", { class: "row" }, this.button(gettext("Propose a channel"), () => propose(this.desk, this.partner), "button--primary")),
    ];
  }

  /**
   * @param {string} step
   * @param {Contract} contract
   * @returns {Promise<(Node|null)[]>}
   */
  async waiting(step, { conversation, phase }) {
    const { name } = this.partner;
    const text = fill(step === "asked" ? gettext("You proposed a channel. %(name)s has to accept the terms.") : gettext("You accepted the terms. %(name)s has to sign the opening now."), { name });
    return [
      h("p", {}, text),
      h("p", { class: "small muted" }, gettext("You can leave this page; the answer shows on your start page too.")),
      phase === "agreed" ? null : h("div", { class: "row" }, this.decline(gettext("Withdraw"), conversation)),
    ];
  }

  /**
   * @param {Contract} contract
   * @returns {Promise<(Node|null)[]>}
   */
  async invited(contract) {
    const { name } = this.partner;
    const { terms, conversation } = contract;
    const decline = this.decline(gettext("Decline"), conversation);
    const act = (/** @type {import("./funding.js").Choice} */ choice) => acceptTerms(this.desk, this.partner, contract, choice, this.credit);
    const form = await fundingForm(this.credit.merchant, gettext("Accept terms"), act, decline);
    return [
      h("p", {}, fill(gettext("%(name)s would like to open a channel with you. Say what you bring; it is asked for when you sign the opening."), { name })),
      facts([
        [gettext("Time to answer a wrong closing"), duration(Number(terms.challengePeriod))],
        [gettext("Penalty for showing an old state"), money(terms.stalePenalty ?? "0")],
      ]),
      ...(form ? [form] : [...getStarted(this.onboarding, true), decline]),
    ];
  }

  /**
   * @param {Contract} contract
   * @returns {Promise<(Node|null)[]>}
   */
  async sign(contract) {
    const { name } = this.partner;
    const theirs = await api.get(`contracts/${contract.conversation}/funding/`);
    const act = async (/** @type {import("./funding.js").Choice} */ choice) => this.opened(await requestOpening(this.desk, this.partner, contract, choice, this.credit));
    const decline = contract.phase === "accepted" ? this.decline(gettext("Withdraw"), contract.conversation) : null;
    const form = await fundingForm(this.credit.merchant, gettext("Sign the opening"), act, decline);
    return [
      h("p", {}, fill(gettext("%(name)s accepted your terms. Choose what you bring, and sign."), { name })),
      facts([[fill(gettext("%(name)s brings"), { name }), inWords(theirs)]]),
      ...(form ? [form] : [...getStarted(this.onboarding, true), decline]),
    ];
  }

  /**
   * An opening that lacks a signature.
   *
   * @param {ChannelView} view
   */
  async request(view) {
    this.turn += 1;
    const { name } = this.partner;
    const { channel, opening } = view;
    const decline = async () => {
      await this.desk.socket.send(channel, "channel.open_abort", { reason: "declined" });
      toast(gettext("Nothing was opened. What you had put in lies on your wallet’s page, ready to be brought back."));
    };
    if (!awaitsMe(view)) {
      return this.draw(`requested/${channel}`, async () => [
        h("p", {}, fill(gettext("You signed the opening. %(name)s has to sign it too, until %(when)s."), { name, when: when(Number(opening.openBy)) })),
        h("div", { class: "row" }, this.button(gettext("Withdraw"), decline)),
      ]);
    }
    const { sourceA: source = "", noteA: note = "", fundingA: amount = "0" } = opening;
    return this.draw(`request/${channel}`, async () => [
      h("p", {}, fill(gettext("%(name)s signed the opening of a channel. It opens as soon as you sign too."), { name })),
      facts([
        [fill(gettext("%(name)s brings"), { name }), inWords({ source, note, amount })],
        [gettext("You bring"), inWords(askedOf(view))],
        [gettext("Sign until"), when(Number(opening.openBy))],
      ]),
      h(
        "div",
        { class: "row" },
        this.button(gettext("Fund and sign"), () => confirmOpening(this.desk, this.partner, view, this.credit), "button--primary"),
        this.button(gettext("Decline"), decline),
      ),
    ]);
  }
}

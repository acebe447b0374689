/**
 * A dispute in plain words: where it stands, until when, who is next, and what this person can do. The words are the
 * site's (`GET channels/{id}/dispute/`); the clock and the deeds are here.
 */

import { get, post } from "../api.js";
import { Declined } from "../ui/dialogs.js";
import { chip, h, replace } from "../ui/dom.js";
import { when } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { toast, toastError } from "../ui/toast.js";
import { read } from "../wallet/database.js";
import { BookError, currentOf } from "./book.js";
import { clock } from "./clock.js";
import { enforceable, enforceAcceptance } from "./enforcing.js";

/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {{stage: string, raised_by: string, until: number|null, version: number|null, mine: number, enforced: boolean, title: string, words: string, steps: {who: string, does: string}[], actions: string[]}} Story */

const LOOK_MS = 3000;
const RUNNING = ["asked", "sending", "running", "answering", "behind", "due"];
/** Buttons for which nothing is signed. */
const UNSIGNED = ["finalise-dispute", "show-state"];
const UNREST = ["asked", "sending", "answering", "due"];

/** The panel of one channel. */
export class DisputePanel {
  /**
   * @param {HTMLElement} place
   * @param {ChannelDesk} desk
   * @param {string} channel
   * @param {string} partner name
   */
  constructor(place, desk, channel, partner) {
    this.place = place;
    this.desk = desk;
    this.channel = channel;
    this.partner = partner;
    /** @type {Story|null} */
    this.story = null;
    this.drawn = "";
    this.busy = false;
    /** Whether what the site shows is older than, or other than, what this browser keeps. */
    this.doubt = false;
    /** Whether the page is to be fetched anew. */
    this.isOld = false;
    this.ticks = 0;
  }

  start() {
    void this.look();
    this.desk.addEventListener("view", (event) => {
      if (/** @type {CustomEvent} */ (event).detail.channel === this.channel) void this.look();
    });
    this.desk.addEventListener("problem", (event) => {
      const { channel, error } = /** @type {CustomEvent} */ (event).detail;
      if (channel !== this.channel || !(error instanceof BookError) || this.doubt) return;
      this.doubt = true;
      void this.look();
    });
    setInterval(() => this.tick(), 1000);
  }

  async look() {
    const story = await get(`channels/${this.channel}/dispute/`).catch(() => null);
    if (story) this.show(story);
  }

  /** The clock goes on; where the stage may change by itself, it is asked for. */
  tick() {
    const { story } = this;
    if (!story) return;
    const left = this.place.querySelector("[role=timer]");
    if (left && story.until) left.textContent = clock(story.until - Date.now() / 1000);
    this.ticks += 1;
    if (this.isOld && !this.busy && this.desk.views.has(this.channel)) return location.reload();
    const over = story.until !== null && Date.now() / 1000 >= story.until;
    if (!document.hidden && (over || (UNREST.includes(story.stage) && this.ticks % (LOOK_MS / 1000) === 0))) void this.look();
  }

  /** @param {Story} story */
  show(story) {
    // The ledger has it now: the page's other parts have something new to tell, too.
    if (this.story?.stage === "sending" && story.stage === "running") this.isOld = true;
    this.story = story;
    const offer = this.offer();
    const key = JSON.stringify([story, offer?.id, this.doubt, this.isReady]);
    if (key === this.drawn || this.busy) return;
    this.drawn = key;
    const live = RUNNING.includes(story.stage);
    this.place.dataset.stage = story.stage;
    this.place.classList.toggle("dispute--live", live);
    if (live) document.querySelector("#channel-locked")?.after(this.place);
    replace(
      this.place,
      h("div", { class: "card__head" }, h("h2", { id: "dispute-h" }, story.title || gettext("Disputes")), live ? chip(gettext("In dispute"), "bad") : null),
      h("p", {}, story.words),
      story.until ? this.deadline(story.until) : null,
      story.version === null || !live ? null : h("p", { class: "small muted num" }, fill(gettext("In dispute: state %(version)s. Your newest: state %(mine)s."), { version: story.version, mine: story.mine })),
      story.steps.length ? h("ol", { class: "dispute__steps" }, ...story.steps.map((step) => h("li", {}, h("b", {}, this.who(step.who)), " ", step.does))) : null,
      this.deeds(story, Boolean(offer)),
    );
  }

  /** Whether the channel's view is there: until then there is nothing that one could sign. */
  get isReady() {
    return this.desk.views.has(this.channel);
  }

  offer() {
    const view = this.desk.views.get(this.channel);
    return view && ["open", "staged"].includes(view.phase) ? enforceable(view) : null;
  }

  /** @param {number} until */
  deadline(until) {
    const left = h("b", { class: "num dispute__clock", role: "timer", "aria-live": "off" }, clock(until - Date.now() / 1000));
    return h("p", { class: "row" }, left, h("span", { class: "small muted" }, fill(gettext("left, until %(when)s"), { when: when(until, "clock") })));
  }

  /** @param {string} who */
  who(who) {
    const names = { me: gettext("You:"), ledger: gettext("The ledger:"), anyone: gettext("Anybody:"), partner: `${this.partner}:` };
    return names[/** @type {keyof typeof names} */ (who)] ?? who;
  }

  /**
   * @param {Story} story
   * @param {boolean} binds an accepted offer that could be enforced
   */
  deeds({ actions, stage }, binds) {
    const can = (/** @type {string} */ name) => actions.includes(name);
    const found = [
      can("raise") ? this.button("dispute-channel", gettext("Dispute"), () => this.raise(), "button--danger") : null,
      binds && stage !== "sending" ? this.button("enforce-offer", gettext("Enforce accepted offer"), () => this.enforce(), "button--danger") : null,
      can("finalise") ? this.button("finalise-dispute", gettext("Have it paid out now"), () => this.finalise(), "button--primary") : null,
      can("evidence") && (this.doubt || RUNNING.includes(stage)) ? this.button("show-state", gettext("Show the state I keep"), () => this.showKept()) : null,
      can("deliveries") ? this.button("claim-deliveries", gettext("Claim what was not delivered"), () => this.claim()) : null,
      can("checkpoint") ? this.button("checkpoint", gettext("Record my newest state on the ledger"), () => this.checkpoint(), "button--quiet") : null,
    ].filter(Boolean);
    return found.length ? h("div", { class: "row dispute__deeds" }, ...found) : null;
  }

  /**
   * @param {string} id
   * @param {string} word
   * @param {() => Promise<void>} act
   * @param {string} [kind]
   */
  button(id, word, act, kind = "") {
    const made = h("button", { id, class: `button ${kind}`, type: "button", disabled: !this.isReady && !UNSIGNED.includes(id) }, word);
    made.addEventListener("click", async () => {
      this.busy = true;
      made.disabled = true;
      made.setAttribute("aria-busy", "true");
      try {
        await act();
      } catch (error) {
        if (!(error instanceof Declined)) toastError(error);
      }
      made.disabled = false;
      made.removeAttribute("aria-busy");
      this.busy = false;
      await this.look();
    });
    return made;
  }

  async raise() {
    await this.desk.dispute(this.channel, "asked by the user");
    toast(fill(gettext("%(partner)s is asked once more. If nothing comes, the ledger decides."), { partner: this.partner }));
  }

  async enforce() {
    await enforceAcceptance(this.desk, this.channel);
    toast(gettext("The ledger applies the offer, and pays out by it unless your partner shows something newer."));
  }

  async finalise() {
    await post(`channels/${this.channel}/dispute/finalise/`);
    toast(gettext("The ledger has paid out."));
  }

  /** The newest state that both signed, out of this browser: with it nobody depends on what the site holds. */
  async showKept() {
    const kept = await read("channels", `${this.desk.signer.address}/${this.channel}`);
    if (!kept?.current) throw new BookError(gettext("This browser keeps no state of this channel."));
    const { state, signatureA, signatureB } = kept.current;
    if (state.version === "0") throw new BookError(gettext("This browser keeps nothing newer than the opening, which the ledger knows."));
    await post(`channels/${this.channel}/dispute/evidence/`, { state, signatureA, signatureB });
    toast(fill(gettext("State %(version)s was shown. The newest one counts."), { version: state.version }));
  }

  /** What the meter says of trades that were sold to this person: short ones are refunded in the disputed state. */
  async claim() {
    const deliveries = await get(`channels/${this.channel}/deliveries/`);
    if (!deliveries.length) throw new BookError(gettext("The meter has said nothing yet about trades that are still open."));
    await this.desk.socket.send(this.channel, "enforce.delivery", { deliveries });
    toast(gettext("The ledger is shown what the meter signed. What you paid for and did not get comes back."));
  }

  async checkpoint() {
    const { version } = currentOf(this.desk.view(this.channel)).state;
    await this.desk.socket.send(this.channel, "checkpoint", { version });
    toast(gettext("The ledger records it. Nothing older can be shown from then on."));
  }
}

/**
 * One channel: closing, disputing, and what this browser keeps of it.
 */

import { ChannelDesk } from "../channel/desk.js";
import { DisputePanel } from "../channel/dispute_panel.js";
import { agreeToFunding, askForFunding } from "../channel/refunding.js";
import { Settler } from "../channel/settling.js";
import { Declined } from "../ui/dialogs.js";
import { need, notice, replace } from "../ui/dom.js";
import { money, parseDecimal, when } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { toast, toastError } from "../ui/toast.js";
import { read } from "../wallet/database.js";
import { askToUnlock } from "../ui/unlocking.js";
import { WalletSigner } from "../wallet/signer.js";

/** Phases whose page has other parts, so that it is fetched anew. */
const RELOADED = ["open", "changing", "closing", "closed", "disputed"];
const bar = need("#channel-actions");
const channel = bar.dataset.channel ?? "";
const address = document.body.dataset.wallet ?? "";
const LOOK_MS = 250;
/** Buttons whose deed is not done yet. */
let acting = 0;

async function showKept() {
  const kept = address ? await read("channels", `${address}/${channel}`) : undefined;
  need("#kept").textContent = kept?.current
    ? fill(gettext("State %(version)s with both signatures, since %(when)s. With it you can claim your balance even if this site is gone."), { version: kept.current.state.version, when: when(Math.floor(kept.at / 1000)) })
    : gettext("Nothing yet. Unlock your wallet on the trading page once, and the newest signed state is kept here.");
}

/**
 * @param {string} selector
 * @param {() => Promise<void>} act
 */
function onPress(selector, act) {
  const button = document.querySelector(selector);
  if (!(button instanceof HTMLButtonElement)) return;
  button.addEventListener("click", async () => {
    button.disabled = true;
    acting += 1;
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Declined)) toastError(error);
    } finally {
      button.disabled = false;
      acting -= 1;
    }
  });
}

/** Fetches the page anew, once nobody is in the middle of something. */
function renew() {
  if (acting || document.querySelector("dialog[open]")) setTimeout(renew, LOOK_MS);
  else location.reload();
}

/** @param {Element} button that waited for the channel's view */
function enable(button) {
  button.removeAttribute("disabled");
  button.removeAttribute("data-early");
}

function main() {
  void showKept();
  if (!address || ["closed", "aborted"].includes(bar.dataset.phase ?? "")) return;
  const desk = new ChannelDesk(new WalletSigner(address));
  const partner = bar.dataset.partner ?? "";
  desk.names.set(bar.dataset.peer ?? "", partner);
  let phase = bar.dataset.phase ?? "";
  /** Whether the log was read to where this page begins; what the ledger says after that is not on it yet. */
  let isRead = false;
  desk.addEventListener("entry", (event) => {
    const { channel: of, type } = /** @type {CustomEvent} */ (event).detail;
    if (isRead && of === channel && type.startsWith("ledger.")) document.body.dispatchEvent(new Event("ledger-told"));
  });
  desk.addEventListener("channels", () => desk.socket.follow(channel));
  desk.addEventListener("problem", (event) => {
    const { error } = /** @type {CustomEvent} */ (event).detail;
    if (!(error instanceof Declined)) replace(need("#channel-problem"), notice("bad", error.message));
  });
  desk.addEventListener("view", (event) => {
    const view = /** @type {CustomEvent} */ (event).detail;
    if (view.channel !== channel) return;
    isRead = true;
    // Until now there was nothing that they could have signed.
    for (const early of document.querySelectorAll("button[data-early]")) enable(early);
    if (view.current) {
      const { state } = view.current;
      need("#mine").textContent = money(view.side === "a" ? state.balanceA : state.balanceB, { exact: true });
    }
    if (phase !== view.phase && RELOADED.includes(view.phase)) renew();
    phase = view.phase;
    void showKept();
  });
  desk.addEventListener("locked", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.channel === channel) askToUnlock(need("#channel-locked"), desk.signer);
  });
  desk.addEventListener("closing", () => {
    replace(need("#channel-problem"), notice("warn", fill(gettext("%(partner)s wants to close this channel at the balances above. Press “Close” to agree."), { partner })));
  });
  desk.addEventListener("funding", () => {
    replace(need("#channel-problem"), notice("warn", fill(gettext("%(partner)s wants to put money into this channel, or take some out. Press “Agree” to see what changes."), { partner })));
    document.querySelector("#agree-funding")?.removeAttribute("hidden");
  });
  for (const way of ["put-in", "take-out"]) {
    onPress(`#${way}`, async () => {
      const amount = parseDecimal(/** @type {HTMLInputElement} */ (need("#funding-amount")).value, 6);
      if (amount === 0n) throw new RangeError(gettext("Choose an amount above 0."));
      await askForFunding(desk, channel, way === "put-in" ? amount : -amount);
      toast(gettext("Signed. Your partner has to agree; then the ledger changes the funding."));
    });
  }
  onPress("#agree-funding", async () => {
    await agreeToFunding(desk, channel);
    toast(gettext("Signed. The ledger changes the funding now."));
  });
  onPress("#close-channel", async () => {
    const penalty = BigInt(bar.dataset.penalty ?? "0");
    const { staged, side } = desk.view(channel);
    if (staged?.purpose === "close" && staged.proposer !== side) await desk.confirmClose(channel, penalty);
    else await desk.close(channel, penalty);
    toast(gettext("Signed. The ledger pays out as soon as both signatures are there."));
  });
  const place = document.querySelector("#dispute");
  if (place instanceof HTMLElement) new DisputePanel(place, desk, channel, partner).start();
  if (bar.dataset.agent !== "true") new Settler(desk).start(() => channel);
  desk.start();
}

main();

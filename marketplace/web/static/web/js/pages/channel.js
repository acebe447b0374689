/**
 * One channel: closing, disputing, and what this browser keeps of it.
 */

import { ChannelDesk } from "../channel/desk.js";
import { enforceable, enforceAcceptance } from "../channel/enforcing.js";
import { agreeToFunding, askForFunding } from "../channel/refunding.js";
import { Settler } from "../channel/settling.js";
import { Declined } from "../ui/dialogs.js";
import { need, notice, replace } from "../ui/dom.js";
import { money, parseDecimal, when } from "../ui/format.js";
import { toast, toastError } from "../ui/toast.js";
import { read } from "../wallet/database.js";
import { askToUnlock } from "../ui/unlocking.js";
import { WalletSigner } from "../wallet/signer.js";

/** Phases whose page has other parts, so that it is fetched anew. */
const RELOADED = ["open", "changing", "closing", "closed", "disputed"];
const bar = need("#channel-actions");
const channel = bar.dataset.channel ?? "";
const address = document.body.dataset.wallet ?? "";

async function showKept() {
  const kept = address ? await read("channels", `${address}/${channel}`) : undefined;
  need("#kept").textContent = kept?.current
    ? `State ${kept.current.state.version} with both signatures, since ${when(Math.floor(kept.at / 1000))}. With it you can claim your balance even if this site is gone.`
    : "Nothing yet. Unlock your wallet on the trading page once, and the newest signed state is kept here.";
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
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Declined)) toastError(error);
    } finally {
      button.disabled = false;
    }
  });
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
  desk.names.set(bar.dataset.peer ?? "", bar.dataset.partner ?? "");
  let phase = bar.dataset.phase ?? "";
  desk.addEventListener("channels", () => desk.socket.follow(channel));
  desk.addEventListener("problem", (event) => {
    const { error } = /** @type {CustomEvent} */ (event).detail;
    if (!(error instanceof Declined)) replace(need("#channel-problem"), notice("bad", error.message));
  });
  desk.addEventListener("view", (event) => {
    const view = /** @type {CustomEvent} */ (event).detail;
    if (view.channel !== channel) return;
    // Until now there was nothing that they could have signed.
    for (const early of document.querySelectorAll("button[data-early]")) enable(early);
    document.querySelector("#enforce-offer")?.toggleAttribute("hidden", !enforceable(view));
    if (view.current) {
      const { state } = view.current;
      need("#mine").textContent = money(view.side === "a" ? state.balanceA : state.balanceB, { exact: true });
    }
    if (phase !== view.phase && RELOADED.includes(view.phase)) location.reload();
    phase = view.phase;
    void showKept();
  });
  desk.addEventListener("locked", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.channel === channel) askToUnlock(need("#channel-locked"), desk.signer);
  });
  desk.addEventListener("closing", () => {
    replace(need("#channel-problem"), notice("warn", `${bar.dataset.partner} wants to close this channel at the balances above. Press “Close” to agree.`));
  });
  desk.addEventListener("funding", () => {
    replace(need("#channel-problem"), notice("warn", `${bar.dataset.partner} wants to put money into this channel, or take some out. Press “Agree” to see what changes.`));
    document.querySelector("#agree-funding")?.removeAttribute("hidden");
  });
  for (const way of ["put-in", "take-out"]) {
    onPress(`#${way}`, async () => {
      const amount = parseDecimal(/** @type {HTMLInputElement} */ (need("#funding-amount")).value, 6);
      if (amount === 0n) throw new RangeError("Choose an amount above 0.");
      await askForFunding(desk, channel, way === "put-in" ? amount : -amount);
      toast("Signed. Your partner has to agree; then the ledger changes the funding.");
    });
  }
  onPress("#enforce-offer", async () => {
    await enforceAcceptance(desk, channel);
    toast("The ledger applies the offer, and pays out by it unless your partner shows something newer.");
  });
  onPress("#agree-funding", async () => {
    await agreeToFunding(desk, channel);
    toast("Signed. The ledger changes the funding now.");
  });
  onPress("#close-channel", async () => {
    const { staged, side } = desk.view(channel);
    if (staged?.purpose === "close" && staged.proposer !== side) await desk.confirmClose(channel);
    else await desk.close(channel);
    toast("Signed. The ledger pays out as soon as both signatures are there.");
  });
  onPress("#dispute-channel", async () => {
    await desk.dispute(channel, "asked by the user");
    toast("Your partner was asked. If nothing comes, the ledger decides.");
  });
  if (bar.dataset.agent !== "true") new Settler(desk).start(() => channel);
  desk.start();
}

main();

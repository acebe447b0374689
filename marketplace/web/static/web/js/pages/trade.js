/**
 * The negotiation with one partner: a conversation of signed offers over the channel between the two.
 */

import { get } from "../api.js";
import { tradeAmount } from "../protocol/amounts.js";
import { balanceOf } from "../channel/book.js";
import { ChannelDesk } from "../channel/desk.js";
import { awaitsMe } from "../channel/people.js";
import { PeoplePanel } from "../channel/people_panel.js";
import { Settler } from "../channel/settling.js";
import { getStarted, offerStart } from "../channel/start.js";
import { TalkLog } from "../channel/talk.js";
import { SLOT_S, SlotChoice } from "../live/slots.js";
import { Declined } from "../ui/dialogs.js";
import { chip, facts, h, need, notice, replace } from "../ui/dom.js";
import { decimal, energy, money, parseDecimal, price } from "../ui/format.js";
import { toast, toastError } from "../ui/toast.js";
import { askToUnlock } from "../ui/unlocking.js";
import { WalletSigner } from "../wallet/signer.js";
import { showWaiting } from "./waiting.js";

const FINISHED = ["closed", "aborted"];
const PHASES = new Map([
  ["requested", ["Waiting for the partner", "warn"]],
  ["funding", ["The ledger is opening it", "warn"]],
  ["open", ["Open", "good"]],
  ["staged", ["Waiting for a signature", "warn"]],
  ["changing", ["The ledger is changing its funding", "warn"]],
  ["closing", ["Closing", "warn"]],
  ["disputed", ["In dispute", "bad"]],
  ["closed", ["Closed", "plain"]],
  ["aborted", ["Not opened", "plain"]],
]);

const root = need("#desk");
const { owner = "", partner: name = "", slug = "" } = root.dataset;
const partner = { owner, name, slug, isAgent: root.dataset.agent === "true" };
const address = document.body.dataset.wallet ?? "";
const desk = new ChannelDesk(new WalletSigner(address));
const talk = new TalkLog(need("#talk"), name, { accept, counter, reject, withdraw });
/** @type {string} */
let channel = root.dataset.channel ?? "";
/** The socket resumes it by itself after a reconnect; from the beginning it is told once. */
let followed = "";
/** @type {{slot_start: number, surplus_wh: number, deficit_wh: number}[]} */
let forecasts = [];
/** @type {{contracts: any[], channels: any[]}} */
let known = { contracts: [], channels: [] };
/** @type {import("../channel/book.js").LiveOffer|null} */
let answering = null;

const slots = new SlotChoice(/** @type {HTMLSelectElement} */ (need("#slot")), Number(root.dataset.slot ?? 0));

const { agreement = "", sid = "", msc = "", merchant = "", onboarding = "" } = root.dataset;
const own = { credit: { agreement, sid, msc, merchant }, onboarding };
const people = new PeoplePanel(need("#channel-body"), desk, partner, own, follow);

/** @param {string} id */
const field = (id) => /** @type {HTMLInputElement} */ (need(id));

/**
 * Runs what the person asked for; a "no" in a dialog is no error.
 *
 * @param {() => Promise<unknown>} act
 */
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Declined)) toastError(error);
  }
}

/** @param {import("../channel/book.js").LiveOffer} live */
function accept(live) {
  void attempt(async () => {
    await desk.accept(channel, live);
    toast(`Accepted. ${name} countersigns.`);
  });
}

/** @param {import("../channel/book.js").LiveOffer} live */
function reject(live) {
  void attempt(() => desk.reject(channel, live.offer.id, "declined"));
}

/** @param {import("../channel/book.js").LiveOffer} live */
function withdraw(live) {
  void attempt(() => desk.withdraw(channel, live.offer.id));
}

/** @param {import("../channel/book.js").LiveOffer} live */
function counter(live) {
  answering = live;
  const { offer } = live;
  field("#quantity").value = (Number(offer.quantityWh) / 1000).toFixed(3);
  field("#price").value = (Number(offer.pricePerKwh) / 10_000).toFixed(2);
  field(`input[name=side][value=${offer.offerorSells ? "buy" : "sell"}]`).checked = true;
  slots.choose(Number(offer.slotStart));
  const line = need("#answering");
  line.hidden = false;
  need("span", line).textContent = `Your answer to ${name}’s offer at ${price(offer.pricePerKwh)}.`;
  need("#composer-send").textContent = "Send counter-offer";
  field("#price").select();
  showSum();
}

function answerNone() {
  answering = null;
  need("#answering").hidden = true;
  need("#composer-send").textContent = "Send offer";
}

/** @returns {Parameters<ChannelDesk["offer"]>[1]} */
function wish() {
  const now = Math.floor(Date.now() / 1000);
  const start = slots.value;
  return {
    sells: field("input[name=side][value=sell]").checked,
    quantityWh: parseDecimal(field("#quantity").value, 3),
    pricePerKwh: parseDecimal(field("#price").value, 4),
    imbalancePerKwh: parseDecimal(field("#imbalance").value, 4),
    slotStart: start,
    slotEnd: start + SLOT_S,
    validUntil: now + Number(field("#valid").value),
  };
}

function showSum() {
  const line = need("#composer-sum");
  try {
    const { sells, quantityWh, pricePerKwh } = wish();
    replace(line, sells ? "You receive " : "You pay ", h("b", {}, money(tradeAmount(quantityWh, pricePerKwh), { exact: true })));
    need("#composer-error").textContent = "";
  } catch (error) {
    replace(line, "");
    need("#composer-error").textContent = /** @type {Error} */ (error).message;
  }
}

/** @param {SubmitEvent} event */
function onSend(event) {
  event.preventDefault();
  void attempt(async () => {
    if (wish().quantityWh === 0n) throw new RangeError("Offer at least one watt-hour.");
    await desk.offer(channel, wish(), answering?.offer.id);
    answerNone();
  });
}

/** What the market says: the slots that are open, and the supplier's prices. */
async function askMarket() {
  const market = await slots.start();
  if (!market) return;
  field("#imbalance").value = decimal(BigInt(market.tariff.imbalance_per_kwh), 4, 2);
  const { feed_in_per_kwh: low, retail_per_kwh: high } = market.tariff;
  need("#price-help").textContent = `Between feed-in at ${price(low)} and the supplier’s ${price(high)}, both of you gain.`;
  forecasts = await get("market/forecast/").catch(() => []);
  showForecast();
}

/** What the own home is expected to have or need in the chosen slot. */
function showForecast() {
  const row = forecasts.find((f) => f.slot_start === slots.value);
  const texts = row ? [row.surplus_wh && `Your surplus then: ${energy(row.surplus_wh)}`, row.deficit_wh && `Your need then: ${energy(row.deficit_wh)}`] : [];
  need("#slot-help").textContent = texts.filter(Boolean).join(" ") || (row ? "You have nothing left then and need nothing." : "");
}

/** @param {import("../channel/book.js").ChannelView} view */
function showChannel(view) {
  const [word = view.phase, kind = "plain"] = PHASES.get(view.phase) ?? [];
  replace(need("#phase"), chip(word, kind));
  need("#composer").hidden = view.phase !== "open";
  const link = h("a", { class: "button button--small", href: `${root.dataset.channelBase}${view.channel}/` }, "States and signatures");
  if (!partner.isAgent && view.phase === "requested") {
    if (awaitsMe(view)) replace(need("#phase"), chip("Your signature is missing", "warn"));
    return void people.request(view);
  }
  people.leave();
  if (!view.current) {
    replace(need("#channel-body"), h("p", { class: "muted" }, view.phase === "funding" ? "Both have signed. The ledger is mining the opening." : "Waiting for the partner’s signature."), link);
    return;
  }
  const { state } = view.current;
  const mine = balanceOf(state, view.side);
  const theirs = balanceOf(state, view.side === "a" ? "b" : "a");
  replace(
    need("#channel-body"),
    facts([
      ["You hold", money(mine, { exact: true })],
      [`${name} holds`, money(theirs, { exact: true })],
      ["Proven by", `state ${state.version}, both signatures`],
    ]),
    partner.isAgent || !view.openTrades.length ? null : h("p", { class: "small muted" }, `After the slot the meter’s word is settled as soon as ${name} and you both have a page of this channel open, with unlocked wallets.`),
    link,
  );
}

/** What stands where there is no channel yet: how to get one. */
function offerOpening() {
  need("#composer").hidden = true;
  replace(need("#phase"), chip("No channel yet", "plain"));
  talk.invite(`You have no open channel with ${name}. Open one, then make an offer.`);
  const place = need("#channel-body");
  if (!address) return replace(place, ...getStarted(own.onboarding, false));
  if (!partner.isAgent) return void attempt(() => people.show(known.contracts));
  void attempt(() => offerStart(place, desk, partner, { ...own, contracts: known.contracts }, follow));
}

/** @param {string} opened */
function follow(opened) {
  channel = opened;
  followed = opened;
  desk.socket.follow(channel);
}

/** @param {{contracts: any[], channels: any[]}} list */
function takeList(list) {
  known = list;
  const live = list.channels.find((c) => c.peer === owner && !FINISHED.includes(c.phase));
  channel = live?.channel ?? channel;
  if (!channel) offerOpening();
  else if (channel !== followed) follow(channel);
}

/**
 * Between people: what was said on the way to a channel, so that the next step is shown.
 *
 * @param {any} frame
 */
function hearPeople(frame) {
  if (!/^(esc|channel)\./.test(frame.type)) return;
  void showWaiting(need("#waiting"), owner).catch(toastError);
  if (!partner.isAgent) desk.socket.list();
}

/**
 * An opening that came to nothing makes room for another one.
 *
 * @param {import("../channel/book.js").ChannelView} view
 */
function startAnew(view) {
  if (partner.isAgent || view.phase !== "aborted") return;
  channel = "";
  desk.socket.list();
}

/** @param {{up: boolean, code?: number}} link */
function showLink({ up, code }) {
  const state = need("#link-state");
  state.textContent = up ? "Connected" : code === 4401 ? "Sign in again" : "Reconnecting";
  state.className = `chip chip--${up ? "good" : "warn"}`;
}

function listen() {
  const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ act) =>
    desk.addEventListener(type, (event) => act(/** @type {CustomEvent} */ (event).detail));
  on("link", showLink);
  on("channels", takeList);
  /** @type {any[]} entries that came before the channel's view: only the view tells whose they are */
  let early = [];
  on("entry", (frame) => {
    hearPeople(frame);
    if (frame.channel !== channel) return;
    const view = desk.views.get(channel);
    if (view) talk.add(frame, view.side);
    else early.push(frame);
  });
  on("view", (view) => {
    if (view.channel !== channel) return;
    for (const frame of early) talk.add(frame, view.side);
    early = [];
    showChannel(view);
    talk.update(view);
    startAnew(view);
  });
  on("problem", ({ error }) => {
    if (!(error instanceof Declined)) talk.problem(notice("bad", error.message));
  });
  on("locked", (view) => {
    if (view.channel === channel) askToUnlock(need("#channel-locked"), desk.signer);
  });
  on("closing", () => talk.note(`${name} wants to close the channel. Look at it under “States and signatures”.`));
}

function main() {
  desk.names.set(owner, name);
  void askMarket().then(showSum);
  need("#composer").addEventListener("submit", /** @type {EventListener} */ (onSend));
  need("#composer").addEventListener("input", showSum);
  slots.addEventListener("change", showForecast);
  need("#answer-none").addEventListener("click", answerNone);
  if (!address) return offerOpening();
  listen();
  if (!partner.isAgent) new Settler(desk).start(() => channel);
  void showWaiting(need("#waiting"), owner).catch(toastError);
  desk.start();
}

main();

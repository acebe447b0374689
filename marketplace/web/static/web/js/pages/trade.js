/**
 * The negotiation with one partner: a conversation of signed offers over the channel between the two.
 */

import { get } from "../api.js";
import { keepDraft, draftOf, dropDraft } from "../channel/drafts.js";
import { Presence } from "../channel/presence.js";
import { RoomAsker, RoomLine } from "../channel/room.js";
import { Running } from "../channel/running.js";
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
import { energy, money, parseDecimal, plain, price } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { toast, toastError } from "../ui/toast.js";
import { askToUnlock } from "../ui/unlocking.js";
import { WalletSigner } from "../wallet/signer.js";
import { showWaiting } from "./waiting.js";

const FINISHED = ["closed", "aborted"];
/** What was said so lately says that somebody is there. */
const FRESH_S = 10;
const PHASES = new Map([
  ["requested", [gettext("Waiting for the partner"), "warn"]],
  ["funding", [gettext("The ledger is opening it"), "warn"]],
  ["open", [gettext("Open"), "good"]],
  ["staged", [gettext("Waiting for a signature"), "warn"]],
  ["changing", [gettext("The ledger is changing its funding"), "warn"]],
  ["closing", [gettext("Closing"), "warn"]],
  ["disputed", [gettext("In dispute"), "bad"]],
  ["closed", [gettext("Closed"), "plain"]],
  ["aborted", [gettext("Not opened"), "plain"]],
]);

const root = need("#desk");
const { owner = "", partner: name = "", slug = "" } = root.dataset;
const partner = { owner, name, slug, isAgent: root.dataset.agent === "true" };
const address = document.body.dataset.wallet ?? "";
const desk = new ChannelDesk(new WalletSigner(address));
const asker = new RoomAsker(slug);
const room = new RoomLine(need("#room"), asker, takeRoom);
const talk = new TalkLog(need("#talk"), name, { accept, counter, reject, withdraw }, (offer, mine) =>
  asker.ask({ sells: offer.offerorSells === mine, quantityWh: BigInt(offer.quantityWh), slotStart: Number(offer.slotStart) }),
);
const presence = new Presence(need("#presence"), partner);
const running = new Running(need("#running"), desk, owner);
const me = document.body.dataset.owner ?? "";
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
/** Id of the offer that a draft answers, until the channel shows it. */
let awaited = "";

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

/** While one deed is under way, a second press is an accident: nobody sends or signs the same thing twice. */
let busy = false;

/** @param {() => Promise<unknown>} act */
async function once(act) {
  if (busy) return;
  busy = true;
  await attempt(act);
  busy = false;
}

/** @param {import("../channel/book.js").LiveOffer} live */
function accept(live) {
  void once(async () => {
    await desk.accept(channel, live);
    toast(presence.here ? fill(gettext("Accepted. %(name)s countersigns."), { name }) : fill(gettext("Accepted. %(name)s is away; without its signature in time nothing moves."), { name }));
  });
}

/** @param {import("../channel/book.js").LiveOffer} live */
function reject(live) {
  void once(() => desk.reject(channel, live.offer.id, "declined"));
}

/** @param {import("../channel/book.js").LiveOffer} live */
function withdraw(live) {
  void once(() => desk.withdraw(channel, live.offer.id));
}

/** @param {import("../channel/book.js").LiveOffer} live */
function counter(live) {
  answering = live;
  const { offer } = live;
  field("#quantity").value = plain(BigInt(offer.quantityWh), 3, 3);
  field("#price").value = plain(BigInt(offer.pricePerKwh), 4, 2);
  field(`input[name=side][value=${offer.offerorSells ? "buy" : "sell"}]`).checked = true;
  slots.choose(Number(offer.slotStart));
  const line = need("#answering");
  line.hidden = false;
  need("span", line).textContent = fill(gettext("Your answer to %(name)s’s offer at %(price)s."), { name, price: price(offer.pricePerKwh) });
  need("#composer-send").textContent = gettext("Send counter-offer");
  field("#price").focus();
  field("#price").select();
  typed();
}

/** @param {number} wh the most that the grid takes */
function takeRoom(wh) {
  field("#quantity").value = plain(BigInt(wh), 3, 3);
  typed();
}

/** What was typed stays, whatever happens to the page. */
function keep() {
  keepDraft(me, owner, {
    side: field("input[name=side]:checked").value,
    quantity: field("#quantity").value,
    price: field("#price").value,
    imbalance: field("#imbalance").value,
    valid: field("#valid").value,
    slot: slots.value,
    answers: answering?.offer.id ?? awaited,
  });
}

/** What was typed here before; the offer that it answers comes with the channel. */
function restore() {
  const draft = new URLSearchParams(location.search).has("slot") ? null : draftOf(me, owner);
  if (!draft) return;
  field(`input[name=side][value=${draft.side === "sell" ? "sell" : "buy"}]`).checked = true;
  for (const part of /** @type {("quantity"|"price"|"imbalance"|"valid")[]} */ (["quantity", "price", "imbalance", "valid"])) field(`#${part}`).value = draft[part];
  slots.wish(draft.slot);
  awaited = draft.answers;
  need("#draft-note").hidden = false;
}

/**
 * The offer that is being answered: found again after a reload, forgotten when it stands no more.
 *
 * @param {import("../channel/book.js").ChannelView} view
 */
function answerAwaited(view) {
  if (answering && !view.offers.some(({ offer }) => offer.id === answering?.offer.id)) answerNone();
  const live = awaited ? view.offers.find(({ offer }) => offer.id === awaited) : undefined;
  if (!live || answering) return;
  answering = live;
  awaited = "";
  const line = need("#answering");
  line.hidden = false;
  need("span", line).textContent = fill(gettext("Your answer to %(name)s’s offer at %(price)s."), { name, price: price(live.offer.pricePerKwh) });
  need("#composer-send").textContent = gettext("Send counter-offer");
}

function typed() {
  showSum();
  keep();
}

function answerNone() {
  answering = null;
  awaited = "";
  need("#answering").hidden = true;
  need("#draft-note").hidden = true;
  need("#composer-send").textContent = gettext("Send offer");
}

/**
 * What is typed in a field, which is marked while it can't be read.
 *
 * @param {string} id
 * @param {number} decimals
 */
function amountIn(id, decimals) {
  const input = field(id);
  input.removeAttribute("aria-invalid");
  try {
    return parseDecimal(input.value, decimals);
  } catch (error) {
    input.setAttribute("aria-invalid", "true");
    throw error;
  }
}

/** @returns {Parameters<ChannelDesk["offer"]>[1]} */
function wish() {
  const now = Math.floor(Date.now() / 1000);
  const start = slots.value;
  return {
    sells: field("input[name=side][value=sell]").checked,
    quantityWh: amountIn("#quantity", 3),
    pricePerKwh: amountIn("#price", 4),
    imbalancePerKwh: amountIn("#imbalance", 4),
    slotStart: start,
    slotEnd: start + SLOT_S,
    validUntil: now + Number(field("#valid").value),
  };
}

function showSum() {
  const line = need("#composer-sum");
  try {
    const { sells, quantityWh, pricePerKwh, slotStart } = wish();
    const sum = h("b", {}, money(tradeAmount(quantityWh, pricePerKwh), { exact: true }));
    replace(line, sells ? gettext("You receive") : gettext("You pay"), " ", sum);
    need("#composer-error").textContent = "";
    room.show(slotStart ? { sells, quantityWh, slotStart } : null);
  } catch (error) {
    replace(line, "");
    room.show(null);
    need("#composer-error").textContent = /** @type {Error} */ (error).message;
  }
}

/** Whether what is typed makes an offer; else the form says why, and the field to blame has the focus. */
function isWhole() {
  showSum();
  const wrong = /** @type {HTMLElement|null} */ (need("#composer").querySelector("[aria-invalid]"));
  if (!wrong && wish().quantityWh === 0n) need("#composer-error").textContent = gettext("Offer at least one watt-hour.");
  else if (!wrong) return true;
  (wrong ?? field("#quantity")).focus();
  return false;
}

/** @param {SubmitEvent} event */
function onSend(event) {
  event.preventDefault();
  if (!isWhole()) return;
  void once(async () => {
    await desk.offer(channel, wish(), answering?.offer.id);
    answerNone();
    dropDraft(me, owner);
    if (!presence.here) toast(fill(gettext("Sent. %(name)s is away; your offer waits."), { name }));
  });
}

/** What the market says: the slots that are open, and the supplier's prices. */
async function askMarket() {
  const market = await slots.start();
  if (!market) return;
  if (!draftOf(me, owner)) field("#imbalance").value = plain(BigInt(market.tariff.imbalance_per_kwh), 4, 2);
  const { feed_in_per_kwh: low, retail_per_kwh: high } = market.tariff;
  need("#price-help").textContent = fill(gettext("Between feed-in at %(low)s and the supplier’s %(high)s, both of you gain."), { low: price(low), high: price(high) });
  forecasts = await get("market/forecast/").catch(() => []);
  showForecast();
}

/** What the own home is expected to have or need in the chosen slot. */
function showForecast() {
  const row = forecasts.find((f) => f.slot_start === slots.value);
  const texts = [];
  if (row?.surplus_wh) texts.push(fill(gettext("Your surplus then: %(energy)s"), { energy: energy(row.surplus_wh) }));
  if (row?.deficit_wh) texts.push(fill(gettext("Your need then: %(energy)s"), { energy: energy(row.deficit_wh) }));
  need("#slot-help").textContent = texts.join(" ") || (row ? gettext("You have nothing left then and need nothing.") : "");
}

/** @param {import("../channel/book.js").ChannelView} view */
function showChannel(view) {
  const [word = view.phase, kind = "plain"] = PHASES.get(view.phase) ?? [];
  replace(need("#phase"), chip(word, kind));
  need("#composer").hidden = view.phase !== "open";
  const link = h("a", { class: "button button--small", href: `${root.dataset.channelBase}${view.channel}/` }, gettext("States and signatures"));
  if (!partner.isAgent && view.phase === "requested") {
    if (awaitsMe(view)) replace(need("#phase"), chip(gettext("Your signature is missing"), "warn"));
    return void people.request(view);
  }
  people.leave();
  if (!view.current) {
    replace(need("#channel-body"), h("p", { class: "muted" }, view.phase === "funding" ? gettext("Both have signed. The ledger is mining the opening.") : gettext("Waiting for the partner’s signature.")), link);
    return;
  }
  const { state } = view.current;
  const mine = balanceOf(state, view.side);
  const theirs = balanceOf(state, view.side === "a" ? "b" : "a");
  replace(
    need("#channel-body"),
    facts([
      [gettext("You hold"), money(mine, { exact: true })],
      [fill(gettext("%(name)s holds"), { name }), money(theirs, { exact: true })],
      [gettext("Proven by"), fill(gettext("state %(version)s, both signatures"), { version: state.version })],
    ]),
    partner.isAgent || !view.openTrades.length ? null : h("p", { class: "small muted" }, fill(gettext("After the slot the meter’s word is settled as soon as %(name)s and you both have a page of this channel open, with unlocked wallets."), { name })),
    link,
  );
}

/** What stands where there is no channel yet: how to get one. */
function offerOpening() {
  need("#composer").hidden = true;
  replace(need("#phase"), chip(gettext("No channel yet"), "plain"));
  talk.invite(fill(gettext("You have no open channel with %(name)s. Open one, then make an offer."), { name }));
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
 * What comes from the partner shows that it is there; a trade changes what the grid still takes.
 *
 * @param {any} frame
 */
function hearPartner({ at, id, sender, type }) {
  const side = desk.views.get(channel)?.side;
  const theirs = side && sender === (side === "a" ? "b" : "a") && !String(id).startsWith("machine/");
  if (theirs && Date.now() / 1000 - at < FRESH_S) presence.heard();
  if (type === "update.confirm" || type === "settle.confirm") asker.forget();
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
  state.textContent = up ? gettext("Connected") : code === 4401 ? gettext("Sign in again") : gettext("Reconnecting");
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
    hearPartner(frame);
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
    answerAwaited(view);
    startAnew(view);
  });
  on("problem", ({ channel: about, error }) => {
    if (about === channel && !(error instanceof Declined)) talk.problem(notice("bad", error.message));
  });
  on("locked", (view) => {
    if (view.channel === channel) askToUnlock(need("#channel-locked"), desk.signer);
  });
  on("closing", (view) => {
    if (view.channel === channel) talk.note(fill(gettext("%(name)s wants to close the channel. Look at it under “States and signatures”."), { name }));
  });
}

function main() {
  desk.names.set(owner, name);
  restore();
  void askMarket().then(showSum);
  need("#composer").addEventListener("submit", /** @type {EventListener} */ (onSend));
  need("#composer").addEventListener("input", typed);
  slots.addEventListener("change", () => {
    showForecast();
    showSum();
  });
  presence.start();
  need("#answer-none").addEventListener("click", answerNone);
  need("#draft-drop").addEventListener("click", () => {
    dropDraft(me, owner);
    location.reload();
  });
  if (!address) return offerOpening();
  listen();
  talk.start();
  running.start();
  if (!partner.isAgent) new Settler(desk).start(() => channel);
  void showWaiting(need("#waiting"), owner).catch(toastError);
  desk.start();
}

main();

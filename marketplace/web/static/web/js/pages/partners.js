/**
 * The partners' list keeps itself up to date, and what this person lists is made, changed and taken back.
 */

import { get, list, patch, post, remove } from "../api.js";
import { LiveSource } from "../live/source.js";
import { SLOT_S, SlotChoice } from "../live/slots.js";
import { chip, h, need, replace } from "../ui/dom.js";
import { energy, parseDecimal, plain, price, slot } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { toast, toastError } from "../ui/toast.js";

/** @typedef {{id: number, side: "sells"|"buys", slot_start: number, slot_end: number, quantity_wh: number, price_per_kwh: string, state: string}} Listing */

const LOOK_MS = 15_000;
const slots = new SlotChoice(/** @type {HTMLSelectElement} */ (need("#listing-slot")), 0);
/** @type {Listing|null} */
let changing = null;
/** @type {{slot_start: number, surplus_wh: number, deficit_wh: number}[]} */
let forecasts = [];
/** Whether somebody typed a quantity: no forecast takes its place then. */
let typed = false;

/** @param {string} selector */
const field = (selector) => /** @type {HTMLInputElement} */ (need(selector));

/** The list as it is now, under the filters that the page's address has; what is the same stays in its place. */
function refresh() {
  const { htmx } = /** @type {any} */ (globalThis);
  if (document.hidden || !htmx) return;
  void htmx.ajax("GET", location.pathname + location.search, { target: "#partner-list", swap: "innerMorph" });
}

function localizeSlots() {
  for (const option of need("#filter-slot").querySelectorAll("option")) {
    const start = Number(option.value);
    if (start) option.textContent = slot(start, start + SLOT_S);
  }
}

/** What the own home is expected to have or need then. */
function showForecast() {
  const row = forecasts.find((f) => f.slot_start === slots.value);
  const texts = [];
  if (row?.surplus_wh) texts.push(fill(gettext("Your surplus then: %(energy)s"), { energy: energy(row.surplus_wh) }));
  if (row?.deficit_wh) texts.push(fill(gettext("Your need then: %(energy)s"), { energy: energy(row.deficit_wh) }));
  need("#listing-help").textContent = texts.join(" ");
  if (!row || typed || changing || !(row.surplus_wh || row.deficit_wh)) return;
  field(`input[name=listing-side][value=${row.surplus_wh ? "sells" : "buys"}]`).checked = true;
  field("#listing-quantity").value = plain(BigInt(row.surplus_wh || row.deficit_wh), 3, 3);
}

/** @param {Listing} listing */
function change(listing) {
  changing = listing;
  field(`input[name=listing-side][value=${listing.side}]`).checked = true;
  slots.choose(listing.slot_start);
  field("#listing-quantity").value = plain(BigInt(listing.quantity_wh), 3, 3);
  field("#listing-price").value = plain(BigInt(listing.price_per_kwh), 4, 2);
  need("#listing-changes").hidden = false;
  need("#listing-changes span").textContent = fill(gettext("You change your listing for %(slot)s."), { slot: slot(listing.slot_start, listing.slot_end) });
  need("#listing-send").textContent = gettext("Save");
  fix(true);
  field("#listing-price").focus();
  field("#listing-price").select();
}

function changeNone() {
  changing = null;
  need("#listing-changes").hidden = true;
  need("#listing-send").textContent = gettext("List it");
  fix(false);
}

/** @param {boolean} fixed another slot or side is another listing */
function fix(fixed) {
  for (const input of document.querySelectorAll("#listing-slot, input[name=listing-side]")) input.toggleAttribute("disabled", fixed);
}

/** @param {Listing} listing */
async function takeBack(listing) {
  try {
    await remove(`listings/${listing.id}/`);
    toast(gettext("Taken back. Nobody sees it any more."));
  } catch (error) {
    toastError(error);
  }
  await showOwn();
}

/** @param {Listing} listing */
function row(listing) {
  const what = listing.side === "sells" ? chip(gettext("Surplus"), "energy") : chip(gettext("Need"), "need");
  const at = slot(listing.slot_start, listing.slot_end);
  const named = (/** @type {string} */ word) => ({ "aria-label": `${word}: ${at}` });
  return h(
    "div",
    { class: "own-listing", "data-listing": listing.id },
    h("span", {}, what, " ", h("b", { class: "num" }, energy(listing.quantity_wh)), " ", h("span", { class: "num" }, price(listing.price_per_kwh)), h("br"), h("span", { class: "small muted" }, at)),
    h(
      "span",
      { class: "row" },
      h("button", { type: "button", class: "button button--small", ...named(gettext("Change")), onclick: () => change(listing) }, gettext("Change")),
      h("button", { type: "button", class: "button button--small button--quiet", ...named(gettext("Take back")), onclick: () => void takeBack(listing) }, gettext("Take back")),
    ),
  );
}

async function showOwn() {
  const first = Number(/** @type {HTMLOptionElement|null} */ (need("#listing-slot").querySelector("option"))?.value ?? 0);
  /** @type {Listing[]} */
  const all = await list("listings/?mine=1");
  const open = all.filter(({ state, slot_start }) => state === "open" && slot_start >= first).sort((a, b) => a.slot_start - b.slot_start);
  const nothing = h("p", { class: "talk__note" }, gettext("You list nothing. Say what you have left or need, and others come to you."));
  replace(need("#listing-rows"), ...(open.length ? open.map(row) : [nothing]));
}

/** @param {SubmitEvent} event */
async function send(event) {
  event.preventDefault();
  const error = need("#listing-error");
  const button = /** @type {HTMLButtonElement} */ (need("#listing-send"));
  error.textContent = "";
  button.disabled = true;
  try {
    const figures = { quantity_wh: Number(parseDecimal(field("#listing-quantity").value, 3)), price_per_kwh: String(parseDecimal(field("#listing-price").value, 4)) };
    if (changing) await patch(`listings/${changing.id}/`, figures);
    else await post("listings/", { side: field("input[name=listing-side]:checked").value, slot_start: slots.value, ...figures });
    toast(changing ? gettext("Changed.") : gettext("Listed. Others see it now."));
    changeNone();
    typed = false;
    await showOwn();
  } catch (failure) {
    const { errors } = /** @type {{errors?: Record<string, string[]>}} */ (failure);
    error.textContent = Object.values(errors ?? {}).flat().join(" ") || /** @type {Error} */ (failure).message;
  }
  button.disabled = false;
}

async function main() {
  localizeSlots();
  const live = new LiveSource();
  live.addEventListener("slot", () => {
    refresh();
    void showOwn().catch(toastError);
  });
  live.start();
  setInterval(refresh, LOOK_MS);
  need("#listing-form").addEventListener("submit", (event) => void send(/** @type {SubmitEvent} */ (event)));
  need("#listing-quantity").addEventListener("input", () => {
    typed = true;
  });
  need("#listing-new").addEventListener("click", changeNone);
  slots.addEventListener("change", showForecast);
  await slots.start();
  forecasts = await get("market/forecast/").catch(() => []);
  showForecast();
  await showOwn();
}

main().catch(toastError);

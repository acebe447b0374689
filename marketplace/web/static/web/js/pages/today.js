/**
 * Today at a glance, live: with each slot that the market plays the lists ask for themselves anew, and the chart moves on.
 */

import { get } from "../api.js";
import { SeriesChart } from "../live/charts.js";
import { LiveSource } from "../live/source.js";
import { gettext } from "../ui/language.js";

const WH_PER_KWH = 1000;

/** @typedef {{slot_start: number, surplus_wh: number, need_wh: number, sold_wh: number, bought_wh: number}} Slot */

/**
 * @param {Slot[]} slots
 * @returns {import("../live/charts.js").Line[]}
 */
function lines(slots) {
  const kwh = (/** @type {(slot: Slot) => number} */ of) => slots.map((slot) => of(slot) / WH_PER_KWH);
  return [
    { label: gettext("Surplus"), token: "--energy", values: kwh((s) => s.surplus_wh), filled: true },
    { label: gettext("Need"), token: "--need", values: kwh((s) => s.need_wh), filled: true },
    { label: gettext("Agreed"), token: "--money", values: kwh((s) => s.sold_wh + s.bought_wh) },
  ];
}

const holder = document.querySelector("#today-chart");
const chart = holder instanceof HTMLElement ? new SeriesChart(holder, { height: 220, unit: "kWh", decimals: 3, summed: true }) : null;

async function draw() {
  if (!chart) return;
  /** @type {{slots: Slot[]}} */
  const { slots } = await get("today/");
  if (slots.length) chart.show(slots.map((slot) => slot.slot_start), lines(slots));
}

/** A market that can't be reached now is shown as it was. */
const drawn = () => draw().catch(() => undefined);

let first = true;
const source = new LiveSource();
source.addEventListener("slot", () => {
  if (!first && !document.hidden) document.body.dispatchEvent(new Event("slot-played"));
  first = false;
  if (!document.hidden) void drawn();
});
void drawn();
source.start();

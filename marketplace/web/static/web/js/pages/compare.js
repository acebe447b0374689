/**
 * Two finished runs side by side: the same curves with the same axes.
 */

import { DurationChart, TimeChart, rangeOf } from "../../../trading/report/charts.js";
import { Times, unpack } from "../../../trading/report/data.js";
import { get } from "../api.js";
import { need, notice, replace } from "../ui/dom.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {import("../../../trading/report/charts.js").Drawing} Drawing */

const KW_PER_WH = 4 / 1000;
const PER_CENT = 1e-4;

/**
 * @param {any} report
 * @param {string} name
 * @param {number} [factor]
 */
const series = (report, name, factor = 1) => unpack(report.market.series[name]).map((value) => value * factor);

/** @type {Record<string, (report: any) => Drawing>} */
const PLOTS = {
  voltage: (report) => ({
    unit: "pu",
    decimals: 4,
    bands: [{ look: "look-brand", low: series(report, "vm_low"), high: series(report, "vm_high") }],
    lines: [
      { label: gettext("Highest"), look: "look-high", values: series(report, "vm_max") },
      { label: gettext("Lowest"), look: "look-low", values: series(report, "vm_min") },
    ],
    limits: [
      { label: fill(gettext("limit %(value)s"), { value: `${report.limits.vm_max_pu} pu` }), value: report.limits.vm_max_pu },
      { label: fill(gettext("limit %(value)s"), { value: `${report.limits.vm_min_pu} pu` }), value: report.limits.vm_min_pu },
    ],
  }),
  power: (report) => ({
    unit: "kW",
    decimals: 1,
    zero: true,
    lines: [
      { label: gettext("Produced"), look: "look-energy", values: series(report, "production_wh", KW_PER_WH), filled: true },
      { label: gettext("Consumed"), look: "look-ink", values: series(report, "consumption_wh", KW_PER_WH) },
      { label: gettext("From the grid above"), look: "look-need", values: series(report, "import_wh", KW_PER_WH) },
      { label: gettext("Curtailed"), look: "look-high look-dashed", values: series(report, "curtailed_wh", KW_PER_WH) },
    ],
  }),
  price: (report) => ({
    unit: "ct/kWh",
    decimals: 2,
    zero: true,
    height: 160,
    lines: [{ label: gettext("Mean price"), look: "look-brand", values: series(report, "price_mean", PER_CENT), step: true }],
    limits: [
      { label: gettext("retail"), value: report.tariff.retail_per_kwh * PER_CENT },
      { label: gettext("feed-in"), value: report.tariff.feed_in_per_kwh * PER_CENT },
    ],
  }),
  volume: (report) => ({
    unit: "kWh",
    decimals: 2,
    zero: true,
    height: 140,
    lines: [{ label: gettext("Sold to neighbours"), look: "look-money", values: series(report, "traded_wh", 1e-3), step: true, filled: true }],
  }),
};

/** @param {any} report */
const timesOf = (report) => new Times(report.first, report.slots, report.about.offset_s);

/**
 * One kind of curve for both runs, on one range; a mark in one run stands in all of its own charts.
 *
 * @param {string} name
 * @param {Record<string, any>} reports
 * @param {Record<string, TimeChart[]>} charts by side
 */
function draw(name, reports, charts) {
  const plot = PLOTS[name];
  if (!plot) return;
  const drawings = Object.entries(reports).map(([side, report]) => /** @type {[string, Drawing]} */ ([side, plot(report)]));
  const ranges = drawings.map(([, drawing]) => rangeOf(drawing));
  /** @type {[number, number]} */
  const range = [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
  for (const [side, drawing] of drawings) {
    const host = document.querySelector(`[data-side="${side}"][data-plot="${name}"]`);
    if (!(host instanceof HTMLElement)) continue;
    const times = timesOf(reports[side]);
    const choose = (/** @type {number} */ slot) => {
      const inside = Math.min(Math.max(slot, 0), times.count - 1);
      for (const chart of charts[side] ?? []) chart.show(inside);
    };
    (charts[side] ??= []).push(new TimeChart(host, { ...drawing, range }, times, choose));
  }
}

/**
 * @param {Record<string, any>} reports
 * @param {Record<string, string>} names
 */
function durations(reports, names) {
  const host = document.querySelector("[data-both=duration]");
  if (!(host instanceof HTMLElement)) return;
  const lines = Object.entries(reports).flatMap(([side, report]) => {
    const dashed = side === "b" ? " look-dashed" : "";
    return [
      { label: fill(gettext("Transformer, %(run)s"), { run: names[side] ?? "" }), look: `look-ink${dashed}`, values: series(report, "transformer_max") },
      { label: fill(gettext("Fullest line, %(run)s"), { run: names[side] ?? "" }), look: `look-need${dashed}`, values: series(report, "line_max") },
    ];
  });
  new DurationChart(host, { unit: "%", decimals: 1, zero: true, height: 240, lines });
}

async function main() {
  const { a = "", b = "", nameA = "", nameB = "" } = /** @type {HTMLElement} */ (need("#compared")).dataset;
  const names = nameA === nameB ? { a: fill(gettext("%(run)s (first)"), { run: nameA }), b: fill(gettext("%(run)s (second)"), { run: nameB }) } : { a: nameA, b: nameB };
  const [one, other] = await Promise.all([get(`runs/${a}/report/`), get(`runs/${b}/report/`)]);
  const reports = { a: one, b: other };
  /** @type {Record<string, TimeChart[]>} */
  const charts = {};
  durations(reports, names);
  for (const name of Object.keys(PLOTS)) draw(name, reports, charts);
}

main().catch((error) => {
  const host = document.querySelector("[data-both=duration]");
  if (host) replace(host, notice("bad", fill(gettext("The curves can’t be shown: %(reason)s"), { reason: error.message })));
});

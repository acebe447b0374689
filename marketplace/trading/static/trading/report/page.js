/**
 * The report's page: one chosen quarter-hour for the map and every chart.
 */

import { DurationChart, TimeChart } from "./charts.js";
import { Times, figure, fill, gettext, unpack } from "./data.js";
import { FeederPicture } from "./map.js";
import { TradeMatrix } from "./matrix.js";
import { filtered, savings, sortable } from "./tables.js";

const block = document.querySelector("#report-data");
/** @type {any} */
const report = JSON.parse(block?.textContent ?? "{}");
const times = new Times(report.first, report.slots, report.about.offset_s);
const KW_PER_WH = 4 / 1000;

/** @param {string} run @param {string} name @param {number} [factor] */
const series = (run, name, factor = 1) => unpack(report[run].series[name]).map((value) => value * factor);

/** @param {string} name @returns {HTMLElement|null} */
const hostOf = (name) => document.querySelector(`[data-chart="${name}"]`);

/** @param {string} run */
function voltages(run) {
  return {
    unit: "pu",
    decimals: 4,
    height: 240,
    bands: [{ look: "look-brand", low: series(run, "vm_low"), high: series(run, "vm_high") }],
    lines: [
      { label: gettext("Highest"), look: "look-high", values: series(run, "vm_max") },
      { label: gettext("Median"), look: "look-brand", values: series(run, "vm_median") },
      { label: gettext("Lowest"), look: "look-low", values: series(run, "vm_min") },
    ],
    limits: [
      { label: fill(gettext("limit %(value)s"), { value: `${report.limits.vm_max_pu} pu` }), value: report.limits.vm_max_pu },
      { label: fill(gettext("limit %(value)s"), { value: `${report.limits.vm_min_pu} pu` }), value: report.limits.vm_min_pu },
    ],
  };
}

/** The fullest line of the whole period, by its own series. */
function worstLine() {
  const index = report.busiest.lines[0]?.index ?? 0;
  const { shape } = report.market.frames.lines;
  /** @type {(run: string) => Float64Array} */
  const pick = (run) => {
    const all = unpack(report[run].frames.lines);
    return Float64Array.from({ length: shape[0] }, (_, row) => all[row * shape[1] + index] ?? NaN);
  };
  return { name: report.map.lines[index] ?? gettext("no line"), market: pick("market"), alone: pick("alone") };
}

function loadings() {
  const same = report.limits.line_percent === report.limits.transformer_percent;
  return {
    unit: "%",
    decimals: 1,
    zero: true,
    lines: [
      { label: gettext("Transformer"), look: "look-ink", values: series("market", "transformer_max") },
      { label: gettext("Fullest line"), look: "look-need", values: series("market", "line_max") },
      { label: gettext("Transformer without market"), look: "look-ink look-dashed", values: series("alone", "transformer_max") },
    ],
    limits: same
      ? [{ label: fill(gettext("limit %(value)s"), { value: `${report.limits.line_percent} %` }), value: report.limits.line_percent }]
      : [
          { label: fill(gettext("lines %(value)s"), { value: `${report.limits.line_percent} %` }), value: report.limits.line_percent },
          { label: fill(gettext("transformer %(value)s"), { value: `${report.limits.transformer_percent} %` }), value: report.limits.transformer_percent },
        ],
  };
}

const power = () => ({
  unit: "kW",
  decimals: 1,
  zero: true,
  lines: [
    { label: gettext("Produced"), look: "look-energy", values: series("market", "production_wh", KW_PER_WH), filled: true },
    { label: gettext("Consumed"), look: "look-ink", values: series("market", "consumption_wh", KW_PER_WH) },
    { label: gettext("From the grid above"), look: "look-need", values: series("market", "import_wh", KW_PER_WH) },
    { label: gettext("To the grid above"), look: "look-money", values: series("market", "export_wh", KW_PER_WH) },
  ],
});

const volume = () => ({
  unit: "kWh",
  decimals: 2,
  zero: true,
  height: 150,
  lines: [{ label: gettext("Sold to neighbours"), look: "look-money", values: series("market", "traded_wh", 1e-3), step: true, filled: true }],
});

function prices() {
  const cents = (/** @type {number} */ perKwh) => perKwh / 1e4;
  return {
    unit: "ct/kWh",
    decimals: 2,
    zero: true,
    height: 180,
    lines: [{ label: gettext("Mean price"), look: "look-brand", values: series("market", "price_mean", 1e-4), step: true }],
    limits: [
      { label: `${gettext("retail")} ${figure(cents(report.tariff.retail_per_kwh), 1)}`, value: cents(report.tariff.retail_per_kwh) },
      { label: `${gettext("feed-in")} ${figure(cents(report.tariff.feed_in_per_kwh), 1)}`, value: cents(report.tariff.feed_in_per_kwh) },
    ],
  };
}

/** @param {string} name @param {string} label @param {string} look */
const both = (name, label, look) => ({
  unit: "kW",
  decimals: 2,
  zero: true,
  height: 150,
  lines: [
    { label, look, values: series("market", name, KW_PER_WH) },
    { label: gettext("without market"), look: "look-faint look-dashed", values: series("alone", name, KW_PER_WH) },
  ],
});

const stored = () => ({
  unit: "kWh",
  decimals: 1,
  zero: true,
  height: 150,
  lines: [
    { label: gettext("Stored in batteries"), look: "look-brand", values: series("market", "soc_wh", 1e-3) },
    { label: gettext("without market"), look: "look-faint look-dashed", values: series("alone", "soc_wh", 1e-3) },
  ],
});

const refused = () => ({
  unit: gettext("trades"),
  decimals: 0,
  zero: true,
  height: 120,
  lines: [{ label: gettext("Refused by the gate"), look: "look-high", values: series("market", "refused"), step: true, filled: true }],
});

/** The chosen quarter-hour, and all who show it. */
class Clock {
  constructor() {
    this.slot = 0;
    this.run = "market";
    /** @type {((slot: number, run: string) => void)[]} */
    this.readers = [];
    this.timer = 0;
  }

  /** @param {number} slot */
  choose(slot) {
    this.slot = Math.min(Math.max(Math.round(slot), 0), times.count - 1);
    for (const read of this.readers) read(this.slot, this.run);
  }

  /** @param {number} perSecond 0 to stop */
  play(perSecond) {
    clearInterval(this.timer);
    this.timer = 0;
    if (perSecond) this.timer = setInterval(() => this.choose(this.slot + 1 < times.count ? this.slot + 1 : 0), 1000 / perSecond);
  }
}

const clock = new Clock();

function charts() {
  /** @type {[string, () => import("./charts.js").Drawing][]} */
  const wanted = [
    ["voltage", () => voltages("market")],
    ["loading", loadings],
    ["power", power],
    ["volume", volume],
    ["price", prices],
    ["curtailed", () => both("curtailed_wh", gettext("Curtailed"), "look-high")],
    ["losses", () => both("losses_wh", gettext("Losses"), "look-need")],
    ["stored", stored],
    ["refused", refused],
  ];
  for (const [name, drawing] of wanted) {
    const host = hostOf(name);
    if (!host) continue;
    const chart = new TimeChart(host, drawing(), times, (slot) => clock.choose(slot));
    clock.readers.push((slot) => chart.show(slot));
  }
  const duration = hostOf("duration");
  const line = worstLine();
  if (!duration) return;
  new DurationChart(duration, {
    unit: "%",
    decimals: 1,
    zero: true,
    height: 240,
    lines: [
      { label: gettext("Transformer"), look: "look-ink", values: series("market", "transformer_max") },
      { label: gettext("Transformer without market"), look: "look-ink look-dashed", values: series("alone", "transformer_max") },
      { label: line.name, look: "look-need", values: line.market },
      { label: fill(gettext("%(line)s without market"), { line: line.name }), look: "look-need look-dashed", values: line.alone },
    ],
  });
}

/** @param {string} name @param {string} text */
function say(name, text) {
  for (const element of document.querySelectorAll(`[data-say="${name}"]`)) element.textContent = text;
}

function feeder() {
  const host = hostOf("map");
  if (!host) return;
  const bus = () => say("bus", map.words());
  const map = new FeederPicture(host, report.map, report.limits, { market: report.market, alone: report.alone }, report.every, bus);
  const all = Object.fromEntries(
    ["market", "alone"].map((run) => [run, Object.fromEntries(Object.keys(report[run].series).map((name) => [name, series(run, name)]))]),
  );
  host.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    map.select(map.bus + step);
  });
  document.querySelector("#worst")?.addEventListener("click", () => {
    clock.choose(strained());
    map.strained();
  });
  clock.readers.push((slot, run) => {
    map.show(slot, run);
    bus();
    const of = (/** @type {string} */ name) => all[run]?.[name]?.[slot] ?? NaN;
    say("time", times.span(slot));
    say("vmin", `${figure(of("vm_min"), 4)} pu`);
    say("vmax", `${figure(of("vm_max"), 4)} pu`);
    say("transformer", `${figure(of("transformer_max"), 1)} %`);
    say("line", `${figure(of("line_max"), 1)} %`);
    say("traded", `${figure(of("traded_wh") / 1000, 2)} kWh`);
    say("source", `${figure((of("import_wh") - of("export_wh")) * KW_PER_WH, 1)} kW`);
  });
}

/** The quarter-hour with the voltage farthest from 1 pu. */
function strained() {
  const [low, high] = [series("market", "vm_min"), series("market", "vm_max")];
  const far = high.map((value, i) => (Number.isNaN(value) ? 0 : Math.max(value - 1, 1 - (low[i] ?? 1))));
  return far.indexOf(Math.max(...far));
}

function controls() {
  const slider = document.querySelector("#slot");
  const play = document.querySelector("#play");
  const speed = document.querySelector("#speed");
  if (!(slider instanceof HTMLInputElement && play instanceof HTMLElement && speed instanceof HTMLSelectElement)) return;
  slider.max = String(times.count - 1);
  slider.addEventListener("input", () => clock.choose(Number(slider.value)));
  const run = (/** @type {boolean} */ on) => {
    clock.play(on ? Number(speed.value) : 0);
    play.textContent = on ? gettext("Pause") : gettext("Play");
    play.setAttribute("aria-pressed", String(on));
  };
  play.addEventListener("click", () => run(!clock.timer));
  speed.addEventListener("change", () => run(Boolean(clock.timer)));
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      run(false);
      clock.choose(clock.slot + Number(/** @type {HTMLElement} */ (button).dataset.step));
    });
  }
  for (const choice of document.querySelectorAll("input[name=run]")) {
    choice.addEventListener("change", () => {
      clock.run = /** @type {HTMLInputElement} */ (choice).value;
      clock.choose(clock.slot);
    });
  }
  clock.readers.push((slot) => {
    slider.value = String(slot);
    slider.setAttribute("aria-valuetext", times.span(slot));
  });
}

function lists() {
  for (const table of document.querySelectorAll("table[data-sort]")) sortable(/** @type {HTMLTableElement} */ (table));
  const input = document.querySelector("#find-home");
  const table = document.querySelector("#homes");
  const count = document.querySelector("#homes-shown");
  if (input instanceof HTMLInputElement && table instanceof HTMLTableElement && count instanceof HTMLElement) filtered(input, table, count);
  const names = report.households.map((/** @type {any} */ row) => row.name);
  const matrix = hostOf("matrix");
  if (matrix && report.trading.pairs.length) new TradeMatrix(matrix, report.trading.pairs, names);
  const saved = hostOf("savings");
  if (saved) savings(saved, report.households);
}

function theme() {
  document.querySelector("#theme")?.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
}

charts();
feeder();
controls();
lists();
theme();
document.querySelector("#worst")?.dispatchEvent(new Event("click"));

/**
 * Time series with uPlot: energy of each slot, and its price.
 */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { color } from "../ui/colors.js";
import { measured, number, slot, when } from "../ui/format.js";
import { gettext } from "../ui/language.js";

const SLOT_S = 900;
const SHORTEST_SPAN_S = 4 * 3600;
const WH_PER_KWH = 1000;
const MICRO_PER_CENT = 10_000;

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {string} token colour
 * @property {number[]|(number|null)[]} values
 * @property {boolean} [filled]
 */

/** A chart that follows its container's width and the theme. */
export class SeriesChart {
  /**
   * Where nobody points at a slot, the legend has the newest one's values, or the sums of all of them.
   *
   * @param {HTMLElement} container
   * @param {{height?: number, unit: string, decimals?: number, summed?: boolean}} options
   */
  constructor(container, { height = 200, unit, decimals = 2, summed = false }) {
    this.container = container;
    this.summed = summed;
    this.height = height;
    this.unit = unit;
    this.decimals = decimals;
    /** @type {Line[]} */
    this.lines = [];
    /** @type {number[]} */
    this.times = [];
    /** @type {uPlot|null} */
    this.plot = null;
    new ResizeObserver(() => this.plot?.setSize({ width: container.clientWidth, height })).observe(container);
    addEventListener("wattnote:theme", () => this.rebuild());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rebuild());
  }

  /** @param {number|null} index of the slot that is pointed at */
  slotTold(index) {
    const last = this.times.at(-1) ?? 0;
    const start = this.times[index ?? this.times.length - 1] ?? last;
    if (index !== null || !this.summed) return slot(start, start + SLOT_S);
    return `${when(this.times[0] ?? last)}\u2009–\u2009${when(last + SLOT_S)}`;
  }

  /**
   * @param {Line["values"]} values of a line
   * @param {number|null} index of the slot that is pointed at
   * @returns {string} nothing where there is no value
   */
  valueTold(values, index) {
    const newest = values[index ?? values.length - 1] ?? null;
    const value = index === null && this.summed ? values.reduce((/** @type {number} */ sum, one) => sum + (one ?? 0), 0) : newest;
    return value === null ? "" : `${measured(value, this.decimals)}\u00a0${this.unit}`;
  }

  /** @returns {any} */
  options() {
    const axis = { stroke: color("--ink-faint"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "12px Inter, sans-serif" };
    const step = uPlot.paths.stepped?.({ align: 1 });
    return {
      width: this.container.clientWidth,
      height: this.height,
      cursor: { points: { size: 7 }, y: false },
      legend: { live: true },
      scales: { x: { time: true, range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(low, high - SHORTEST_SPAN_S), high + SLOT_S] } },
      axes: [
        { ...axis, values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map((t) => when(t, "time")) },
        { ...axis, size: 52, values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map(number) },
      ],
      series: [
        { label: this.summed ? gettext("Time") : gettext("Slot"), value: (/** @type {any} */ _, /** @type {unknown} */ __, /** @type {unknown} */ ___, /** @type {number|null} */ index) => this.slotTold(index) },
        ...this.lines.map(({ label, token, filled }, i) => ({
          label,
          stroke: color(token),
          fill: filled ? color(token, 0.16) : undefined,
          width: 2,
          paths: step,
          points: { show: false },
          value: (/** @type {any} */ _, /** @type {unknown} */ __, /** @type {unknown} */ ___, /** @type {number|null} */ index) => this.valueTold(this.lines[i]?.values ?? [], index),
        })),
      ],
    };
  }

  rebuild() {
    if (!this.times.length) return;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), this.data(), this.container);
  }

  /** @returns {any} */
  data() {
    return [this.times, ...this.lines.map((line) => line.values)];
  }

  /**
   * @param {number[]} times
   * @param {Line[]} lines
   */
  show(times, lines) {
    this.times = times;
    this.lines = lines;
    if (this.plot && this.plot.series.length === lines.length + 1) this.plot.setData(this.data());
    else this.rebuild();
  }
}

/**
 * @param {import("./source.js").LiveSlot["series"]} series
 * @returns {Line[]}
 */
export function energyLines(series) {
  const kwh = (/** @type {number[]} */ values) => values.map((wh) => wh / WH_PER_KWH);
  return [
    { label: gettext("Traded"), token: "--money", values: kwh(series.traded_wh), filled: true },
    { label: gettext("From the grid"), token: "--need", values: kwh(series.import_wh) },
    { label: gettext("To the grid"), token: "--energy", values: kwh(series.export_wh) },
  ];
}

/**
 * @param {import("./source.js").LiveSlot["series"]} series
 * @returns {Line[]}
 */
export function priceLines(series) {
  return [{ label: gettext("Mean price"), token: "--brand-text", values: series.price.map((p) => (p === null ? null : Number(p) / MICRO_PER_CENT)) }];
}

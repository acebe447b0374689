/**
 * Charts over time and duration curves as SVG, drawn anew for each width; colours are the sheet's classes.
 */

import { figure, fill, gettext, html, svg } from "./data.js";

/** @typedef {import("./data.js").Times} Times */
/** @typedef {{label: string, look: string, values: Float64Array, step?: boolean, filled?: boolean}} Line */
/** @typedef {{look: string, low: Float64Array, high: Float64Array}} Band */
/** @typedef {{label: string, value: number}} Limit */
/**
 * @typedef {object} Drawing
 * @property {string} unit
 * @property {number} decimals
 * @property {Line[]} lines
 * @property {Band[]} [bands]
 * @property {Limit[]} [limits]
 * @property {boolean} [zero] whether the axis begins at zero
 * @property {number} [height]
 * @property {[number, number]} [range] instead of the values' own
 */

const EDGE = { left: 52, right: 14, top: 22, bottom: 26 };
const TICK_STEPS_H = [1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 730, 1460];
const TICK_WIDTH = 74;
const PER_HOUR = 4;

/**
 * Round numbers that cover a range.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} wanted how many
 */
export function ticksBetween(low, high, wanted) {
  const raw = (high - low || 1) / wanted;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((n) => n * size >= raw * (1 - 1e-9)) ?? 10) * size;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** @param {number} step */
const decimalsOf = (step) => (Number.isInteger(step) ? 0 : (String(step).split(".")[1] ?? "").length);

/** Axes, scale and frame of one chart. */
class Frame {
  /**
   * @param {number} width
   * @param {number} height
   * @param {[number, number]} range of the values
   * @param {number} count points along the other axis
   */
  constructor(width, height, range, count) {
    this.width = width;
    this.height = height;
    this.count = count;
    this.ticks = ticksBetween(range[0], range[1], Math.max(2, Math.round(height / 60)));
    this.low = /** @type {number} */ (this.ticks[0]);
    this.high = /** @type {number} */ (this.ticks[this.ticks.length - 1]);
  }

  /** @param {number} index */
  x(index) {
    return EDGE.left + (index / Math.max(1, this.count)) * (this.width - EDGE.left - EDGE.right);
  }

  /** @param {number} value */
  y(value) {
    return EDGE.top + (1 - (value - this.low) / (this.high - this.low || 1)) * (this.height - EDGE.top - EDGE.bottom);
  }

  /** @param {string} unit */
  valueAxis(unit) {
    const decimals = Math.max(...this.ticks.map(decimalsOf));
    const marks = this.ticks.flatMap((value) => [
      svg("line", { class: "rule", x1: EDGE.left, x2: this.width - EDGE.right, y1: this.y(value), y2: this.y(value) }),
      svg("text", { class: "tick tick--y", x: EDGE.left - 6, y: this.y(value) + 4 }, figure(value, decimals)),
    ]);
    return svg("g", {}, ...marks, svg("text", { class: "unit", x: 0, y: 9 }, unit));
  }

  /**
   * @param {Limit[]} limits
   * @returns {SVGElement}
   */
  limits(limits) {
    const shown = limits.filter(({ value }) => value <= this.high && value >= this.low);
    return svg(
      "g",
      {},
      ...shown.flatMap(({ label, value }) => [
        svg("line", { class: "limit", x1: EDGE.left, x2: this.width - EDGE.right, y1: this.y(value), y2: this.y(value) }),
        svg("text", { class: "limit-name", x: this.width - EDGE.right - 4, y: this.y(value) - 4 }, label),
      ]),
    );
  }
}

/**
 * A path through values; with more of them than pixels, through the least and the most of each pixel.
 *
 * @param {Frame} frame
 * @param {Float64Array} values
 * @param {boolean} step
 */
function path(frame, values, step) {
  const parts = [];
  const size = Math.max(1, Math.floor(values.length / (2 * frame.width)));
  let pen = false;
  for (let from = 0; from < values.length; from += size) {
    const some = [...values.subarray(from, from + size)].filter(Number.isFinite);
    if (!some.length) pen = false;
    for (const value of size > 1 && some.length ? [Math.min(...some), Math.max(...some)] : some) {
      const x = frame.x(from).toFixed(1);
      const y = frame.y(value).toFixed(1);
      parts.push(`${pen ? "L" : "M"}${x} ${y}`);
      if (step) parts.push(`H${frame.x(from + size).toFixed(1)}`);
      pen = true;
    }
  }
  return parts.join("");
}

/**
 * @param {Frame} frame
 * @param {Band} band
 */
function area(frame, { low, high }) {
  const size = Math.max(1, Math.floor(low.length / frame.width));
  /** @type {string[]} */
  const pieces = [];
  /** @type {string[]} */
  let there = [];
  /** @type {string[]} */
  let back = [];
  const end = () => {
    if (there.length) pieces.push(`M${there.join("L")}L${back.reverse().join("L")}Z`);
    [there, back] = [[], []];
  };
  for (let i = 0; i < low.length; i += size) {
    const [bottom, top] = [Math.min(...low.subarray(i, i + size)), Math.max(...high.subarray(i, i + size))];
    if (Number.isFinite(bottom) && Number.isFinite(top)) {
      there.push(`${frame.x(i).toFixed(1)} ${frame.y(top).toFixed(1)}`);
      back.push(`${frame.x(i).toFixed(1)} ${frame.y(bottom).toFixed(1)}`);
    } else end();
  }
  end();
  return pieces.join("");
}

/** @param {Drawing} drawing @returns {[number, number]} */
export function rangeOf({ lines, bands = [], limits = [], zero }) {
  const all = [...lines.map((line) => line.values), ...bands.flatMap((band) => [band.low, band.high])];
  let low = zero ? 0 : Infinity;
  let high = zero ? 0 : -Infinity;
  for (const values of all) {
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) [low, high] = [0, 1];
  const near = Math.abs(high - low) * 1.5;
  for (const { value } of limits) {
    if (value > high && value - high < near) high = value;
    if (value < low && low - value < near) low = value;
  }
  return [low, high];
}

/** @param {Drawing} drawing @returns {HTMLElement} */
function legendOf({ lines, bands = [] }) {
  const items = lines.map((line) =>
    html("li", {}, html("i", { class: `key ${line.look}` }), `${line.label} `, html("b", { class: "num" })),
  );
  const areas = bands.map((band) => html("li", {}, html("i", { class: `key key--band ${band.look}` }), gettext("90 % of all buses")));
  return html("ul", { class: "keys" }, ...items, ...areas);
}

/** A chart over the report's slots, with one mark that all charts and the map share. */
export class TimeChart {
  /**
   * @param {HTMLElement} host with the chart's name as its label
   * @param {Drawing} drawing
   * @param {Times} times
   * @param {(slot: number) => void} choose called when a slot is chosen here
   */
  constructor(host, drawing, times, choose) {
    this.host = host;
    this.drawing = drawing;
    this.times = times;
    this.choose = choose;
    this.slot = 0;
    this.legend = legendOf(drawing);
    this.stage = html("div", { class: "stage", tabindex: "0", role: "slider", "aria-valuemin": "0", "aria-valuemax": String(times.count - 1) });
    this.stage.setAttribute("aria-label", fill(gettext("%(chart)s: choose a quarter-hour"), { chart: host.dataset.name ?? "" }));
    host.replaceChildren(this.stage, this.legend);
    this.watch();
    this.draw(host.clientWidth);
    new ResizeObserver(() => {
      if (host.clientWidth && host.clientWidth !== this.frame?.width) this.draw(host.clientWidth);
    }).observe(host);
  }

  watch() {
    this.stage.addEventListener("pointerdown", (event) => {
      this.stage.setPointerCapture(event.pointerId);
      this.choose(this.under(event));
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" || event.buttons) this.choose(this.under(event));
    });
    this.stage.addEventListener("keydown", (event) => {
      /** @type {Record<string, number>} */
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -96, PageDown: 96, Home: -this.times.count, End: this.times.count };
      const step = steps[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.choose(this.slot + step);
    });
  }

  /** @param {PointerEvent} event */
  under(event) {
    const x = event.clientX - this.stage.getBoundingClientRect().left;
    const width = (this.frame?.width ?? 1) - EDGE.left - EDGE.right;
    return Math.floor(((x - EDGE.left) / width) * this.times.count);
  }

  /** @param {number} width */
  draw(width) {
    const { drawing, times } = this;
    const height = drawing.height ?? 220;
    const frame = new Frame(Math.max(width, 240), height, drawing.range ?? rangeOf(drawing), times.count);
    this.frame = frame;
    this.mark = svg("line", { class: "mark", y1: EDGE.top, y2: height - EDGE.bottom });
    const base = frame.y(Math.max(frame.low, 0)).toFixed(1);
    const shapes = drawing.lines.flatMap(({ look, values, step, filled }) => {
      const d = path(frame, values, Boolean(step));
      const fill = filled ? [svg("path", { class: `fill ${look}`, d: `${d}V${base}H${frame.x(0)}Z` })] : [];
      return [...fill, svg("path", { class: `line ${look}`, d })];
    });
    const bands = (drawing.bands ?? []).map((band) => svg("path", { class: `band ${band.look}`, d: area(frame, band) }));
    const picture = svg("svg", { width: frame.width, height, viewBox: `0 0 ${frame.width} ${height}`, "aria-hidden": "true" });
    picture.append(frame.valueAxis(drawing.unit), this.timeAxis(frame), ...bands, ...shapes, frame.limits(drawing.limits ?? []), this.mark);
    this.stage.replaceChildren(picture);
    this.show(this.slot);
  }

  /** @param {Frame} frame */
  timeAxis(frame) {
    const { times } = this;
    const room = Math.max(2, (frame.width - EDGE.left) / TICK_WIDTH);
    const hours = times.count / PER_HOUR;
    const step = (TICK_STEPS_H.find((h) => hours / h <= room) ?? 2920) * 3600;
    const first = Math.ceil((times.first + times.offset) / step) * step - times.offset;
    const marks = [];
    for (let at = first; at <= times.at(times.count); at += step) {
      const x = frame.x(times.index(at));
      const midnight = times.clock(at) === "00:00";
      if (x > frame.width - (midnight ? 68 : 36)) break;
      marks.push(svg("line", { class: midnight ? "rule rule--day" : "rule", x1: x, x2: x, y1: EDGE.top, y2: frame.height - EDGE.bottom }));
      marks.push(svg("text", { class: "tick", x: x + 3, y: frame.height - 8 }, midnight ? times.day(at) : times.clock(at)));
    }
    return svg("g", {}, ...marks);
  }

  /** @param {number} slot */
  show(slot) {
    this.slot = slot;
    const x = this.frame?.x(slot + 0.5) ?? 0;
    this.mark?.setAttribute("x1", String(x));
    this.mark?.setAttribute("x2", String(x));
    const said = this.drawing.lines.map(({ label, values }, i) => {
      const value = values[slot] ?? NaN;
      const text = Number.isFinite(value) ? `${figure(value, this.drawing.decimals)} ${this.drawing.unit}` : "";
      const place = this.legend.children[i]?.querySelector("b");
      if (place) place.textContent = text;
      return `${label} ${text}`;
    });
    this.stage.setAttribute("aria-valuenow", String(slot));
    this.stage.setAttribute("aria-valuetext", `${this.times.span(slot)}: ${said.join(", ")}`);
  }
}

/** Values in falling order over the share of the time that they were reached. */
export class DurationChart {
  /**
   * @param {HTMLElement} host
   * @param {Drawing} drawing
   */
  constructor(host, drawing) {
    this.host = host;
    const lines = drawing.lines.map((line) => ({ ...line, values: Float64Array.from(line.values).sort().reverse() }));
    this.drawing = { ...drawing, lines };
    const peaks = html("ul", { class: "keys" }, ...lines.map(({ label, look, values }) =>
      html("li", {}, html("i", { class: `key ${look}` }), fill(gettext("%(curve)s, at most"), { curve: label }), " ", html("b", { class: "num" }, `${figure(values[0] ?? NaN, drawing.decimals)} ${drawing.unit}`)),
    ));
    this.stage = html("div", { class: "stage stage--still", role: "img" });
    this.stage.setAttribute("aria-label", host.dataset.name ?? "");
    host.replaceChildren(this.stage, peaks);
    this.draw(host.clientWidth);
    new ResizeObserver(() => {
      if (host.clientWidth && host.clientWidth !== this.width) this.draw(host.clientWidth);
    }).observe(host);
  }

  /** @param {number} width */
  draw(width) {
    this.width = width;
    const height = this.drawing.height ?? 220;
    const count = this.drawing.lines[0]?.values.length ?? 1;
    const frame = new Frame(Math.max(width, 240), height, rangeOf(this.drawing), count);
    const picture = svg("svg", { width: frame.width, height, viewBox: `0 0 ${frame.width} ${height}` });
    const shares = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      svg("line", { class: "rule", x1: frame.x(share * count), x2: frame.x(share * count), y1: EDGE.top, y2: height - EDGE.bottom }),
      svg("text", { class: share === 1 ? "tick tick--y" : "tick tick--mid", x: frame.x(share * count), y: height - 8 }, share === 1 ? "100 %" : `${share * 100}`),
    ]);
    const lines = this.drawing.lines.map(({ look, values }) => {
      const own = new Frame(frame.width, height, [frame.low, frame.high], values.length);
      return svg("path", { class: `line ${look}`, d: path(own, values, false) });
    });
    picture.append(frame.valueAxis(this.drawing.unit), ...shares, ...lines, frame.limits(this.drawing.limits ?? []));
    this.stage.replaceChildren(picture);
  }
}

/**
 * What a report's data block holds, and how its figures are written. Energy in Wh, money in micro-units, times in
 * seconds since the epoch, shown at the scenario's own offset.
 */

/** @typedef {{shape: [number, number], offset: number, step: number, data: string}} Packed */
/** @typedef {{name: string, x: number, y: number, homes: number[], source: boolean, solar: boolean}} MapNode */
/** @typedef {{nodes: MapNode[], edges: [string, number, number, number, boolean][], lines: string[], transformers: string[]}} FeederDrawing */
/** @typedef {{series: Record<string, Packed>, frames: {vm: Packed, lines: Packed, transformers: Packed}}} Run */
/** @typedef {{vm_min_pu: number, vm_max_pu: number, line_percent: number, transformer_percent: number}} Limits */

const NOTHING = 65_535;
export const SLOT_SECONDS = 900;

/**
 * @param {Packed} packed
 * @returns {Float64Array} row after row; NaN where there is nothing
 */
export function unpack({ offset, step, data }) {
  const text = atob(data);
  const values = new Float64Array(text.length / 2);
  for (let i = 0; i < values.length; i += 1) {
    const code = text.charCodeAt(2 * i) + 256 * text.charCodeAt(2 * i + 1);
    values[i] = code === NOTHING ? NaN : offset + step * code;
  }
  return values;
}

/**
 * @param {number} value
 * @param {number} decimals
 * @returns {string} with thousands apart, and a true minus sign; a dash for nothing
 */
export function figure(value, decimals) {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toLocaleString("en-GB", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return value < 0 && Number(text.replace(/,/g, "")) !== 0 ? `−${text}` : text;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Times of one report: the slots' starts, at one offset. */
export class Times {
  /**
   * @param {number} first start of the first slot
   * @param {number} count
   * @param {number} offset seconds east of UTC
   */
  constructor(first, count, offset) {
    this.first = first;
    this.count = count;
    this.offset = offset;
  }

  /** @param {number} index */
  at(index) {
    return this.first + index * SLOT_SECONDS;
  }

  /** @param {number} seconds */
  index(seconds) {
    return (seconds - this.first) / SLOT_SECONDS;
  }

  /** @param {number} seconds */
  date(seconds) {
    return new Date((seconds + this.offset) * 1000);
  }

  /** @param {number} seconds such as "13:30" */
  clock(seconds) {
    return this.date(seconds).toISOString().slice(11, 16);
  }

  /** @param {number} seconds such as "Thu 9 Jun" */
  day(seconds) {
    const date = this.date(seconds);
    return `${DAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  }

  /** @param {number} index such as "Thu 9 Jun, 13:30 – 13:45" */
  span(index) {
    const start = this.at(index);
    return `${this.day(start)}, ${this.clock(start)} – ${this.clock(start + SLOT_SECONDS)}`;
  }
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} name
 * @param {Record<string, string|number>} [attributes]
 * @param {...(Node|string)} children
 * @returns {SVGElement}
 */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/**
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

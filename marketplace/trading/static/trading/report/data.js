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

const GERMAN = globalThis.document?.documentElement?.lang === "de";
/** @type {Record<string, string|string[]>} what the report's file brings along; a page of the site has its catalogue */
const WORDS = JSON.parse(globalThis.document?.querySelector?.("#report-words")?.textContent ?? "{}");

/** @param {string} text */
export function gettext(text) {
  const own = WORDS[text];
  return typeof own === "string" ? own : /** @type {any} */ (globalThis).django?.gettext?.(text) ?? text;
}

/**
 * @param {string} one
 * @param {string} many
 * @param {number} n
 * @returns {string}
 */
export function ngettext(one, many, n) {
  const own = WORDS[one];
  if (Array.isArray(own)) return own[n === 1 ? 0 : 1] ?? many;
  return /** @type {any} */ (globalThis).django?.ngettext?.(one, many, n) ?? (n === 1 ? one : many);
}

/**
 * @param {string} text
 * @param {Record<string, string|number>} values of its `%(name)s`
 */
export function fill(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_, /** @type {string} */ name) => String(values[name] ?? ""));
}

/**
 * @param {number} value
 * @param {number} decimals
 * @returns {string} with thousands apart, and a true minus sign; a dash for nothing
 */
export function figure(value, decimals) {
  if (!Number.isFinite(value)) return "–";
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  const text = Math.abs(value).toLocaleString(GERMAN ? "de-DE" : "en-GB", options);
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

/** @param {number} microUnits */
export function euros(microUnits) {
  const text = figure(microUnits / 1e6, 2);
  return GERMAN ? `${text}\u00a0€` : text.replace(/^(−?)/, "$1€");
}

const DAYS = GERMAN ? ["So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"] : ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
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
    if (GERMAN) return `${DAYS[date.getUTCDay()]}, ${date.toISOString().slice(8, 10)}.${date.toISOString().slice(5, 7)}.`;
    return `${DAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  }

  /** @param {number} index such as "Thu 9 Jun, 13:30 – 13:45" */
  span(index) {
    const start = this.at(index);
    return `${this.day(start)}, ${this.clock(start)} – ${this.clock(start + SLOT_SECONDS)}${GERMAN ? " Uhr" : ""}`;
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

/**
 * Numbers, money, energy and times as a person reads and types them, by the page's language. Integers stay exact: no
 * float touches money. `marketplace/formats.py` follows the same rules; `fixtures/vectors/formats.json` holds both to them.
 */

import { fill, gettext, language } from "./language.js";

const MICRO = 1_000_000n;
const CENT = 10_000n;
const DAY = 86_400;
const HOUR = 3600;
const MINUTE = 60;
const SLOT_S = 900;
const MINUS = "\u2212";

/** @param {number} n */
const two = (n) => String(n).padStart(2, "0");

/**
 * What differs between the languages, other than words. English follows CLDR's `en-GB`, German `de` as DIN 5008 has it.
 *
 * @typedef {object} Rules
 * @property {string} point
 * @property {string} group
 * @property {(sign: string, figure: string) => string} money
 * @property {(date: Date) => string} date
 * @property {(date: Date) => string} day
 * @property {string} oclock
 * @property {string[]} months
 * @property {string} days
 */

const EN_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DE_MONTHS = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"];
const EN_DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const DE_DAYS = ["So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"];

/** @type {Record<string, Rules>} */
const RULES = {
  en: {
    point: ".",
    group: ",",
    money: (sign, figure) => `${sign}€${figure}`,
    date: (date) => `${date.getDate()} ${EN_MONTHS[date.getMonth()]?.slice(0, 3)} ${date.getFullYear()}`,
    day: (date) => `${EN_DAYS[date.getDay()]} ${date.getDate()} ${EN_MONTHS[date.getMonth()]?.slice(0, 3)}`,
    oclock: "",
    months: EN_MONTHS,
    days: "days",
  },
  de: {
    point: ",",
    group: ".",
    money: (sign, figure) => `${sign}${figure}\u00a0€`,
    date: (date) => `${two(date.getDate())}.${two(date.getMonth() + 1)}.${date.getFullYear()}`,
    day: (date) => `${DE_DAYS[date.getDay()]}, ${two(date.getDate())}.${two(date.getMonth() + 1)}.`,
    oclock: "\u00a0Uhr",
    months: DE_MONTHS,
    days: "Tage",
  },
};

/** @returns {Rules} those of the page's language; English where there are none */
function rules() {
  return RULES[language().slice(0, 2)] ?? /** @type {Rules} */ (RULES.en);
}

/**
 * A bigint scaled down by a power of ten, cut (never rounded up) to `shown` decimals, without groups: as a person types
 * it.
 *
 * @param {bigint} value
 * @param {number} decimals digits behind the point in `value`
 * @param {number} shown
 * @returns {string}
 */
export function plain(value, decimals, shown) {
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const fraction = digits.slice(digits.length - decimals).slice(0, shown);
  return `${value < 0n ? "-" : ""}${digits.slice(0, digits.length - decimals)}${fraction ? rules().point : ""}${fraction}`;
}

/**
 * A bigint scaled down by a power of ten, with grouping and exactly `shown` decimals (cut, never rounded up).
 *
 * @param {bigint} value
 * @param {number} decimals digits behind the point in `value`
 * @param {number} shown
 * @returns {string}
 */
export function decimal(value, decimals, shown) {
  const { point, group } = rules();
  const [whole, fraction] = plain(value < 0n ? -value : value, decimals, shown).split(point);
  const grouped = (whole ?? "").replace(/\B(?=(\d{3})+$)/g, group);
  return `${value < 0n ? MINUS : ""}${grouped}${fraction ? point + fraction : ""}`;
}

/**
 * Money with cents, under one euro with what is left of a cent; `exact` adds the micro-units where there are any.
 *
 * @param {bigint|string|number} microUnits
 * @param {{signed?: boolean, exact?: boolean}} [options]
 */
export function money(microUnits, { signed = false, exact = false } = {}) {
  const value = BigInt(microUnits);
  const size = value < 0n ? -value : value;
  const fine = size < MICRO && size % CENT !== 0n;
  const figure = exact ? decimal(size, 6, 6).replace(/0{1,4}$/, "") : decimal(size, 6, fine ? 4 : 2);
  return rules().money(value < 0n ? MINUS : signed && value > 0n ? "+" : "", figure);
}

/**
 * @param {bigint|string|number} microPerKwh
 * @returns {string} in cents per kWh
 */
export function price(microPerKwh) {
  return `${decimal(BigInt(microPerKwh), 4, 2)}\u00a0ct/kWh`;
}

/**
 * @param {bigint|string|number} wh
 * @param {{signed?: boolean}} [options]
 * @returns {string}
 */
export function energy(wh, { signed = false } = {}) {
  const value = BigInt(wh);
  return `${signed && value > 0n ? "+" : ""}${decimal(value, 3, 3)}\u00a0kWh`;
}

/** What was typed can't be taken as an amount; says what to type instead. */
export class NumberError extends RangeError {
  /**
   * @param {"no_number"|"ambiguous"|"too_fine"} code
   * @param {string} words
   */
  constructor(code, words) {
    super(words);
    this.code = code;
  }
}

const SPACES = /(?<=\d)[ \u00a0\u2009\u202f'’](?=\d{3}(?!\d))/g;
const GROUPS = /^[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*$/;

/**
 * A typed number as an integer of its smallest unit: exactly what was meant, or a refusal. Both signs separate decimals
 * where nothing else can be meant; one sign of the other language before three digits can mean two things ("1.234" in
 * German), so it is refused.
 *
 * @param {string} text such as "1 234.5" or "0,25"
 * @param {number} decimals
 * @returns {bigint}
 * @throws {NumberError} not a number, negative, unclear, or more decimals than the unit has
 */
export function parseDecimal(text, decimals) {
  const { point } = rules();
  const bare = text.trim().replace(SPACES, "");
  const sign = GROUPS.exec(bare)?.[1];
  const groups = sign ? bare.split(sign).length - 1 : 0;
  if (sign && groups === 1 && sign !== point) {
    const words = gettext("“%(text)s” can mean two things: type %(whole)s, or %(part)s.");
    throw new NumberError("ambiguous", fill(words, { text: bare, whole: bare.replace(sign, ""), part: bare.replace(sign, point) }));
  }
  const [whole, fraction] = sign && groups > 1 ? [bare.replaceAll(sign, ""), ""] : halves(bare);
  if (!/^\d{1,15}$/.test(whole)) {
    const words = bare ? gettext("“%(text)s” is no number; type for example %(example)s.") : gettext("Type a number, for example %(example)s.");
    throw new NumberError("no_number", fill(words, { text: text.trim(), example: plain(25n, 2, 2) }));
  }
  if (fraction.length > decimals) throw new NumberError("too_fine", fill(gettext("At most %(decimals)s decimals."), { decimals }));
  return BigInt(whole + fraction.padEnd(decimals, "0"));
}

/**
 * Digits before and behind the decimal sign; what isn't well formed stays as it is, and so is no number.
 *
 * @param {string} bare
 * @returns {[string, string]}
 */
function halves(bare) {
  const match = /^(.*)([.,])(\d*)$/.exec(bare);
  if (!match) return [bare, ""];
  const [, whole = "", sign, fraction = ""] = match;
  const grouped = GROUPS.exec(whole)?.[1];
  return [grouped && grouped !== sign ? whole.replaceAll(grouped, "") : whole, fraction];
}

/**
 * Offset of the local zone, such as "UTC+01:00".
 *
 * @param {Date} date
 */
export function utcOffset(date) {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? MINUS : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/**
 * A time in the reader's zone.
 *
 * @param {number} seconds since the epoch
 * @param {"time"|"clock"|"date"|"datetime"|"day"|"month"|"slot"} [form] `slot`: the quarter-hour that starts then
 * @returns {string}
 */
export function when(seconds, form = "datetime") {
  const at = new Date(seconds * 1000);
  const local = rules();
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (form === "time") return time;
  if (form === "clock") return `${time}:${two(at.getSeconds())}`;
  if (form === "date") return local.date(at);
  if (form === "day") return local.day(at);
  if (form === "month") return `${local.months[at.getMonth()]} ${at.getFullYear()}`;
  if (form === "slot") return span(seconds, seconds + SLOT_S);
  return `${local.date(at)}, ${time}${local.oclock}`;
}

/**
 * It ends by the clock of its start, also where clocks change at its end.
 *
 * @param {number} start
 * @param {number} end
 * @returns {string}
 */
function span(start, end) {
  const at = new Date(start * 1000);
  const minutes = at.getHours() * 60 + at.getMinutes() + Math.floor((end - start) / 60);
  const time = `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
  return `${when(start, "date")}, ${when(start, "time")}\u2009–\u2009${time}${rules().oclock}`;
}

/**
 * @param {number} start
 * @param {number} end
 */
export function slot(start, end) {
  return `${span(start, end)} ${utcOffset(new Date(start * 1000))}`;
}

/**
 * A time in the reader's zone, and which offset that has then: for what is kept, or read elsewhere.
 *
 * @param {number} seconds since the epoch
 */
export function told(seconds) {
  return `${when(seconds)} ${utcOffset(new Date(seconds * 1000))}`;
}

/**
 * A time span, in the largest unit that says enough.
 *
 * @param {number} seconds
 */
export function duration(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  const [size, unit] =
    left >= 2 * DAY ? [DAY, rules().days]
    : left >= 2 * HOUR || left === HOUR ? [HOUR, "h"]
    : left >= 2 * MINUTE || left === MINUTE ? [MINUTE, "min"]
    : [1, "s"];
  return `${Math.floor((left + Math.floor(size / 2)) / size)}\u00a0${unit}`;
}

/**
 * A measured value, as voltages and loadings are.
 *
 * @param {number} value
 * @param {number} decimals
 */
export function measured(value, decimals) {
  return value.toFixed(decimals).replace(".", rules().point);
}

/**
 * A round number, as the steps of an axis are.
 *
 * @param {number} value
 */
export function number(value) {
  return String(value).replace(".", rules().point);
}

/** @param {string} hex */
export function shortHex(hex) {
  return `${hex.slice(0, 8)}…${hex.slice(-6)}`;
}

export { MICRO };

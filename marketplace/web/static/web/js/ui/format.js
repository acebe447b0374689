/**
 * Numbers, money, energy and times as a person reads them. Integers stay exact: no float touches money.
 */

const MICRO = 1_000_000n;
const CENT = 10_000n;

/**
 * A bigint scaled down by a power of ten, with grouping and exactly `shown` decimals (cut, never rounded up).
 *
 * @param {bigint} value
 * @param {number} decimals digits behind the point in `value`
 * @param {number} shown
 * @returns {string}
 */
export function decimal(value, decimals, shown) {
  const sign = value < 0n ? "\u2212" : "";
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, -decimals).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return `${sign}${whole}.${digits.slice(-decimals).slice(0, shown)}`;
}

/**
 * Money with cents, under one euro with what is left of a cent; `exact` adds the micro-units where there are any.
 *
 * @param {bigint|string|number} microUnits
 * @param {{signed?: boolean, exact?: boolean}} [options]
 */
export function money(microUnits, { signed = false, exact = false } = {}) {
  const value = BigInt(microUnits);
  const fine = value > -MICRO && value < MICRO && value % CENT !== 0n;
  const text = exact ? decimal(value, 6, 6).replace(/0{1,4}$/, "") : decimal(value, 6, fine ? 4 : 2);
  return `${signed && value > 0n ? "+" : ""}${text}\u00a0€`;
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

/**
 * Typed money, price or energy as an integer of the smallest unit.
 *
 * @param {string} text such as "1 234.5" or "0,25"
 * @param {number} decimals
 * @returns {bigint}
 * @throws {RangeError} not a number, negative, or more decimals than the unit has
 */
export function parseDecimal(text, decimals) {
  const plain = text.trim().replace(/[\s\u202f\u00a0]/g, "").replace(",", ".");
  const match = /^(\d{1,15})(?:\.(\d*))?$/.exec(plain);
  if (!match) throw new RangeError(`"${text}" is no number; type for example 0.25`);
  const fraction = match[2] ?? "";
  if (fraction.length > decimals) throw new RangeError(`at most ${decimals} decimals`);
  return BigInt((match[1] ?? "0") + fraction.padEnd(decimals, "0"));
}

/**
 * Offset of the local zone, such as "UTC+01:00".
 *
 * @param {Date} date
 */
export function utcOffset(date) {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  const part = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `UTC${minutes < 0 ? "\u2212" : "+"}${part(Math.floor(size / 60))}:${part(size % 60)}`;
}

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const FORMS = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  date: { day: "numeric", month: "short", year: "numeric" },
  datetime: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
};

/**
 * @param {number} seconds since the epoch
 * @param {"time"|"clock"|"date"|"datetime"} [form]
 */
export function when(seconds, form = "datetime") {
  const language = document.documentElement.lang || "en";
  return new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, FORMS[form]).format(new Date(seconds * 1000));
}

/**
 * @param {number} start
 * @param {number} end
 */
export function slot(start, end) {
  return `${when(start)}\u2009–\u2009${when(end, "time")} ${utcOffset(new Date(start * 1000))}`;
}

/**
 * Time left, in the largest unit that says enough.
 *
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** @param {string} hex */
export function shortHex(hex) {
  return `${hex.slice(0, 8)}…${hex.slice(-6)}`;
}

export { MICRO };

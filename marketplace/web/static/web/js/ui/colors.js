/**
 * Colours of the design tokens for canvases, and the voltage scale.
 */

/** @type {HTMLElement|undefined} */
let probe;

/**
 * @param {string} token such as "--ink"
 * @returns {[number, number, number]} red, green, blue, 0 to 255
 */
function channels(token) {
  probe ??= document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  probe.style.color = `var(${token})`;
  const numbers = getComputedStyle(probe).color.match(/[\d.]+/g) ?? ["0", "0", "0"];
  return /** @type {[number, number, number]} */ (numbers.slice(0, 3).map(Number));
}

/**
 * @param {string} token
 * @param {number} [alpha]
 */
export function color(token, alpha = 1) {
  const [r, g, b] = channels(token);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** Per unit voltages at the scale's five colours. */
export const VOLTAGE_STOPS = [0.9, 0.95, 1.0, 1.05, 1.1];
const VOLTAGE_TOKENS = ["--volt-low", "--volt-lowish", "--volt-mid", "--volt-highish", "--volt-high"];

/**
 * A function from per-unit voltage to a colour, for the theme as it is now.
 *
 * @returns {(pu: number) => string}
 */
export function voltageScale() {
  const stops = VOLTAGE_TOKENS.map(channels);
  const first = /** @type {number} */ (VOLTAGE_STOPS[0]);
  const step = /** @type {number} */ (VOLTAGE_STOPS[1]) - first;
  return (pu) => {
    const place = Math.min(Math.max((pu - first) / step, 0), stops.length - 1);
    const low = /** @type {number[]} */ (stops[Math.floor(place)]);
    const high = /** @type {number[]} */ (stops[Math.min(Math.floor(place) + 1, stops.length - 1)]);
    const mix = low.map((from, i) => Math.round(from + (/** @type {number} */ (high[i]) - from) * (place % 1)));
    return `rgb(${mix.join(", ")})`;
  };
}

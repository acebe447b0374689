/**
 * Colours of the design tokens for canvases.
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

/**
 * Time that runs out, to the second.
 */

import { fill, gettext } from "../ui/language.js";

const HOUR = 3600;
const DAY = 24 * HOUR;

/**
 * @param {number} seconds left; below zero is over
 * @returns {string} 4:07, 1:02:30, or days and hours
 */
export function clock(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  if (left >= 2 * DAY) return fill(gettext("%(days)s days %(hours)s h"), { days: Math.floor(left / DAY), hours: Math.floor((left % DAY) / HOUR) });
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const minutes = Math.floor((left % HOUR) / 60);
  return left < HOUR ? `${minutes}:${two(left % 60)}` : `${Math.floor(left / HOUR)}:${two(minutes)}:${two(left % 60)}`;
}

/**
 * The operator's controls of the live market: pause, go on, one quarter-hour, speed.
 */

import { patch, post } from "../api.js";
import { need } from "../ui/dom.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {{paused: boolean, speed: number}} Hand */

const pause = /** @type {HTMLButtonElement} */ (need("#pause"));
const step = /** @type {HTMLButtonElement} */ (need("#step"));
const speed = /** @type {HTMLSelectElement} */ (need("#speed"));
const said = need("#operator-said");

/** @param {Hand} hand */
function show(hand) {
  pause.dataset.paused = String(hand.paused);
  pause.textContent = hand.paused ? gettext("Go on") : gettext("Pause");
  step.disabled = !hand.paused;
  const permille = String(Math.round(hand.speed * 1000));
  if ([...speed.options].some((option) => option.value === permille)) speed.value = permille;
}

/**
 * @param {Promise<Hand>} answer
 * @param {string} words
 */
async function act(answer, words) {
  try {
    show(await answer);
    said.textContent = words;
  } catch (error) {
    said.textContent = error instanceof Error ? error.message : String(error);
  }
}

pause.addEventListener("click", () => {
  const paused = pause.dataset.paused !== "true";
  void act(patch("market/control/", { paused }), paused ? gettext("Paused: no quarter-hour is played until you go on.") : gettext("The market goes on."));
});
step.addEventListener("click", () => void act(post("market/step/"), gettext("One quarter-hour is played.")));
speed.addEventListener("change", () => {
  void act(patch("market/control/", { speed: Number(speed.value) / 1000 }), fill(gettext("Speed: %(speed)s."), { speed: speed.selectedOptions[0]?.textContent ?? "" }));
});

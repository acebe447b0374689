/**
 * On every page of somebody whose agent runs in this browser: starts it, and says in the top bar what it does. It rests on
 * pages where the person negotiates by hand, which have a desk of their own.
 */

import { h, replace } from "../ui/dom.js";
import { gettext } from "../ui/language.js";
import { hold } from "./holding.js";

const RUNS_HERE = "wattnote.agent";
const BY_HAND = "#desk, #channel-actions";
const { owner = "", wallet = "" } = document.body.dataset;
let running = false;

/** @returns {Record<string, [string, string]>} words and colour */
const words = () => ({
  locked: [gettext("Agent rests: wallet locked"), "warn"],
  elsewhere: [gettext("Agent at work in another tab"), "plain"],
  by_browser: [gettext("Agent at work in another browser"), "plain"],
  by_program: [gettext("Agent at work in your program"), "plain"],
  away: [gettext("Agent can’t reach the site"), "warn"],
  mandate: [gettext("Agent needs a new mandate"), "warn"],
  by_hand: [gettext("Agent rests while you negotiate"), "plain"],
});

/** @param {{doing: string, words?: string}} doing */
function show({ doing, words: said }) {
  dispatchEvent(new CustomEvent("wattnote:agent", { detail: { doing, words: said } }));
  const chip = document.querySelector("#agent-chip");
  if (!(chip instanceof HTMLElement)) return;
  const [word, kind] = words()[doing] ?? [gettext("Agent at work"), "good"];
  chip.hidden = ["paused", "draft", "off"].includes(doing);
  chip.dataset.doing = doing;
  chip.className = `chip agent-chip chip--${kind}`;
  chip.setAttribute("aria-label", word);
  chip.title = [word, said].filter(Boolean).join(". ");
  replace(chip, h("span", { class: "agent-chip__word" }, word), h("span", { class: "agent-chip__short", "aria-hidden": "true" }, gettext("Agent")));
}

async function run() {
  if (running || !wallet || localStorage.getItem(RUNS_HERE) !== owner) return;
  if (document.querySelector(BY_HAND)) return show({ doing: "by_hand" });
  running = true;
  const { AgentRunner } = await import("./runner.js");
  const runner = new AgentRunner(owner, wallet);
  runner.addEventListener("doing", (event) => show(/** @type {CustomEvent} */ (event).detail));
  let told = false;
  addEventListener("wattnote:agent-stop", () => {
    told = true;
    runner.stop();
  });
  await runner.start();
  running = false;
  if (told) show({ doing: "off" });
}

addEventListener("wattnote:agent-run", () => {
  localStorage.setItem(RUNS_HERE, owner);
  void hold("busy", { takes_over: true }).then(run, run);
});
addEventListener("wattnote:agent-leave", () => {
  localStorage.removeItem(RUNS_HERE);
  dispatchEvent(new Event("wattnote:agent-stop"));
  show({ doing: "off" });
});
void run();

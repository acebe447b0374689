/**
 * My agent: the zone of the rules, going live with the wallet's signature, pausing, and what it does in this browser.
 */

import * as api from "../api.js";
import { Declined } from "../ui/dialogs.js";
import { need } from "../ui/dom.js";
import { energy, money, price, when } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { toast, toastError } from "../ui/toast.js";
import { requireMandate } from "../agent/mandate.js";
import { deed } from "../wallet/deeds.js";
import { WalletSigner } from "../wallet/signer.js";

const { owner = "", wallet: address = "" } = document.body.dataset;

/** The state and the log of the page ask for themselves anew. */
function changed() {
  document.body.dispatchEvent(new Event("agent-changed"));
}

/** @param {string} name */
const tell = (name) => dispatchEvent(new Event(name));

/** @param {HTMLElement} button */
async function goLive(button) {
  const version = Number(button.dataset.version);
  const path = `agent/rules/${version}/mandate/`;
  const { rules } = await api.get(`agent/rules/${version}/`);
  const { text, until } = await api.get(path);
  const signature = await new WalletSigner(address).signText(text, {
    deed: deed("mandate"),
    sentence: gettext("From now on this browser signs trades within these rules without asking you for each one, while your wallet is unlocked. Nothing outside them is ever signed. You can pause it at any time."),
    facts: factsOf(rules, until),
    action: gettext("Sign and go live"),
    raw: { message: text },
  });
  requireMandate({ rules, version, mandate: signature, until }, { owner, address, newest: 0 });
  await api.post(path, { until, signature });
  toast(gettext("Your agent is live."));
  tell("wattnote:agent-run");
}

/** @param {number} minute of the day */
const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/**
 * The bounds as the dialog shows them; the text that is signed has the same in whole numbers.
 *
 * @param {import("../agent/mandate.js").Rules} rules
 * @param {number} until
 * @returns {[string, string][]}
 */
function factsOf(rules, until) {
  const { from_minute: from, to_minute: to, zone } = rules;
  return [
    [gettext("Sells"), rules.sells ? fill(gettext("from %(price)s"), { price: price(rules.sell_from) }) : gettext("never")],
    [gettext("Keeps at home"), energy(rules.reserve_wh)],
    [gettext("Buys"), rules.buys ? fill(gettext("up to %(price)s"), { price: price(rules.buy_up_to) }) : gettext("never")],
    [gettext("Spends a day at most"), money(rules.budget)],
    [gettext("In one trade at most"), energy(rules.most_wh)],
    [gettext("Trades with"), rules.partners === "known" ? gettext("partners of earlier trades") : gettext("all partners with an open channel")],
    [gettext("Hours of delivery"), from === to ? gettext("all") : `${clock(from)} – ${clock(to)} (${zone})`],
    [gettext("Mandate until"), when(until)],
  ];
}

/** @type {Record<string, (button: HTMLElement) => Promise<void>>} */
const DEEDS = {
  "agent-go-live": goLive,
  "agent-pause": async () => {
    await api.post("agent/pause/");
    tell("wattnote:agent-stop");
  },
  "agent-resume": async () => {
    await api.post("agent/resume/");
    tell("wattnote:agent-run");
  },
  "agent-here": async () => {
    tell("wattnote:agent-run");
  },
};

/** @param {HTMLElement} button */
async function act(button) {
  button.setAttribute("aria-busy", "true");
  try {
    await DEEDS[button.id]?.(button);
  } catch (error) {
    if (!(error instanceof Declined)) toastError(error);
  } finally {
    button.removeAttribute("aria-busy");
    changed();
  }
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[id]") : null;
  if (button instanceof HTMLElement && button.id in DEEDS) void act(button);
});
addEventListener("wattnote:agent-step", changed);
let last = "";
addEventListener("wattnote:agent", (event) => {
  const { doing } = /** @type {CustomEvent} */ (event).detail;
  if (doing !== last) changed();
  last = doing;
});
const form = need("form.agent-form");
if (form.dataset.new === "true") {
  /** @type {HTMLInputElement} */ (need("input[name=zone]", form)).value = Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/**
 * The two questions of the wallet: the passphrase, and whether to sign what is shown in words.
 */

import { deedInWords } from "../wallet/deeds.js";
import { unlock } from "../wallet/vault.js";
import { facts, h } from "./dom.js";
import { gettext } from "./language.js";

/** The person said no. Not an error to report. */
export class Declined extends Error {
  constructor(words = gettext("Nothing was signed.")) {
    super(words);
  }
}

/**
 * @typedef {object} SigningQuestion
 * @property {import("../wallet/deeds.js").Deed} deed what it does, as a verb: its words are the title
 * @property {string} sentence what changes for the person who signs
 * @property {[string, string][]} facts
 * @property {string} action the button's word
 * @property {object} raw exactly what is signed
 * @property {string} [warning]
 */

/**
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<string>} the dialog's return value
 */
export function shown(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}

/** Sooner than this nobody has read a question. */
const READING_MS = 400;

/** An Enter that was meant for the form behind, held or pressed twice, signs nothing. */
function unread() {
  const opened = performance.now();
  return (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.repeat || performance.now() - opened < READING_MS)) event.preventDefault();
  };
}

/** @param {SigningQuestion} question */
export async function confirmSigning(question) {
  const raw = h("details", { class: "fine" }, h("summary", {}, gettext("Exactly what is signed")), h("pre", { tabindex: "0" }, JSON.stringify(question.raw, null, 2)));
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "signing-title", onkeydown: unread() },
    h(
      "form",
      { method: "dialog" },
      h(
        "div",
        { class: "dialog__body" },
        h("h2", { id: "signing-title" }, deedInWords(question.deed)),
        h("p", {}, question.sentence),
        question.warning ? h("p", { class: "ink-danger" }, question.warning) : null,
        facts(question.facts),
        raw,
      ),
      h(
        "div",
        { class: "dialog__actions" },
        h("button", { class: "button", value: "no" }, gettext("Not now")),
        h("button", { class: "button button--primary", value: "yes", autofocus: true }, question.action),
      ),
    ),
  );
  if ((await shown(dialog)) !== "yes") throw new Declined();
}

/**
 * Asks for the passphrase until it fits.
 *
 * @param {string} address
 */
export async function askPassphrase(address) {
  const error = h("p", { class: "field__error", id: "unlock-error", role: "alert" });
  const input = h("input", { type: "password", id: "unlock-passphrase", autocomplete: "current-password", required: true, "aria-describedby": "unlock-error" });
  const go = h("button", { class: "button button--primary", type: "submit" }, gettext("Unlock"));
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "unlock-title" },
    h(
      "form",
      { onsubmit: (/** @type {SubmitEvent} */ event) => void attempt(event) },
      h(
        "div",
        { class: "dialog__body" },
        h("h2", { id: "unlock-title" }, gettext("Unlock your wallet")),
        h("p", { class: "muted" }, gettext("The passphrase opens the key in this browser. It is never sent anywhere.")),
        h("div", { class: "field" }, h("label", { for: "unlock-passphrase" }, gettext("Passphrase")), input, error),
      ),
      h("div", { class: "dialog__actions" }, h("button", { class: "button", type: "button", onclick: () => dialog.close("no") }, gettext("Cancel")), go),
    ),
  );

  /** @param {SubmitEvent} event */
  async function attempt(event) {
    event.preventDefault();
    go.setAttribute("aria-busy", "true");
    go.disabled = true;
    try {
      await unlock(address, input.value);
      dialog.close("yes");
    } catch (failure) {
      error.textContent = /** @type {Error} */ (failure).message;
      input.select();
    } finally {
      go.removeAttribute("aria-busy");
      go.disabled = false;
    }
  }

  if ((await shown(dialog)) !== "yes") throw new Declined();
}

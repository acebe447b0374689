/**
 * No money moves before the backup was saved and shown to be there.
 */

import { confirmBackup, exportBackup, wallet } from "../wallet/vault.js";
import { Declined, shown } from "./dialogs.js";
import { h } from "./dom.js";
import { gettext } from "./language.js";

/**
 * Lets a wallet sign only with a backup; asks for it in place where there is none.
 *
 * @param {string} address
 * @throws {Declined}
 */
export async function requireBackedUp(address) {
  const record = await wallet(address);
  if (record && !record.backedUpAt) await askBackup(address);
}

/** @param {string} address */
async function download(address) {
  const { name, text } = await exportBackup(address);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = h("a", { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}

/**
 * Save the file, then show that it is there: by choosing it, or by typing the code that stands only in it.
 *
 * @param {string} address
 * @throws {Declined}
 */
export async function askBackup(address) {
  const error = h("p", { class: "field__error", id: "backup-error", role: "alert" });
  const file = h("input", { type: "file", id: "backup-file", accept: ".json,application/json", "aria-describedby": "backup-error" });
  const code = h("input", { type: "text", id: "backup-code", autocomplete: "off", spellcheck: "false", maxlength: "9", placeholder: "0000-0000", "aria-describedby": "backup-error" });
  const save = h("button", { class: "button button--primary", type: "button", onclick: () => void download(address) }, gettext("Save the backup file"));
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "backup-title" },
    h(
      "form",
      { onsubmit: (/** @type {SubmitEvent} */ event) => void attempt(event) },
      h(
        "div",
        { class: "dialog__body" },
        h("h2", { id: "backup-title" }, gettext("Save your backup first")),
        h("p", {}, gettext("Your key exists only in this browser. If this device is lost, nobody can bring your money back without the backup, so nothing that moves money is signed before you have it.")),
        h("p", {}, gettext("1. Save the file, and keep it where you keep important papers. It opens only with your passphrase.")),
        save,
        h("p", {}, gettext("2. Show that you have it: choose the file that you saved.")),
        h("div", { class: "field" }, h("label", { for: "backup-file" }, gettext("The saved file")), file),
        h("details", { class: "fine" }, h("summary", {}, gettext("I can’t choose it on this device")), h("div", { class: "field" }, h("label", { for: "backup-code" }, gettext("Open the file and type the code after “check”")), code)),
        error,
      ),
      h(
        "div",
        { class: "dialog__actions" },
        h("button", { class: "button", type: "button", onclick: () => dialog.close("no") }, gettext("Not now")),
        h("button", { class: "button button--primary", type: "submit" }, gettext("I have the backup")),
      ),
    ),
  );

  /** @param {SubmitEvent} event */
  async function attempt(event) {
    event.preventDefault();
    error.textContent = "";
    try {
      await confirmBackup(address, { text: await file.files?.[0]?.text(), code: code.value });
      dialog.close("yes");
    } catch (failure) {
      error.textContent = /** @type {Error} */ (failure).message;
    }
  }

  if ((await shown(dialog)) !== "yes") throw new Declined();
}

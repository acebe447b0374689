/**
 * Making, restoring, unlocking, saving and linking the wallet.
 */

import * as api from "../api.js";
import { checksumAddress } from "../protocol/signing.js";
import { Declined, askPassphrase } from "../ui/dialogs.js";
import { need, notice, replace } from "../ui/dom.js";
import { money } from "../ui/format.js";
import { toast, toastError } from "../ui/toast.js";
import { linkWallet } from "../wallet/siwe.js";
import { WalletSigner } from "../wallet/signer.js";
import { createWallet, exportBackup, importBackup, importKey, lock, markBackedUp, unlockedAddress, wallet, wallets } from "../wallet/vault.js";

const box = need("#wallet-box");

/** @returns {Promise<import("../wallet/vault.js").WalletRecord|undefined>} the account's wallet, else this browser's newest */
async function current() {
  const linked = box.dataset.linked;
  return linked ? wallet(linked) : (await wallets())[0];
}

/**
 * @param {string} selector
 * @param {boolean} visible
 */
function show(selector, visible) {
  need(selector).hidden = !visible;
}

/** @param {string} address */
async function showBalance(address) {
  const line = need("#wallet-balance");
  line.textContent = "";
  if (box.dataset.linked !== address) return;
  try {
    const { balance } = await api.get("wallet/");
    line.textContent = balance === null ? "The ledger can’t be reached" : money(balance);
  } catch (error) {
    if (!(error instanceof api.ApiError && error.status === 404)) throw error;
  }
}

/** @param {import("../wallet/vault.js").WalletRecord} record */
async function showOpen(record) {
  const open = (await unlockedAddress()) === record.address;
  const linked = box.dataset.linked === record.address;
  const address = checksumAddress(record.address);
  const copy = document.createElement("button");
  Object.assign(copy, { type: "button", className: "hash", textContent: address });
  copy.dataset.copy = address;
  copy.setAttribute("aria-label", `Copy address ${address}`);
  replace(need("#wallet-address"), copy);
  const state = need("#wallet-state");
  state.textContent = open ? "Unlocked in this tab" : "Locked";
  state.className = `chip ${open ? "chip--good" : ""}`;
  show("#wallet-unlock", !open);
  show("#wallet-lock", open);
  show("#wallet-link", !linked);
  show("#wallet-test-money", linked);
  const notes = [];
  if (!record.backedUpAt) {
    notes.push(notice("warn", "This key exists only in this browser. Save a backup and keep it where you keep important papers; without it nobody can help when this device is lost."));
  }
  if (!linked) notes.push(notice("", "Link the wallet to your account, so that partners and merchants can find you."));
  replace(need("#wallet-notes"), ...notes);
  await showBalance(record.address);
}

async function refresh() {
  const record = await current();
  show("#wallet-open", Boolean(record));
  show("#wallet-actions", Boolean(record));
  show("#wallet-make", !record);
  if (record) return showOpen(record);
  const linked = box.dataset.linked;
  replace(
    need("#wallet-notes"),
    linked ? notice("warn", `Your account’s wallet ${checksumAddress(linked)} is not in this browser. Restore it from its backup.`) : null,
  );
}

/**
 * Runs a form's work with its progress bar, and says in the form what went wrong.
 *
 * @param {HTMLFormElement} form
 * @param {(onProgress: (share: number) => void) => Promise<unknown>} work
 */
async function busy(form, work) {
  const bar = /** @type {HTMLProgressElement} */ (need("progress", form));
  const button = /** @type {HTMLButtonElement} */ (need("button[type=submit]", form));
  const error = need("[data-error]", form);
  error.textContent = "";
  bar.hidden = false;
  button.disabled = true;
  try {
    await work((share) => {
      bar.value = share;
    });
    form.reset();
    await refresh();
  } catch (failure) {
    error.textContent = /** @type {Error} */ (failure).message;
  } finally {
    bar.hidden = true;
    button.disabled = false;
  }
}

/** @param {string} id */
const field = (id) => /** @type {HTMLInputElement} */ (need(id));

/** @param {SubmitEvent} event */
function onCreate(event) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  void busy(form, async (onProgress) => {
    if (field("#create-pass").value !== field("#create-again").value) throw new Error("The two passphrases differ. Type the same one twice.");
    await createWallet(field("#create-pass").value, onProgress);
  });
}

/** @param {SubmitEvent} event */
function onRestore(event) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  void busy(form, async (onProgress) => {
    const file = field("#restore-file").files?.[0];
    const key = field("#restore-key").value;
    const passphrase = field("#restore-pass").value;
    if (file) await importBackup(await file.text(), passphrase, onProgress);
    else if (key) await importKey(key, passphrase, onProgress);
    else throw new Error("Choose the backup file, or type a private key.");
  });
}

async function onBackup() {
  const record = await current();
  if (!record) return;
  const { name, text } = await exportBackup(record.address);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
  await markBackedUp(record.address);
  toast(`Saved as ${name}. It opens with your passphrase.`);
  await refresh();
}

async function onLink() {
  const record = await current();
  if (!record) return;
  const { address } = await linkWallet(new WalletSigner(record.address));
  box.dataset.linked = address;
  document.body.dataset.wallet = address;
  toast("Your wallet is linked.");
  dispatchEvent(new Event("wattnote:lock"));
  if (location.pathname === box.dataset.next) location.assign(location.pathname);
  await refresh();
}

async function onTestMoney() {
  await api.post("wallet/test-money/");
  toast("Test money is in your wallet.");
  await refresh();
}

/**
 * @param {string} selector
 * @param {() => Promise<void>} act
 */
function onPress(selector, act) {
  const button = /** @type {HTMLButtonElement} */ (need(selector));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Declined)) toastError(error);
    } finally {
      button.disabled = false;
    }
  });
}

need("#create-form").addEventListener("submit", /** @type {EventListener} */ (onCreate));
need("#restore-form").addEventListener("submit", /** @type {EventListener} */ (onRestore));
onPress("#wallet-unlock", async () => {
  const record = await current();
  if (record) await askPassphrase(record.address);
  await refresh();
});
onPress("#wallet-lock", async () => {
  await lock();
  await refresh();
});
onPress("#wallet-backup", onBackup);
onPress("#wallet-link", onLink);
onPress("#wallet-test-money", onTestMoney);
addEventListener("wattnote:money", () => void refresh());
void refresh();

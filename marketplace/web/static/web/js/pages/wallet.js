/**
 * Making, restoring, connecting, unlocking, saving and linking the wallet.
 */

import * as api from "../api.js";
import { checksumAddress } from "../protocol/signing.js";
import { askBackup } from "../ui/backing_up.js";
import { Declined, askPassphrase } from "../ui/dialogs.js";
import { h, need, notice, replace } from "../ui/dom.js";
import { money, when } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { toast, toastError } from "../ui/toast.js";
import { lineInWords } from "../wallet/deeds.js";
import { connect, providers, watch } from "../wallet/external.js";
import { linkWallet } from "../wallet/siwe.js";
import { WalletSigner } from "../wallet/signer.js";
import { createWallet, importBackup, importKey, journal, keepExternal, lock, unlockedAddress, wallet, wallets } from "../wallet/vault.js";

/** @typedef {import("../wallet/vault.js").WalletRecord} WalletRecord */

const SHOWN_LINES = 30;
const box = need("#wallet-box");
/** Addresses whose external wallet is watched. */
const watched = new Set();

/** @returns {Promise<WalletRecord|undefined>} the account's wallet, else this browser's newest */
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
    line.textContent = balance === null ? gettext("The ledger can’t be reached") : money(balance);
  } catch (error) {
    if (!(error instanceof api.ApiError && error.status === 404)) throw error;
  }
}

/** @param {WalletRecord} record */
function notesFor(record) {
  const notes = [];
  if (!record.backedUpAt) notes.push(notice("warn", gettext("This key exists only in this browser. Save a backup and show that you have it: until then nothing that moves money is signed.")));
  if (record.kind === "external") {
    const maker = record.maker?.name ?? gettext("your external wallet");
    notes.push(notice("", fill(gettext("%(maker)s signs for this address. Here are only the keys of your channels, which derive from its signature."), { maker })));
  }
  if (box.dataset.linked !== record.address) notes.push(notice("", gettext("Link the wallet to your account, so that partners and merchants can find you.")));
  return notes;
}

/** @param {WalletRecord} record */
async function showOpen(record) {
  const open = (await unlockedAddress()) === record.address;
  const linked = box.dataset.linked === record.address;
  const address = checksumAddress(record.address);
  const copy = h("button", { type: "button", class: "hash", "data-copy": address, "aria-label": fill(gettext("Copy address %(address)s"), { address }) }, address);
  replace(need("#wallet-address"), copy);
  const state = need("#wallet-state");
  state.textContent = open ? gettext("Unlocked in this tab") : gettext("Locked");
  state.className = `chip ${open ? "chip--good" : ""}`;
  const saved = need("#wallet-saved");
  saved.textContent = record.backedUpAt ? fill(gettext("Backup checked %(date)s"), { date: when(record.backedUpAt / 1000, "date") }) : gettext("No backup yet");
  saved.className = `chip ${record.backedUpAt ? "chip--good" : "chip--warn"}`;
  show("#wallet-unlock", !open);
  show("#wallet-lock", open);
  show("#wallet-link", !linked);
  show("#wallet-test-money", linked);
  replace(need("#wallet-notes"), ...notesFor(record));
  await watchExternal(record);
  await showBalance(record.address);
  await showJournal(record.address);
}

/** @param {string} address what it signed in this browser */
async function showJournal(address) {
  const place = document.querySelector("#wallet-journal");
  if (!place) return;
  const lines = (await journal(address)).slice(0, SHOWN_LINES);
  /** @type {HTMLElement} */ (place).hidden = lines.length === 0;
  replace(need("#wallet-signed"), ...lines.map((line) => h("li", {}, h("span", {}, lineInWords(line)), h("span", { class: "small muted" }, `${when(line.at / 1000)} · ${line.name}`))));
}

/** @param {WalletRecord} record */
async function watchExternal({ address, kind, maker }) {
  if (kind !== "external" || watched.has(address)) return;
  watched.add(address);
  const name = maker?.name ?? gettext("Your external wallet");
  await watch(address, (what) => {
    if (what === "account") {
      void lock();
      toast(fill(gettext("%(name)s shows another account now, so the wallet is locked here. Choose the linked account to go on."), { name }), "bad");
    } else if (what === "gone") toast(fill(gettext("%(name)s lost its connection. Nothing is lost; what you sign next needs it back."), { name }), "bad");
    else toast(fill(gettext("%(name)s changed its network. It is asked to change back when you sign."), { name }));
  });
}

/** Whoever has a wallet already wants it back, and no second one. */
function restoreFirst() {
  const form = need("#restore-form");
  need("#wallet-make").prepend(form);
  need("button[type=submit]", form).classList.add("button--primary");
  need("#create-form button[type=submit]").classList.remove("button--primary");
}

async function refresh() {
  const record = await current();
  show("#wallet-open", Boolean(record));
  show("#wallet-actions", Boolean(record));
  show("#wallet-make", !record);
  if (record) return showOpen(record);
  const linked = box.dataset.linked;
  if (linked) restoreFirst();
  replace(
    need("#wallet-notes"),
    linked ? notice("warn", fill(gettext("Your account’s wallet %(address)s is not in this browser. Restore it from its backup, or connect the wallet that holds it; your channels come back with it."), { address: checksumAddress(linked) })) : null,
  );
  await showProviders();
}

/** The wallets of other makers that announced themselves. */
async function showProviders() {
  const found = await providers();
  show("#external-none", found.length === 0);
  show("#external-form", found.length > 0);
  const choices = found.map(({ info }, at) =>
    h("label", { class: "maker" }, h("input", { type: "radio", name: "maker", value: info.uuid, checked: at === 0 }), info.icon ? h("img", { src: info.icon, alt: "", width: "24", height: "24" }) : null, info.name),
  );
  replace(need("#external-makers"), ...choices);
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

/**
 * @param {string} selector
 * @param {(onProgress: (share: number) => void) => Promise<unknown>} work
 */
function onSubmit(selector, work) {
  const form = /** @type {HTMLFormElement} */ (need(selector));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy(form, work);
  });
}

/**
 * A passphrase that was typed twice.
 *
 * @param {string} first
 * @param {string} again
 */
function typedTwice(first, again) {
  if (field(first).value !== field(again).value) throw new Error(gettext("The two passphrases differ. Type the same one twice."));
  return field(first).value;
}

/** @param {(share: number) => void} onProgress */
async function restore(onProgress) {
  const file = field("#restore-file").files?.[0];
  const key = field("#restore-key").value;
  const passphrase = field("#restore-pass").value;
  if (file) await importBackup(await file.text(), passphrase, onProgress);
  else if (key) await importKey(key, passphrase, onProgress);
  else throw new Error(gettext("Choose the backup file, or type a private key."));
}

/** @param {(share: number) => void} onProgress */
async function connectExternal(onProgress) {
  const passphrase = typedTwice("#external-pass", "#external-again");
  const uuid = /** @type {HTMLInputElement|null} */ (document.querySelector("input[name=maker]:checked"))?.value;
  const chosen = (await providers()).find(({ info }) => info.uuid === uuid);
  if (!chosen) throw new Error(gettext("Choose a wallet."));
  const external = await connect(chosen);
  const { linked } = box.dataset;
  if (linked && external.address !== linked) throw new Error(fill(gettext("Your account is linked to %(address)s. Choose that account in your wallet."), { address: checksumAddress(linked) }));
  await keepExternal(external, passphrase, onProgress);
}

async function onBackup() {
  const record = await current();
  if (!record) return;
  await askBackup(record.address);
  toast(gettext("Your backup is checked. Keep the file and the passphrase in different places."));
  await refresh();
}

async function onLink() {
  const record = await current();
  if (!record) return;
  const { address } = await linkWallet(new WalletSigner(record.address));
  box.dataset.linked = address;
  document.body.dataset.wallet = address;
  toast(gettext("Your wallet is linked."));
  dispatchEvent(new Event("wattnote:lock"));
  if (location.pathname === box.dataset.next) location.assign(location.pathname);
  await refresh();
}

async function onTestMoney() {
  await api.post("wallet/test-money/");
  toast(gettext("Test money is in your wallet."));
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

onSubmit("#create-form", (onProgress) => createWallet(typedTwice("#create-pass", "#create-again"), onProgress));
onSubmit("#restore-form", restore);
onSubmit("#external-form", connectExternal);
onPress("#wallet-unlock", async () => {
  const record = await current();
  if (record) await askPassphrase(record.address);
  await refresh();
});
onPress("#wallet-lock", lock);
onPress("#wallet-backup", onBackup);
onPress("#wallet-link", onLink);
onPress("#wallet-test-money", onTestMoney);
for (const event of ["wattnote:money", "wattnote:lock", "wattnote:providers"]) addEventListener(event, () => void refresh());
void refresh();

/**
 * On every page: theme, times in the reader's zone, hashes that copy, the wallet's lock, forms that are sent once.
 */

import { watchBell } from "./ui/bell.js";
import { toast } from "./ui/toast.js";
import { utcOffset, when } from "./ui/format.js";
import { gettext } from "./ui/language.js";
import { unlockedAddress, wallet, watchIdleness } from "./wallet/vault.js";

/** So long a second press of the same button is taken for an accident. */
const SENT_MS = 8000;

/**
 * Of a quarter-hour; rows of a list, where the same stands in each, leave it to the title.
 *
 * @param {Date} date
 */
function offset(date) {
  return Object.assign(document.createElement("span"), { className: "offset", textContent: utcOffset(date) });
}

/** @param {ParentNode} root */
export function localizeTimes(root) {
  for (const element of root.querySelectorAll("time[data-form]:not([data-local])")) {
    const time = /** @type {HTMLTimeElement} */ (element);
    const date = new Date(time.dateTime);
    const seconds = Math.floor(date.getTime() / 1000);
    const form = /** @type {any} */ (time.dataset.form);
    time.textContent = when(seconds, form);
    if (form === "slot") time.append(" ", offset(date));
    time.title = `${when(seconds, "datetime")} ${utcOffset(date)}`;
    time.dataset.local = "true";
  }
  for (const element of root.querySelectorAll("[data-utc-offset]")) element.textContent = utcOffset(new Date());
}

/** The server tells times by this device's clock, too (`marketplace/web/zone.py`). */
function tellZone() {
  const name = `zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  if (document.cookie.split("; ").includes(name)) return;
  document.cookie = `${name}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

function toggleTheme() {
  const { dataset } = document.documentElement;
  const dark = dataset.theme ? dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("wattnote.theme", dataset.theme);
  dispatchEvent(new Event("wattnote:theme"));
}

/** @param {HTMLElement} button */
async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy ?? "");
  toast(gettext("Copied"));
}

async function showLock() {
  const chip = document.querySelector("#wallet-chip");
  const address = document.body.dataset.wallet;
  if (!(chip instanceof HTMLElement)) return;
  const state = !address ? "none" : !(await wallet(address)) ? "absent" : (await unlockedAddress()) === address ? "open" : "locked";
  const words = { none: gettext("No wallet yet"), absent: gettext("Wallet not here"), open: gettext("Unlocked"), locked: gettext("Locked") };
  const kinds = { none: "energy", absent: "warn", open: "good", locked: "plain" };
  chip.textContent = words[state];
  chip.className = `chip wallet-chip chip--${kinds[state]}`;
  chip.dataset.lock = state;
}

/** @param {MouseEvent} event */
function onClick(event) {
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest("[data-theme-toggle]")) toggleTheme();
  const hash = target?.closest("[data-copy]");
  if (hash instanceof HTMLElement) void copy(hash);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(target)) menu.removeAttribute("open");
  }
}

/** @param {HTMLFormElement} form that can be sent again */
function free(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}

/**
 * A second press while the answer is under way sends nothing. Scripts that send a form themselves have stopped the event.
 *
 * @param {SubmitEvent} event
 */
function onSubmit(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "true";
  event.submitter?.setAttribute("aria-busy", "true");
  setTimeout(() => free(form), SENT_MS);
}

/** The browser's "back" shows the page as it was left. */
function onShow() {
  for (const form of document.querySelectorAll("form[data-sent]")) free(/** @type {HTMLFormElement} */ (form));
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.removeAttribute("open");
    /** @type {HTMLElement|null} */ (menu.querySelector("summary"))?.focus();
  }
}

document.addEventListener("click", onClick);
document.addEventListener("keydown", onKey);
document.addEventListener("submit", onSubmit);
addEventListener("pageshow", onShow);
document.addEventListener("htmx:after:swap", () => localizeTimes(document));
addEventListener("wattnote:lock", () => void showLock());
tellZone();
localizeTimes(document);
void showLock();
watchIdleness();
watchBell();

/**
 * Web push in the settings of notices: this browser subscribes, and tells the site where it listens.
 */

import * as api from "../api.js";
import { fromBase64Url, toBase64Url } from "../protocol/base64.js";
import { need } from "../ui/dom.js";
import { gettext } from "../ui/language.js";
import { toast, toastError } from "../ui/toast.js";

const card = need("#push");
const button = /** @type {HTMLButtonElement} */ (need("#push-here"));
const said = need("#push-state");

/** @returns {string} a name that tells devices apart, without a fingerprint */
function deviceName() {
  const agent = navigator.userAgent;
  const browser = ["Firefox", "Edg", "Chrome", "Safari"].find((name) => agent.includes(name)) ?? gettext("Browser");
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"].find((name) => agent.includes(name)) ?? "";
  return `${browser.replace("Edg", "Edge")} ${system}`.trim();
}

/** @returns {Promise<PushSubscription|null>} */
async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function show() {
  const able = "serviceWorker" in navigator && "PushManager" in globalThis;
  button.disabled = !able;
  if (!able) said.textContent = gettext("This browser can’t show notices while the site is closed.");
  else if (Notification.permission === "denied") said.textContent = gettext("You forbade notices for this site. Allow them in the browser’s settings of the site, and reload.");
  else said.textContent = (await subscription()) ? gettext("This browser shows your notices.") : "";
}

async function subscribe() {
  if ((await Notification.requestPermission()) !== "granted") throw new Error(gettext("Your browser doesn’t allow notices from this site. Allow them in its settings of the site, and try again."));
  await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  const registration = await navigator.serviceWorker.ready;
  const key = fromBase64Url(card.dataset.key ?? "");
  const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const [p256dh, auth] = [made.getKey("p256dh"), made.getKey("auth")];
  if (!p256dh || !auth) throw new Error(gettext("This browser can’t show notices while the site is closed."));
  const keys = { p256dh: toBase64Url(new Uint8Array(p256dh)), auth: toBase64Url(new Uint8Array(auth)) };
  await api.post("notices/devices/", { endpoint: made.endpoint, ...keys, name: deviceName() });
  toast(gettext("This browser shows your notices now."));
  location.reload();
}

button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    await subscribe();
  } catch (error) {
    toastError(error);
  }
  button.disabled = false;
});
void show();

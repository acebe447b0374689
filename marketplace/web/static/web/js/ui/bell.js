/**
 * The bell: how many notices are unread, and a word on each that arrives while the page is open. It looks twice a
 * minute while the page is seen, and at once when the service worker got a push.
 */

import * as api from "../api.js";
import { h } from "./dom.js";
import { fill, gettext, ngettext } from "./language.js";
import { toast } from "./toast.js";

/** @typedef {{id: number, title: string, text: string, url: string}} Notice */

const LOOK_MS = 30_000;
const MANY = 99;
const SEEN = "wattnote.notices";

/** @param {number} unread */
export function showCount(unread) {
  const bell = document.querySelector("#bell");
  const count = document.querySelector("#bell-count");
  if (!bell || !count) return;
  count.textContent = unread >= MANY ? `${MANY}+` : String(unread);
  /** @type {HTMLElement} */ (count).hidden = unread === 0;
  bell.setAttribute("aria-label", unread ? fill(ngettext("Notices, %(count)s unread", "Notices, %(count)s unread", unread), { count: unread }) : gettext("Notices"));
}

/**
 * Those that came since this tab last looked; the first look of a tab tells of none.
 *
 * @param {Notice[]} newest
 * @param {string|null} seen the newest id that was seen, as it is stored
 * @returns {Notice[]} oldest first
 */
export function arrived(newest, seen) {
  if (seen === null) return [];
  return newest.filter(({ id }) => id > Number(seen)).reverse();
}

export async function look() {
  /** @type {{unread: number, newest: Notice[]}} */
  const { unread, newest } = await api.get("notices/unread/");
  showCount(unread);
  const seen = localStorage.getItem(SEEN);
  const isTold = document.hidden || location.pathname.startsWith("/notices/");
  for (const { title, url } of arrived(newest, seen)) {
    if (!isTold && url !== location.pathname) toast(title, "good", url.startsWith("/") ? h("a", { href: url }, gettext("Look at it")) : undefined);
  }
  const last = Math.max(Number(seen ?? 0), ...newest.map(({ id }) => id));
  localStorage.setItem(SEEN, String(last));
}

/** A server that is away is no news: the next look may reach it. */
async function lookQuietly() {
  try {
    if (!document.hidden) await look();
  } catch (error) {
    if (error instanceof api.ApiError && [401, 403].includes(error.status)) return clearInterval(timer);
  }
}

/** @type {ReturnType<typeof setInterval>|undefined} */
let timer;

/** Begins to look, where there is a bell. */
export function watchBell() {
  if (!document.querySelector("#bell")) return;
  timer = setInterval(() => void lookQuietly(), LOOK_MS);
  document.addEventListener("visibilitychange", () => void lookQuietly());
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    if (data?.kind === "notice") void lookQuietly();
  });
  void lookQuietly();
}

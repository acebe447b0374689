/**
 * The service worker: it shows what was pushed, and opens the page that it is about. It keeps no pages and answers no
 * requests: what a person signs must come from the site as it is now.
 */

const self_ = /** @type {any} */ (self);

/** @param {any} event */
function onPush(event) {
  /** @type {{title?: string, body?: string, url?: string, tag?: string}} */
  let said = {};
  try {
    said = event.data?.json() ?? {};
  } catch {
    // Not ours to read: shown by its title alone, since browsers demand that something is shown.
    said = {};
  }
  const { title = "Wattnote", body = "", url = "/notices/", tag } = said;
  const shown = self_.registration.showNotification(title, { body, tag, data: { url }, icon: "/static/web/img/mark.svg" });
  event.waitUntil(Promise.all([shown, tellPages()]));
}

/** Open pages look at once. */
async function tellPages() {
  for (const page of await self_.clients.matchAll({ type: "window" })) page.postMessage({ kind: "notice" });
}

/** @param {any} event */
function onClick(event) {
  event.notification.close();
  const path = String(event.notification.data?.url ?? "");
  // Only pages of this site, whatever was pushed.
  const url = /^\/(?!\/)/.test(path) ? path : "/notices/";
  event.waitUntil(open(url));
}

/** @param {string} url */
async function open(url) {
  const pages = await self_.clients.matchAll({ type: "window" });
  const there = pages.find((/** @type {any} */ page) => new URL(page.url).pathname === url);
  return there ? there.focus() : self_.clients.openWindow(url);
}

self_.addEventListener("install", () => self_.skipWaiting());
self_.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(self_.clients.claim()));
self_.addEventListener("push", onPush);
self_.addEventListener("notificationclick", onClick);

/**
 * The browser's own database: sealed wallets, what keeps one unlocked, and the newest co-signed state of each channel,
 * and what was signed.
 */

import { fill, gettext } from "../ui/language.js";

const NAME = "wattnote";
const VERSION = 2;
/** Stores and their key paths. */
const STORES = { wallets: "address", unlocked: "address", channels: "key", signed: "key" };

/** @typedef {keyof typeof STORES} StoreName */

/** @type {Promise<IDBDatabase>|undefined} */
let opened;

/** @returns {Promise<IDBDatabase>} */
function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const [name, keyPath] of Object.entries(STORES)) {
        if (!request.result.objectStoreNames.contains(name)) request.result.createObjectStore(name, { keyPath });
      }
    };
    request.onsuccess = () => {
      // A tab with the next version of the site must not wait for this one.
      request.result.onversionchange = () => {
        request.result.close();
        opened = undefined;
      };
      resolve(request.result);
    };
    request.onerror = () => reject(new Error(fill(gettext("This browser keeps no data for the site (%(reason)s)."), { reason: request.error?.message ?? "" })));
  });
  return opened;
}

/**
 * @template T
 * @param {StoreName} store
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T>} resolved when the transaction is complete, which for a write means durable
 */
async function run(store, mode, act) {
  const transaction = (await database()).transaction(store, mode, { durability: "strict" });
  const request = act(transaction.objectStore(store));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * @param {StoreName} store
 * @param {string} key
 * @returns {Promise<any>}
 */
export function read(store, key) {
  return run(store, "readonly", (s) => s.get(key));
}

/**
 * @param {StoreName} store
 * @returns {Promise<any[]>}
 */
export function readAll(store) {
  return run(store, "readonly", (s) => s.getAll());
}

/**
 * @param {StoreName} store
 * @param {object} value
 */
export async function write(store, value) {
  await run(store, "readwrite", (s) => s.put(value));
}

/**
 * @param {StoreName} store
 * @param {string} key
 */
export async function erase(store, key) {
  await run(store, "readwrite", (s) => s.delete(key));
}

/**
 * Reads, changes and writes one value in one transaction, so that two tabs can't both act on the old one.
 *
 * @template T
 * @param {StoreName} store
 * @param {string} key
 * @param {(value: T|undefined) => T} change throws to leave all as it is
 * @returns {Promise<T>} the new value, durable
 */
export async function update(store, key, change) {
  const transaction = (await database()).transaction(store, "readwrite", { durability: "strict" });
  const objects = transaction.objectStore(store);
  return new Promise((resolve, reject) => {
    /** @type {T} */
    let made;
    const request = objects.get(key);
    request.onsuccess = () => {
      try {
        made = change(request.result);
        objects.put(made);
      } catch (error) {
        reject(error);
        transaction.abort();
      }
    };
    transaction.oncomplete = () => resolve(made);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

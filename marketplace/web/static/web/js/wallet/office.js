/**
 * The page's line to the wallet's worker.
 */

import { gettext } from "../ui/language.js";
import { KeystoreError } from "./keystore.js";
import { LockedError, WrongKeyError } from "./strongroom.js";

/** @typedef {{resolve: (value: any) => void, reject: (error: Error) => void, onProgress?: (share: number) => void}} Waiting */

/** @type {Record<string, new (message: string) => Error>} */
const ERRORS = { KeystoreError, LockedError, WrongKeyError };
/** @type {Map<number, Waiting>} */
const waiting = new Map();
/** @type {Worker|undefined} */
let worker;
let last = 0;

/** @returns {Worker} */
function started() {
  if (worker) return worker;
  worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "wallet" });
  worker.addEventListener("message", ({ data }) => take(data));
  worker.addEventListener("error", () => fail(new Error(gettext("The wallet didn’t start. Reload the page; nothing was signed."))));
  return worker;
}

/** @param {{id: number, value?: any, share?: number, error?: {name: string, message: string}}} answer */
function take({ id, value, share, error }) {
  const asked = waiting.get(id);
  if (!asked) return;
  if (share !== undefined) return asked.onProgress?.(share);
  waiting.delete(id);
  // The worker has no catalogue: its words are put into the page's language here.
  if (error) asked.reject(new (ERRORS[error.name] ?? Error)(gettext(error.message)));
  else asked.resolve(value);
}

/** @param {Error} error */
function fail(error) {
  worker?.terminate();
  worker = undefined;
  for (const { reject } of waiting.values()) reject(error);
  waiting.clear();
}

/**
 * @param {string} operation
 * @param {object} args
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<any>}
 */
export function ask(operation, args, onProgress) {
  return new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject, onProgress });
    started().postMessage({ id: last, operation, args });
  });
}

/** A worker that was never needed has nothing to forget. */
export async function forgetKeys() {
  if (worker) await ask("forget", {});
}

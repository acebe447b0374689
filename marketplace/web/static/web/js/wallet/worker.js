/**
 * The wallet's worker: it alone turns a passphrase into a key, holds the unlocked key, and signs. It has no network
 * code; the page sends what is to be signed, and gets the signature.
 */

import { fromHex, randomBytes } from "../protocol/bytes.js";
import { sessionRootOf } from "../protocol/session_root.js";
import { addressOf, isValidKey } from "../protocol/signing.js";
import { gettext } from "../ui/language.js";
import { join, split } from "./halves.js";
import { checkKeystore, KeystoreError, open, seal } from "./keystore.js";
import { LockedError, Strongroom } from "./strongroom.js";

/** @typedef {import("../protocol/bytes.js").Bytes} Bytes */
/** @typedef {import("./halves.js").Half} Half */
/** @typedef {(share: number) => void} OnProgress */

const room = new Strongroom();

/**
 * The key of a half in the room; the time until it locks begins anew.
 *
 * @param {Half|null} half
 * @throws {LockedError}
 */
async function enter(half) {
  try {
    if (!half) throw new LockedError(gettext("The wallet is locked."));
    room.hold(half.address, await join(half));
  } catch (error) {
    room.forget();
    throw error;
  }
}

/**
 * @param {string} address of the wallet
 * @param {Bytes} key
 */
async function admit(address, key) {
  room.forget();
  room.hold(address, key);
  return split(address, key);
}

/** @returns {Bytes} */
function randomKey() {
  for (;;) {
    const key = randomBytes(32);
    if (isValidKey(key)) return key;
  }
}

/** @param {string} text */
function typedKey(text) {
  const digits = text.trim().replace(/^0x/i, "");
  if (!/^[0-9a-fA-F]{64}$/.test(digits)) throw new KeystoreError(gettext("A private key has 64 digits from 0 to 9 and a to f. Check what you pasted."));
  const key = fromHex(`0x${digits}`, 32);
  if (!isValidKey(key)) throw new KeystoreError(gettext("These 64 digits are no valid key."));
  return key;
}

/**
 * @param {Bytes} key
 * @param {string} passphrase
 * @param {OnProgress} onProgress
 * @param {string} [address] of the wallet, where it isn't the key's own
 */
async function keep(key, passphrase, onProgress, address = addressOf(key)) {
  const keystore = await seal(key, passphrase, { onProgress });
  return { address, keystore, half: await admit(address, key) };
}

/** @type {Record<string, (args: any, onProgress: OnProgress) => Promise<any>>} */
const OPERATIONS = {
  make: ({ passphrase }, onProgress) => keep(randomKey(), passphrase, onProgress),
  importKey: async ({ text, passphrase }, onProgress) => keep(typedKey(text), passphrase, onProgress),
  keepExternal: async ({ address, signature, passphrase }, onProgress) => keep(sessionRootOf(address, signature), passphrase, onProgress, address),
  unlock: async ({ keystore, address, passphrase }, onProgress) => {
    const key = await open(checkKeystore(keystore), passphrase, onProgress);
    const wallet = address ?? addressOf(key);
    return { address: wallet, half: await admit(wallet, key) };
  },
  forget: async () => room.forget(),
  sessionAddress: async ({ half, ...of }) => {
    await enter(half);
    return room.sessionAddress(of);
  },
  sign: async ({ half, ...task }) => {
    await enter(half);
    return room.sign(task);
  },
  signText: async ({ half, ...task }) => {
    await enter(half);
    return room.signText(task);
  },
};

addEventListener("message", async ({ data: { id, operation, args } }) => {
  try {
    const act = OPERATIONS[operation];
    if (!act) throw new TypeError(`no operation "${operation}"`);
    postMessage({ id, value: await act(args, (share) => postMessage({ id, share })) });
  } catch (error) {
    const { constructor, message } = /** @type {Error} */ (error);
    postMessage({ id, error: { name: constructor.name, message } });
  }
});

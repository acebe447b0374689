// Session keys ("Keys and signatures" of docs/protocol.md): HKDF-SHA256 of the root key.

import { hkdfSync } from "node:crypto";

const SALT = "wattnote/session";

export const hex = (value) => `0x${Buffer.from(value).toString("hex")}`;

export function sessionKey(wallet, rootKey, label) {
  const root = Buffer.from(rootKey.slice(2), "hex");
  for (let counter = 0; ; counter += 1) {
    const suffix = Buffer.alloc(counter ? 4 : 0);
    if (counter) suffix.writeUInt32BE(counter);
    const key = new Uint8Array(hkdfSync("sha256", root, SALT, Buffer.concat([label, suffix]), 32));
    if (wallet.isKey(key)) return hex(key);
  }
}

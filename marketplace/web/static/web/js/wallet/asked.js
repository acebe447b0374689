/**
 * Typed data that the server asks this wallet to sign, in the encoder's form.
 */

import { fieldsOf } from "../protocol/typed_data.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {{domain: Record<string, any>, message: Record<string, any>, primaryType: string}} TypedData */

/**
 * Typed data of the server in the encoder's form; refused where it is another type than expected.
 *
 * @param {TypedData} data
 * @param {import("../protocol/typed_data.js").TypeName} name
 * @returns {{domain: import("../protocol/typed_data.js").Domain, message: Record<string, string>}}
 */
export function expected(data, name) {
  if (data.primaryType !== name) throw new Error(fill(gettext("The server asks to sign a %(other)s instead of a %(name)s. Nothing was signed."), { other: data.primaryType, name }));
  const { name: called, version, chainId, verifyingContract } = data.domain;
  const message = Object.fromEntries(fieldsOf(name).map(({ key }) => [key, String(data.message[key])]));
  return { domain: { name: called, version, chainId: String(chainId), verifyingContract }, message };
}

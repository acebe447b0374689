/**
 * EIP-712 for the protocol's structures (docs/protocol.md, "Signed structures").
 *
 * A structure is the EIP-712 message exactly as it travels (docs/messages.md): integers as decimal strings,
 * addresses and hashes as 0x-hex, flags as booleans. So what is shown, signed, sent and stored is one object.
 */

import { keccak_256 } from "../../vendor/noble-hashes/sha3.js";
import { concatBytes, fromHex, toHex, uintWord, utf8ToBytes } from "./bytes.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {Record<string, string|boolean>} Struct */
/** @typedef {{name: string, version: string, chainId: string, verifyingContract: string}} Domain */

/** One table of all type strings; field order is part of the type hash. */
export const TYPES = Object.freeze({
  EIP712Domain: "string name,string version,uint256 chainId,address verifyingContract",
  CreditAgreement:
    "address participant,uint96 creditLimit,uint96 collateral,uint32 billingPeriod,uint32 paymentTerm," +
    "uint64 validUntil,bytes32 documentsHash,bytes32 nonce",
  CreditNote: "bytes32 serial,address holder,uint96 amount,uint64 validUntil",
  NoteReceipt: "bytes32 sid,bytes32 serial,address holder,uint96 amount",
  EntityContract:
    "address partyA,address partyB,address metering,uint32 challengePeriod,uint16 disputeLimit," +
    "uint96 stalePenalty,bytes32 nonce",
  ChannelOpen:
    "bytes32 scid,uint64 index,uint96 fundingA,uint96 fundingB,address sourceA,bytes32 noteA," +
    "address sourceB,bytes32 noteB,uint64 openBy,uint64 expiry",
  Offer:
    "bytes32 channel,uint64 baseVersion,bytes32 id,bool offerorSells,uint64 quantityWh,uint64 pricePerKwh," +
    "uint64 imbalancePerKwh,uint64 slotStart,uint64 slotEnd,uint64 validUntil",
  ChannelState:
    "bytes32 channel,uint64 version,uint64 base,uint96 balanceA,uint96 balanceB,uint64 energyToA," +
    "uint64 energyToB,bytes32 tradesRoot,bool isFinal",
  FundingChange:
    "bytes32 channel,uint64 version,uint64 base,uint96 balanceA,uint96 balanceB,uint96 fundingA," +
    "uint96 fundingB,uint64 energyToA,uint64 energyToB,bytes32 tradesRoot,uint64 validUntil",
  DisputeRequest: "bytes32 channel,uint64 version",
  Delivery: "bytes32 channel,bytes32 trade,uint64 deliveredWh",
  MeterReading:
    "bytes32 meter,uint64 slotStart,uint64 slotEnd,uint64 importWh,uint64 exportWh,uint64 sequence",
  EarningsWithdrawal: "bytes32 serial,address holder,address to,uint256 nonce",
  DebtPayment: "bytes32 sid,address from,uint96 amount,uint256 nonce",
  CollateralTopUp: "bytes32 sid,address from,uint96 amount,uint256 nonce",
  TransferWithAuthorization:
    "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce",
  Permit: "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
});

/** @typedef {keyof typeof TYPES} TypeName */
/** @typedef {{type: string, key: string}} Field */

/**
 * @param {string} text fields of a type
 * @returns {Field[]}
 */
export function parseType(text) {
  return text.split(",").map((part) => {
    const [type = "", key = ""] = part.split(" ");
    return { type, key };
  });
}

/** @type {Record<string, {hash: Bytes, fields: Field[]}>} */
const PARSED = Object.fromEntries(
  /** @type {TypeName[]} */ (Object.keys(TYPES)).map((name) => [
    name,
    { hash: keccak_256(utf8ToBytes(`${name}(${TYPES[name]})`)), fields: parseType(TYPES[name]) },
  ]),
);

/**
 * @param {TypeName} name
 * @returns {Field[]} fields in the order of the type string
 */
export function fieldsOf(name) {
  return /** @type {{fields: Field[]}} */ (PARSED[name]).fields;
}

/**
 * @param {string|boolean} text
 * @returns {bigint}
 */
export function integer(text) {
  if (typeof text !== "string" || !/^(0|[1-9]\d*)$/.test(text)) {
    throw new TypeError(`"${String(text).slice(0, 30)}" is no whole number in decimal digits`);
  }
  return BigInt(text);
}

/**
 * @param {string} type
 * @param {string|boolean} value
 * @returns {Bytes} one 32-byte word
 */
function encodeWord(type, value) {
  if (type === "bool") {
    if (typeof value !== "boolean") throw new TypeError("a flag must be true or false");
    return uintWord(value ? 1n : 0n, 1);
  }
  if (type.startsWith("uint")) return uintWord(integer(value), Number(type.slice(4)));
  const text = /** @type {string} */ (value);
  if (type === "address") return concatBytes(new Uint8Array(12), fromHex(text, 20));
  if (type === "bytes32") return fromHex(text, 32);
  return keccak_256(utf8ToBytes(text));
}

/**
 * hashStruct of EIP-712, without the domain: also the protocol's sid, scid and channel id.
 *
 * @param {TypeName} name
 * @param {Struct} struct
 * @returns {Bytes}
 */
export function structHash(name, struct) {
  return hashFields(name, /** @type {{hash: Bytes, fields: Field[]}} */ (PARSED[name]), struct);
}

/**
 * hashStruct of a type that is no part of the protocol.
 *
 * @param {string} name
 * @param {string} type its fields, as in `TYPES`
 * @param {Struct} struct
 * @returns {Bytes}
 */
export function structHashAs(name, type, struct) {
  return hashFields(name, { hash: keccak_256(utf8ToBytes(`${name}(${type})`)), fields: parseType(type) }, struct);
}

/**
 * @param {string} name
 * @param {{hash: Bytes, fields: Field[]}} parsed
 * @param {Struct} struct
 */
function hashFields(name, { hash, fields }, struct) {
  const words = fields.map(({ type, key }) => {
    const value = struct[key];
    if (value === undefined) throw new TypeError(`${name}.${key} is missing`);
    return encodeWord(type, value);
  });
  return keccak_256(concatBytes(hash, ...words));
}

/**
 * The protocol's domain on one chain.
 *
 * @param {string} chainId
 * @param {string} verifyingContract entity-contract registry, or the issuing merchant contract
 * @returns {Domain}
 */
export function protocolDomain(chainId, verifyingContract) {
  return { name: "Wattnote", version: "1", chainId, verifyingContract };
}

/**
 * What is signed: keccak256(0x1901 || domain separator || struct hash).
 *
 * @param {Domain} domain
 * @param {TypeName} name
 * @param {Struct} struct
 * @returns {Bytes}
 */
export function digest(domain, name, struct) {
  const separator = structHash("EIP712Domain", /** @type {any} */ (domain));
  return keccak_256(concatBytes(new Uint8Array([0x19, 0x01]), separator, structHash(name, struct)));
}

/**
 * Id of a structure: its struct hash as hex.
 *
 * @param {TypeName} name
 * @param {Struct} struct
 * @returns {string}
 */
export function structId(name, struct) {
  return toHex(structHash(name, struct));
}

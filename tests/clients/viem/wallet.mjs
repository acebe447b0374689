// Everything that signs, hashes or asks the ledger, on viem.

import { createPublicClient, getAddress, hashStruct, http, keccak256, parseAbi, recoverTypedDataAddress, toHex } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

const TOKEN = parseAbi(["function balanceOf(address) view returns (uint256)"]);

/** viem wants numbers as bigint; the wire has decimal strings. */
function typed(types, name, message) {
  const isNumber = Object.fromEntries(types[name].map((member) => [member.name, member.type.startsWith("uint")]));
  return Object.fromEntries(Object.entries(message).map(([key, value]) => [key, isNumber[key] ? BigInt(value) : value]));
}

const whole = (domain, types, name, message) => ({
  domain: { ...domain, chainId: BigInt(domain.chainId) },
  types: { [name]: types[name] },
  primaryType: name,
  message: typed(types, name, message),
});

export const library = "viem";
export const checksum = (address) => getAddress(address);
export const keccak = (bytes) => keccak256(bytes);
export const newKey = () => generatePrivateKey();
export const addressOf = (key) => privateKeyToAccount(key).address.toLowerCase();
export const isKey = (key) => {
  try {
    return Boolean(privateKeyToAccount(toHex(key)).address);
  } catch {
    return false;
  }
};
export const signText = (key, text) => privateKeyToAccount(key).signMessage({ message: text });
export const structHash = (types, name, message) => hashStruct({ data: typed(types, name, message), primaryType: name, types: { [name]: types[name] } });
export const signStruct = (key, domain, types, name, message) => privateKeyToAccount(key).signTypedData(whole(domain, types, name, message));
export const signerOf = async (domain, types, name, message, signature) =>
  (await recoverTypedDataAddress({ ...whole(domain, types, name, message), signature })).toLowerCase();

export function ledgerAt(url) {
  const client = createPublicClient({ transport: http(url) });
  return {
    balanceOf: (token, owner) => client.readContract({ address: token, abi: TOKEN, functionName: "balanceOf", args: [owner] }),
    receipt: async (transaction) => {
      const found = await client.getTransactionReceipt({ hash: transaction });
      return { succeeded: found.status === "success", topics: found.logs.flatMap((log) => log.topics) };
    },
    close: () => {},
  };
}

// Everything that signs, hashes or asks the ledger, on ethers.

import { Contract, JsonRpcProvider, SigningKey, TypedDataEncoder, Wallet, getAddress, hexlify, keccak256, verifyTypedData } from "ethers";

const TOKEN = ["function balanceOf(address) view returns (uint256)"];

export const library = "ethers";
export const checksum = (address) => getAddress(address);
export const keccak = (bytes) => keccak256(bytes);
export const newKey = () => Wallet.createRandom().privateKey;
export const addressOf = (key) => new Wallet(key).address.toLowerCase();
export const isKey = (key) => {
  try {
    return Boolean(new SigningKey(hexlify(key)).publicKey);
  } catch {
    return false;
  }
};
export const signText = (key, text) => new Wallet(key).signMessage(text);
export const structHash = (types, name, message) => TypedDataEncoder.hashStruct(name, { [name]: types[name] }, message);
export const signStruct = (key, domain, types, name, message) => new Wallet(key).signTypedData(domain, { [name]: types[name] }, message);
export const signerOf = async (domain, types, name, message, signature) => verifyTypedData(domain, { [name]: types[name] }, message, signature).toLowerCase();

export function ledgerAt(url) {
  const provider = new JsonRpcProvider(url);
  return {
    balanceOf: (token, owner) => new Contract(token, TOKEN, provider).balanceOf(owner),
    receipt: async (transaction) => {
      const found = await provider.getTransactionReceipt(transaction);
      return { succeeded: found.status === 1, topics: found.logs.flatMap((log) => log.topics) };
    },
    close: () => provider.destroy(),
  };
}

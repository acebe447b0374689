#!/usr/bin/env node
// Compiles the contracts, as far as a source, a setting or the compiler is another than the last time (forge's
// cache knows them by their content), and writes what the Python side needs of them to artifacts/, one file a
// contract: ABI, creation code, run-time code and where its immutables lie.
//   node tools/artifacts.mjs           writes
//   node tools/artifacts.mjs --check   compares, and fails naming what differs
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { forge } from "./forge.mjs";

const HOME = join(dirname(fileURLToPath(import.meta.url)), "..");
const OUT = join(HOME, "out", "artifacts");
const CACHE = join(HOME, "cache", "artifacts");
// [contract, source file, folder of its artifact]
const CONTRACTS = [
  ["EntityContracts", "EntityContracts.sol", "artifacts"],
  ["RegistryExtension", "RegistryExtension.sol", "artifacts"],
  ["MerchantContract", "MerchantContract.sol", "artifacts"],
  ["MerchantFactory", "MerchantFactory.sol", "artifacts"],
  ["TestStablecoin", "TestStablecoin.sol", "artifacts"],
  ["BlockingStablecoin", "BlockingStablecoin.sol", "test/artifacts"],
];

function compile() {
  const sources = CONTRACTS.map(([, file, folder]) => join(folder === "artifacts" ? "src" : "test/support", file));
  const args = ["build", ...sources, "--out", OUT, "--cache-path", CACHE];
  const run = spawnSync(forge(), args, { cwd: HOME, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`forge build failed:\n${run.stdout}${run.stderr}${run.error ?? ""}`);
}

function read(name, file) {
  return JSON.parse(readFileSync(join(OUT, file, `${name}.json`), "utf8"));
}

/** The registry answers to its extension's functions too. */
function withExtension(abi) {
  const known = new Set(abi.map((entry) => JSON.stringify(entry)));
  const callable = ["function", "event", "error"];
  const more = read("RegistryExtension", "RegistryExtension.sol").abi;
  return [...abi, ...more.filter((entry) => callable.includes(entry.type) && !known.has(JSON.stringify(entry)))];
}

function render(name, file) {
  const built = read(name, file);
  const artifact = {
    contract: name,
    abi: name === "EntityContracts" ? withExtension(built.abi) : built.abi,
    bytecode: built.bytecode.object,
    deployedBytecode: built.deployedBytecode.object,
    immutables: Object.values(built.deployedBytecode.immutableReferences ?? {}).flat(),
  };
  return `${JSON.stringify(artifact, null, 1)}\n`;
}

function main() {
  const check = process.argv.includes("--check");
  const stale = [];
  compile();
  for (const [name, file, folder] of CONTRACTS) {
    const path = join(HOME, folder, `${name}.json`);
    const text = render(name, file);
    if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
    stale.push(join(folder, `${name}.json`));
    if (check) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const what = stale.length ? stale.join(", ") : "nothing";
  process.stdout.write(check ? `differs from the sources: ${what}\n` : `written: ${what}\n`);
  if (check && stale.length) process.exitCode = 1;
}

main();

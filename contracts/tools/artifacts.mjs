#!/usr/bin/env node
// Compiles the contracts afresh and writes what the Python side needs of them to artifacts/, one file a
// contract: ABI, creation code, run-time code and where its immutables lie.
//   node tools/artifacts.mjs           writes
//   node tools/artifacts.mjs --check   compares, and fails naming what differs
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { forge } from "./forge.mjs";

const HOME = join(dirname(fileURLToPath(import.meta.url)), "..");
// [contract, source file, folder of its artifact]
const CONTRACTS = [
  ["EntityContracts", "EntityContracts.sol", "artifacts"],
  ["RegistryExtension", "RegistryExtension.sol", "artifacts"],
  ["MerchantContract", "MerchantContract.sol", "artifacts"],
  ["MerchantFactory", "MerchantFactory.sol", "artifacts"],
  ["TestStablecoin", "TestStablecoin.sol", "artifacts"],
  ["BlockingStablecoin", "BlockingStablecoin.sol", "test/artifacts"],
];

function compile(out) {
  const sources = CONTRACTS.map(([, file, folder]) => join(folder === "artifacts" ? "src" : "test/support", file));
  const args = ["build", ...sources, "--force", "--out", join(out, "out"), "--cache-path", join(out, "cache")];
  const run = spawnSync(forge(), args, { cwd: HOME, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`forge build failed:\n${run.stdout}${run.stderr}${run.error ?? ""}`);
}

function read(out, name, file) {
  return JSON.parse(readFileSync(join(out, "out", file, `${name}.json`), "utf8"));
}

/** The registry answers to its extension's functions too. */
function withExtension(out, abi) {
  const known = new Set(abi.map((entry) => JSON.stringify(entry)));
  const callable = ["function", "event", "error"];
  const more = read(out, "RegistryExtension", "RegistryExtension.sol").abi;
  return [...abi, ...more.filter((entry) => callable.includes(entry.type) && !known.has(JSON.stringify(entry)))];
}

function render(out, name, file) {
  const built = read(out, name, file);
  const artifact = {
    contract: name,
    abi: name === "EntityContracts" ? withExtension(out, built.abi) : built.abi,
    bytecode: built.bytecode.object,
    deployedBytecode: built.deployedBytecode.object,
    immutables: Object.values(built.deployedBytecode.immutableReferences ?? {}).flat(),
  };
  return `${JSON.stringify(artifact, null, 1)}\n`;
}

function main() {
  const check = process.argv.includes("--check");
  const out = mkdtempSync(join(tmpdir(), "wattnote-artifacts-"));
  const stale = [];
  try {
    compile(out);
    for (const [name, file, folder] of CONTRACTS) {
      const path = join(HOME, folder, `${name}.json`);
      const text = render(out, name, file);
      if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
      stale.push(join(folder, `${name}.json`));
      if (check) continue;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
  const what = stale.length ? stale.join(", ") : "nothing";
  process.stdout.write(check ? `differs from the sources: ${what}\n` : `written: ${what}\n`);
  if (check && stale.length) process.exitCode = 1;
}

main();

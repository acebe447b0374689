#!/usr/bin/env node
// Gives the npm `solc` (the compiler as WebAssembly) the two faces of the native program that forge uses:
// `--version`, and `--standard-json` from standard input to standard output.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const solc = createRequire(import.meta.url)("solc");
const args = process.argv.slice(2);

if (args.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (args.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  process.stderr.write("tools/solc.mjs knows --version and --standard-json only\n");
  process.exitCode = 1;
}

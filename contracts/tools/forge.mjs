#!/usr/bin/env node
// Runs forge and ends as it ended. (The npm package's own wrapper ends with 0 whatever forge said, so that a
// failing test would look like a passing one.)
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** Path of the program for this machine. */
export function forge() {
  const arch = { arm64: "arm64", x64: "amd64" }[process.arch] ?? process.arch;
  const platform = { linux: "linux", darwin: "darwin", win32: "win32" }[process.platform] ?? process.platform;
  const name = process.platform === "win32" ? "forge.exe" : "forge";
  return createRequire(import.meta.url).resolve(`@foundry-rs/forge-${platform}-${arch}/bin/${name}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const run = spawnSync(forge(), process.argv.slice(2), { stdio: "inherit" });
  if (run.error) throw run.error;
  process.exitCode = run.status ?? 1;
}

"""Mutants of the contracts: one program holds them all, forge's tests run once for each.

What survives forge's tests meets the tests that act through the Python bindings, on the same program.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from tests.mutation.evm import lift_size_limits, use_artifacts, wake
from tests.mutation.forked import ROOT, BrokenBaselineError, Forked, run
from tests.mutation.mutant import Mutant, Result
from tests.mutation.solidity_source import FIRST_COINBASE, Instrumented, instrumented, viewed

FORGE = ROOT / "contracts" / "node_modules" / ".bin" / "forge"
# Enough to notice a broken check; the suite itself plays longer.
PLAY = {
    "FOUNDRY_PROFILE": "test",
    "FOUNDRY_FUZZ_RUNS": "64",
    "FOUNDRY_INVARIANT_RUNS": "16",
    "FOUNDRY_INVARIANT_DEPTH": "48",
    "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0",
    "FOUNDRY_CODE_SIZE_LIMIT": "1000000",
    "FOUNDRY_DISABLE_BLOCK_GAS_LIMIT": "true",
}
SECONDS = 300
# Gas, formatting and the committed bytecode change with every mutant: they can't tell one from the other.
ABOUT_BYTECODE = ("test_gas.py", "test_solidity.py")


class SolidityArea:
    """The contracts, in a copy that is compiled with all mutants asleep.

    Args:
        home: Folder of the Foundry project.
        copy: Empty folder in which the copy is made.
        tests: Python tests for what forge's tests don't notice.
    """

    def __init__(self, home: Path, copy: Path, tests: Sequence[Path], root: Path = ROOT) -> None:
        self._home, self._copy, self._root = home, copy / home.name, root
        self._tests = tests
        numbers = count(FIRST_COINBASE)
        self._files: dict[Path, Instrumented] = {
            path: instrumented(path, root, numbers) for path in sorted((home / "src").rglob("*.sol"))
        }
        self._numbers = {mutant: n for file in self._files.values() for mutant, n in file.mutants.items()}

    def mutants(self) -> list[Mutant]:
        """All mutants, file by file in the order of their lines."""
        return sorted(self._numbers, key=lambda mutant: (mutant.path, mutant.line))

    def results(self, mutants: Sequence[Mutant], report: Callable[[Result], None]) -> list[Result]:
        """Each mutant against forge's tests; survivors against the Python tests."""
        self._build()
        if self._failed_test(0) is not None:
            raise BrokenBaselineError(f"forge's {self._failed_test(0)} fails without a mutant")
        results, rest = [], []
        for mutant in mutants:
            killer = self._failed_test(self._numbers[mutant])
            if killer is None and self._tests:
                rest.append(mutant)
                continue
            results.append(Result(mutant, killer))
            report(results[-1])
        return results + (self._in_python(rest, report) if rest else [])

    def _build(self) -> None:
        """Copy, write the instrumented sources, compile, write the artifacts that all tests act on."""
        ignored = shutil.ignore_patterns("node_modules", "out", "cache", "devnode", "*.py", "__pycache__")
        shutil.copytree(self._home, self._copy, ignore=ignored)
        (self._copy / "node_modules").symlink_to(ROOT / "contracts" / "node_modules")
        vectors = self._root / "fixtures" / "vectors"
        if vectors.exists():
            shutil.copytree(vectors, self._copy.parent / "fixtures" / "vectors")
        for path, file in self._files.items():
            (self._copy / path.relative_to(self._home)).write_text(file.text)
        for path in (self._copy / "test").rglob("*.sol"):
            path.write_text(viewed(path.read_text()))
        settings = self._copy / "foundry.toml"
        settings.write_text(settings.read_text().replace('deny = "warnings"', 'deny = "never"'))
        if (self._copy / "tools" / "artifacts.mjs").exists():
            self._call(["node", "tools/artifacts.mjs"], {})
        self._call([str(FORGE), "build"], PLAY)

    def _call(self, command: Sequence[str], changes: dict[str, str]) -> None:
        done = self._run(command, changes)
        if done.returncode:
            raise BrokenBaselineError(f"{command} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")

    def _run(self, command: Sequence[str], changes: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self._copy,
            env={**os.environ, **changes},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def _failed_test(self, number: int) -> str | None:
        """Name of a forge test that fails while this mutant is awake."""
        for counterexamples in ("fuzz", "invariant"):
            shutil.rmtree(self._copy / "cache" / "test" / counterexamples, ignore_errors=True)
        command = [str(FORGE), "test", "--json", "--fail-fast", "--block-coinbase", f"0x{number:040x}"]
        try:
            done = self._run(command, PLAY)
        except subprocess.TimeoutExpired:
            return "no end in time"
        if done.returncode == 0:
            return None
        suites = json.loads(done.stdout[done.stdout.index("{") :])
        for suite, outcome in suites.items():
            for test, result in outcome["test_results"].items():
                if result["status"] == "Failure":
                    return f"{suite}:{test}"
        raise BrokenBaselineError(done.stdout[-2000:] + done.stderr[-2000:])

    def _in_python(self, mutants: Sequence[Mutant], report: Callable[[Result], None]) -> list[Result]:
        artifacts = self._copy / "artifacts"

        def insert(mutant: Mutant) -> None:
            wake(self._numbers[mutant])

        lift_size_limits()
        use_artifacts(artifacts)
        ignored = [f"--ignore={folder / name}" for folder in self._tests for name in ABOUT_BYTECODE]
        return run(Forked(mutants, insert, report), self._tests, ignored)

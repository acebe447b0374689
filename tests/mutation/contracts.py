"""Mutants of the contracts: one program holds them all, and the tests run once for each.

First forge's quick tests, then those that act through the Python bindings, in forks that share one start, then
forge's invariants.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.mutation.evm import lift_size_limits, use_artifacts, wake, watching
from tests.mutation.forked import ROOT, BrokenBaselineError, Forked, run
from tests.mutation.mutant import Mutant, Result
from tests.mutation.solidity_source import FIRST_COINBASE, Instrumented, instrumented, viewed

FORGE = ("node", str(ROOT / "contracts" / "tools" / "forge.mjs"))
# Enough to notice a broken check; the suite itself plays longer.
PLAY = {
    "FOUNDRY_PROFILE": "test",
    "FOUNDRY_FUZZ_RUNS": "64",
    "FOUNDRY_INVARIANT_RUNS": "8",
    "FOUNDRY_INVARIANT_DEPTH": "48",
    "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0",
    "FOUNDRY_CODE_SIZE_LIMIT": "1000000",
    "FOUNDRY_DISABLE_BLOCK_GAS_LIMIT": "true",
}
SECONDS = 300
# The vectors are about hashes and sums, which are not broken here, and take as long as all the rest.
QUICK = ("--no-match-test", "^invariant", "--no-match-contract", "^VectorsTest$")
PLAYS = ("--match-test", "^(invariant|testFuzz)")
FEW = {"FOUNDRY_FUZZ_RUNS": "8"}
# Gas, formatting and the committed bytecode change with every mutant: they can't tell one from the other.
ABOUT_BYTECODE = ("test_gas.py", "test_solidity.py")


class SolidityArea:
    """The contracts, in a copy that is compiled with all mutants asleep.

    Args:
        home: Folder of the Foundry project.
        copy: Folder in which the copy is made; what was compiled there before is used again.
        tests: Python tests that act on the contracts.
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

    def results(
        self,
        mutants: Sequence[Mutant],
        report: Callable[[Result], None],
        before: Mapping[str, str] = MappingProxyType({}),
    ) -> list[Result]:
        """Each mutant against forge's quick tests; survivors against the Python tests; then against forge's plays.

        The test that noticed a mutant `before` comes first.
        """
        self._build()
        broken = self._failed_test(0, QUICK) or self._failed_test(0, PLAYS)
        if broken is not None:
            raise BrokenBaselineError(f"forge's {broken} fails without a mutant")
        results: list[Result] = []
        rest: list[Mutant] = []

        def told(result: Result) -> None:
            results.append(result)
            report(result)

        def told_by_python(result: Result) -> None:
            plays = None if result.killer else self._failed_test(self._numbers[result.mutant], PLAYS)
            told(Result(result.mutant, result.killer or plays))

        for mutant in mutants:
            killer = self._forge_killer(mutant, before.get(mutant.name, ""))
            if killer or not self._tests:
                told(Result(mutant, killer))
            else:
                rest.append(mutant)
        if rest:
            self._in_python(rest, told_by_python, before)
        return results

    def _forge_killer(self, mutant: Mutant, likely: str) -> str | None:
        """A quick forge test that notices the mutant. It takes a second to ask; the Python tests can take many."""
        number = self._numbers[mutant]
        if _is_forge(likely) and (killer := self._failed_test(number, _only(likely))):
            return killer
        return None if ".py::" in likely else self._failed_test(number, QUICK)

    def _build(self) -> None:
        """Copy, write the instrumented sources, compile, write the artifacts that all tests act on."""
        for folder in ("src", "test"):
            for path in (self._copy / folder).rglob("*.sol"):
                path.unlink()
        ignored = shutil.ignore_patterns(
            "node_modules", "out", "cache", "artifacts", "devnode", "*.py", "__pycache__"
        )
        shutil.copytree(self._home, self._copy, ignore=ignored, dirs_exist_ok=True)
        modules = self._copy / "node_modules"
        if not modules.exists():
            modules.symlink_to(ROOT / "contracts" / "node_modules")
        vectors = self._root / "fixtures" / "vectors"
        if vectors.exists():
            shutil.copytree(vectors, self._copy.parent / "fixtures" / "vectors", dirs_exist_ok=True)
        for path, file in self._files.items():
            (self._copy / path.relative_to(self._home)).write_text(file.text)
        for path in (self._copy / "test").rglob("*.sol"):
            path.write_text(viewed(path.read_text(), overriding=True))
        settings = self._copy / "foundry.toml"
        settings.write_text(settings.read_text().replace('deny = "warnings"', 'deny = "never"'))
        self._compile()

    def _compile(self) -> None:
        """Compile what has changed since the last time in this folder."""
        stamp = self._copy.parent / "compiled"
        texts = [file.text for file in self._files.values()]
        texts += [path.read_text() for path in sorted((self._copy / "test" / "support").glob("*.sol"))]
        now = hashlib.sha256("".join(texts).encode()).hexdigest()
        tool = self._copy / "tools" / "artifacts.mjs"
        if tool.exists() and not (stamp.exists() and stamp.read_text() == now):
            stamp.unlink(missing_ok=True)
            self._call(["node", str(tool)], {})
            stamp.write_text(now)
        self._call([*FORGE, "build"], PLAY)

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

    def _failed_test(self, number: int, selection: Sequence[str]) -> str | None:
        """Name of a forge test among the selected that fails while this mutant is awake."""
        for counterexamples in ("fuzz", "invariant"):
            shutil.rmtree(self._copy / "cache" / "test" / counterexamples, ignore_errors=True)
        coinbase = f"0x{number:040x}"
        command = [*FORGE, "test", "--json", "--fail-fast", "--block-coinbase", coinbase, *selection]
        try:
            done = self._run(command, {**PLAY, **FEW} if selection is QUICK else PLAY)
        except subprocess.TimeoutExpired:
            return "no end in time"
        tests = _tests_of(done.stdout)
        if not tests and selection is QUICK:
            raise BrokenBaselineError(f"forge ran no test:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return next((name for name, status in tests.items() if status == "Failure"), None)

    def _in_python(
        self, mutants: Sequence[Mutant], report: Callable[[Result], None], before: Mapping[str, str]
    ) -> None:
        artifacts = self._copy / "artifacts"

        def insert(mutant: Mutant) -> None:
            wake(self._numbers[mutant])

        lift_size_limits()
        use_artifacts(artifacts)
        ignored = [f"--ignore={folder / name}" for folder in self._tests for name in ABOUT_BYTECODE]
        plugin = Forked(
            mutants,
            insert,
            report,
            before,
            prepare=lambda: None,
            watching=watching,
            place=lambda mutant: str(self._numbers[mutant]),
            sure=False,
        )
        run(plugin, self._tests, ignored)


def _only(test: str) -> list[str]:
    """Options that select this test; nothing if it is gone."""
    path, _, rest = test.partition(":")
    contract, _, signature = rest.partition(":")
    name = re.escape(signature.partition("(")[0])
    return ["--match-path", path, "--match-contract", f"^{contract}$", "--match-test", f"^{name}"]


def _is_forge(test: str) -> bool:
    return ".sol:" in test


def _tests_of(output: str) -> dict[str, str]:
    """Status of each test in forge's JSON."""
    suites: dict[str, Any] = json.loads(output[output.find("{") :]) if "{" in output else {}
    return {
        f"{suite}:{test}": result["status"]
        for suite, outcome in suites.items()
        for test, result in outcome["test_results"].items()
    }

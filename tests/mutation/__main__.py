"""Breaks each check of the contracts and of the protocol core, one at a time; a test must fail each time.

python -m tests.mutation [core|contracts] [--only TEXT] [--changed [REF]] [--tests PATH ...] [--write]
"""

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from tests.mutation.forked import ROOT
from tests.mutation.memory import killers
from tests.mutation.mutant import Mutant, Result
from tests.mutation.report import Score, findings, read_equivalents, scores_in, updated

EQUIVALENTS = Path(__file__).with_name("equivalent.toml")
PAGE = ROOT / "docs" / "mutation.md"
FOLDERS = {"core": "channels_engine/core/", "contracts": "contracts/src/"}


class Area(Protocol):
    """Something whose checks can be broken."""

    def mutants(self) -> list[Mutant]: ...

    def results(self, mutants: Sequence[Mutant], report: Any, before: dict[str, str]) -> list[Result]: ...


@contextmanager
def opened(name: str, tests: Sequence[Path]) -> Iterator[Area]:
    """An area by name. Each needs libraries that the other does without."""
    if name == "core":
        from tests.mutation.core import CORE  # noqa: PLC0415  only this area imports it

        yield dataclasses.replace(CORE, tests=tuple(tests)) if tests else CORE
        return
    from tests.mutation.contracts import SolidityArea  # noqa: PLC0415  only this area imports it

    folder = ROOT / "var" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    yield SolidityArea(ROOT / "contracts", folder, tests or [ROOT / "tests" / "contracts"])


def chosen(mutants: Sequence[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """The mutants that were asked for."""
    changed = _changed(options.changed) if options.changed else None
    return [
        mutant
        for mutant in mutants
        if (options.only or "") in mutant.name and (changed is None or mutant.path in changed)
    ]


def _changed(ref: str) -> set[str]:
    command = ["git", "diff", "--name-only", ref]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def tell(before: dict[str, str], result: Result) -> None:
    """One line for each mutant, as soon as it is known; its killer is remembered."""
    if result.killer:
        before[result.mutant.name] = result.killer
    word = f"noticed by {result.killer}" if result.killer else "SURVIVED"
    sys.stdout.write(f"{result.mutant.path}:{result.mutant.line} {result.mutant.name}\n    {word}\n")
    sys.stdout.flush()


def run(name: str, options: argparse.Namespace) -> list[str]:
    """Run one area; returns what must be mended."""
    equivalents = read_equivalents(EQUIVALENTS)
    with opened(name, options.tests) as area, killers(name) as before:
        everything = area.mutants()
        mutants = chosen(everything, options)
        results = area.results(mutants, partial(tell, before), before) if mutants else []
    score = Score.of(results, equivalents)
    sys.stdout.write(
        f"{name}: {score.checks} checks broken, {score.killed} noticed, "
        f"{score.equivalent} equivalent, {score.survived} survived\n"
    )
    if options.write:
        write(results, everything, equivalents, FOLDERS[name])
    return findings(results, equivalents, everything, [FOLDERS[name]])


def write(
    results: Sequence[Result], everything: Sequence[Mutant], equivalents: dict[str, str], folder: str
) -> None:
    """Write the rows of the files of which every check was broken."""
    judged = {result.mutant for result in results}
    partly = {mutant.path for mutant in everything if mutant not in judged}
    whole = [result for result in results if result.mutant.path not in partly]
    paths = {mutant.path for mutant in everything}
    page = PAGE.read_text()
    gone = [path for path in scores_in(page) if path.startswith(folder) and path not in paths]
    PAGE.write_text(updated(page, whole, equivalents, gone))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if every broken check was noticed or is explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("area", nargs="?", choices=FOLDERS, help="both, one after the other, if not given")
    parser.add_argument("--only", metavar="TEXT", help="mutants whose name contains this")
    parser.add_argument(
        "--changed", nargs="?", const="HEAD", metavar="REF", help="files that differ from this commit"
    )
    parser.add_argument(
        "--tests", metavar="PATH", type=Path, nargs="+", default=[], help="only these Python tests"
    )
    parser.add_argument("--write", action="store_true", help="write the scores of whole files to the page")
    options = parser.parse_args(arguments)
    if options.area is None:
        return max(_alone(name, arguments) for name in FOLDERS)
    mend = run(options.area, options)
    sys.stdout.write("".join(f"{line}\n" for line in mend))
    return 1 if mend else 0


def _alone(area: str, arguments: Sequence[str] | None) -> int:
    """Each area in a process of its own: both collect tests, which a process does once."""
    given = sys.argv[1:] if arguments is None else arguments
    command = [sys.executable, "-m", "tests.mutation", area, *given]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

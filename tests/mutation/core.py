"""Mutants of Python packages: the protocol core, or any folder of modules with its tests."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

from tests.mutation.code_swap import Living
from tests.mutation.forked import ROOT, Forked, run
from tests.mutation.mutant import Mutant, Result
from tests.mutation.python_source import PythonSource


@dataclass(frozen=True)
class PythonArea:
    """A folder of modules and the tests that must notice what is broken in them."""

    sources: Path
    tests: tuple[Path, ...]
    root: Path = ROOT

    def mutants(self) -> list[Mutant]:
        """All mutants, file by file."""
        return [mutant for source in self._read().values() for mutant in source.mutants]

    def results(
        self,
        mutants: Sequence[Mutant],
        report: Callable[[Result], None],
        before: Mapping[str, str] = MappingProxyType({}),
    ) -> list[Result]:
        """Each mutant against the tests; those that noticed it `before` come first."""
        sources = self._read()

        living: list[Living] = []

        def insert(mutant: Mutant) -> None:
            source = sources[mutant.path]
            if not living[0].swap(source.sound, source.compiled(mutant)):
                raise LookupError("no living function holds this check; is it done while importing?")

        plugin = Forked(
            mutants,
            insert,
            report,
            before,
            prepare=lambda: living.append(Living(self.sources)),
            watching=lambda: watching(self.sources, self.root),
            place=lambda mutant: f"{mutant.path}::{mutant.scope}",
        )
        return run(plugin, self.tests)

    def _read(self) -> dict[str, PythonSource]:
        paths = sorted(self.sources.glob("*.py"))
        return {str(path.relative_to(self.root)): PythonSource(path, self.root) for path in paths}


@contextmanager
def watching(folder: Path, root: Path) -> Iterator[set[str]]:
    """Collects which functions of the modules in `folder` are called, as `path::function`."""
    places: set[str] = set()
    prefix = str(folder) + os.sep

    def note(frame: FrameType, _: str, __: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(prefix):
            scope = code.co_qualname.partition(".<locals>")[0]
            places.add(f"{os.path.relpath(code.co_filename, root)}::{scope}")

    sys.settrace(note)
    try:
        yield places
    finally:
        sys.settrace(None)


CORE = PythonArea(ROOT / "channels_engine" / "core", (ROOT / "tests" / "core",))

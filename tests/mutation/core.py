"""Mutants of Python packages: the protocol core, or any folder of modules with its tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.mutation.code_swap import swap
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

        def insert(mutant: Mutant) -> None:
            source = sources[mutant.path]
            if not swap(source.sound, source.compiled(mutant)):
                raise LookupError("no living function holds this check; is it done while importing?")

        return run(Forked(mutants, insert, report, before, watched=self.sources, root=self.root), self.tests)

    def _read(self) -> dict[str, PythonSource]:
        paths = sorted(self.sources.glob("*.py"))
        return {str(path.relative_to(self.root)): PythonSource(path, self.root) for path in paths}


CORE = PythonArea(ROOT / "channels_engine" / "core", (ROOT / "tests" / "core",))

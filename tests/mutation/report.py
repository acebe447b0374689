"""What a run says: the survivors, the score of each file, and the page docs/mutation.md."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutant import Mutant, Result

ROW = re.compile(r"^\| `(?P<path>[^`]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
TABLE = re.compile(r"(?<=<!-- scores -->\n).*?(?=<!-- end of scores -->)", re.DOTALL)
HEAD = "| file | checks broken | noticed | equivalent | survived |\n|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Score:
    """How the mutants of one file fared."""

    checks: int
    killed: int
    equivalent: int

    @property
    def survived(self) -> int:
        """Broken checks that no test noticed, and nobody explained."""
        return self.checks - self.killed - self.equivalent

    @classmethod
    def of(cls, results: Iterable[Result], equivalents: Mapping[str, str]) -> "Score":
        """The score of these results."""
        results = list(results)
        killed = sum(result.killer is not None for result in results)
        alike = sum(result.killer is None and result.mutant.name in equivalents for result in results)
        return cls(len(results), killed, alike)

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.checks + other.checks, self.killed + other.killed, self.equivalent + other.equivalent
        )

    def row(self, label: str) -> str:
        return f"| {label} | {self.checks} | {self.killed} | {self.equivalent} | {self.survived} |\n"


def read_equivalents(path: Path) -> dict[str, str]:
    """Names of mutants that change nothing that matters, with the reason."""
    content = tomllib.loads(path.read_text())
    return {entry["mutant"]: entry["reason"] for entry in content.get("equivalent", ())}


def findings(
    results: Sequence[Result],
    equivalents: Mapping[str, str],
    all_mutants: Iterable[Mutant],
    area: Sequence[str],
) -> list[str]:
    """What must be mended: survivors, and entries of the list that are wrong or without a mutant."""
    found = [
        f"survived: {result.mutant.path}:{result.mutant.line} {result.mutant.name}"
        for result in results
        if result.killer is None and result.mutant.name not in equivalents
    ]
    found += [
        f"not equivalent, {result.killer} notices it: {result.mutant.name}"
        for result in results
        if result.killer is not None and result.mutant.name in equivalents
    ]
    known = {mutant.name for mutant in all_mutants}
    ours = [name for name in equivalents if name.startswith(tuple(area))]
    return found + [
        f"listed as equivalent, but there is no such check: {name}" for name in ours if name not in known
    ]


def scores_in(page: str) -> dict[str, Score]:
    """The table of the page."""
    return {
        found["path"]: Score(*(int(number) for number in found.groups()[1:4])) for found in ROW.finditer(page)
    }


def updated(page: str, results: Sequence[Result], equivalents: Mapping[str, str], gone: Iterable[str]) -> str:
    """The page with the rows of these results' files written anew; `gone` are files without checks."""
    scores = scores_in(page)
    for path in gone:
        scores.pop(path, None)
    for path in {result.mutant.path for result in results}:
        scores[path] = Score.of((r for r in results if r.mutant.path == path), equivalents)
    rows = "".join(scores[path].row(f"`{path}`") for path in sorted(scores))
    total = sum(scores.values(), Score(0, 0, 0)).row("all")
    reasons = "".join(f"- `{name}`: {reason}\n" for name, reason in sorted(equivalents.items()))
    listed = f"\nEquivalent, and why:\n\n{reasons}" if reasons else ""
    return TABLE.sub(lambda _: f"{HEAD}{rows}{total}{listed}", page)

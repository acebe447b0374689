"""One broken check: where it is, what it was, and the name under which it is known from run to run."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Mutant:
    """A check that is broken in one way.

    Args:
        path: File, relative to the root of the project.
        scope: Function that holds the check.
        kind: How it is broken; one of the words that docs/mutation.md explains.
        text: Source of what is broken, white space collapsed.
        line: Where it stands; no part of the name, so that the name outlives edits elsewhere.
        nth: Counts mutants whose names would be equal.
    """

    path: str
    scope: str
    kind: str
    text: str
    line: int
    nth: int = 1

    @property
    def name(self) -> str:
        """Stable name: file, function, kind, source text, and a number where these repeat."""
        count = f" #{self.nth}" if self.nth > 1 else ""
        return f"{self.path}::{self.scope}::{self.kind}::{self.text}{count}"


@dataclass(frozen=True)
class Result:
    """What became of a mutant: the test that failed, or None if all passed."""

    mutant: Mutant
    killer: str | None


def counted(mutants: Iterable[Mutant]) -> list[Mutant]:
    """The mutants, each with a name of its own."""
    seen: Counter[str] = Counter()
    result = []
    for mutant in mutants:
        seen[mutant.name] += 1
        result.append(replace(mutant, nth=seen[mutant.name]))
    return result


def collapsed(text: str) -> str:
    """Source text on one line."""
    return " ".join(text.split())

"""What is wrong with a profile file, told to its owner: file, line, what, and how to mend it."""

from typing import NamedTuple, NoReturn

from grid.words import Words, placed

MOST_FAULTS = 100
ENOUGH_FAULTS = 10_000
"""Whoever made so many has another kind of file in hand; reading on would only take time."""


class Fault(NamedTuple):
    """One fault; `line` is the line of a text file, the row of a Parquet file, None where the whole file is meant."""

    file: str
    line: int | None
    words: Words

    def __str__(self) -> str:
        return str(self.told)

    @property
    def told(self) -> Words:
        """With its place before it."""
        if self.line is None:
            return placed(self.file, self.words) if self.file else self.words
        return Words("%(file)s, line %(line)s: %(fault)s", file=self.file, line=self.line, fault=self.words)


class ProfileFaultError(ValueError):
    """A profile file that can't be used; `faults` holds every one of its faults, each with place and remedy."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        """Keep every fault, so that the file's owner can mend all of them at once."""
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def refuse(file: str, words: Words, line: int | None = None) -> NoReturn:
    """Raise ProfileFaultError with one fault."""
    raise ProfileFaultError((Fault(file, line, words),))


def more_faults(file: str, count: int) -> tuple[Fault, ...]:
    """A last word on faults that are not told; none if all are."""
    words = Words("%(count)s more faults are not listed; mend these first and check again", count=count)
    return (Fault(file, None, words),) if count else ()


class FaultList:
    """The faults of one file, told in the order of its lines; at most `MOST_FAULTS`."""

    def __init__(self, file: str) -> None:
        self.file, self._kept, self._more = file, list[Fault](), 0

    def __bool__(self) -> bool:
        return bool(self._kept)

    def add(self, words: Words, line: int | None = None) -> None:
        """One more."""
        if len(self._kept) < MOST_FAULTS:
            self._kept.append(Fault(self.file, line, words))
            return
        self._more += 1
        if self._more >= ENOUGH_FAULTS:
            self.raise_any()

    def raise_any(self) -> None:
        """Raise ProfileFaultError if there is a fault."""
        if not self._kept:
            return
        ordered = sorted(self._kept, key=lambda fault: fault.line or 0)
        raise ProfileFaultError((*ordered, *more_faults(self.file, self._more)))

"""Which work comes round. An app names its own in `ready()`: `upkeep.register("accounts.retention", every_s=3600, do=...)`."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """Something to be done every `every_s` seconds; `do` is harmless where there is nothing to do."""

    name: str
    every_s: int
    do: Callable[[], object]


WORKS: dict[str, Work] = {}


def register(name: str, *, every_s: int, do: Callable[[], object]) -> None:
    """Have `do` called about every `every_s` seconds; a name twice is the later one."""
    WORKS[name] = Work(name, every_s, do)

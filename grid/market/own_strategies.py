"""Strategies by name: those that come along, and a user's own code, where the scenario's reader allows it.

Own code runs with all rights of the process. So it is found only for scenarios that a command was given as a file,
never for uploaded ones: `own_code` says which it is, and is off unless asked for.
"""

import importlib
import importlib.util
import inspect
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from grid.market.strategies import STRATEGIES, Strategy
from grid.words import Words, WordsError

ENTRY_POINTS = "wattnote.strategies"
_PARTS = ("name", "reserve", "target", "learn", "offered_wh")


class StrategyError(WordsError):
    """A strategy that can't be found or used; the message names it and what to change."""


def find_strategy(reference: str, folder: Path, *, own_code: bool = False) -> Strategy:
    """A strategy by its name, by `module:Class`, or by `file.py:Class` with the file relative to `folder`.

    A name that does not come along is looked up among the installed packages' entry points "wattnote.strategies".

    Raises:
        StrategyError: it is unknown, not allowed here, fails when loaded, or is no strategy.
    """
    if reference in STRATEGIES:
        return STRATEGIES[reference]
    if not own_code:
        raise StrategyError(
            Words(
                "%(reference)s is unknown; choose one of %(strategies)s (own code runs from a scenario file on the command line only)",
                reference=repr(reference),
                strategies=", ".join(sorted(STRATEGIES)),
            )
            if ":" in reference
            else Words(
                "%(reference)s is unknown; choose one of %(strategies)s",
                reference=repr(reference),
                strategies=", ".join(sorted(STRATEGIES)),
            )
        )
    return _loaded(reference, folder.resolve())


@cache
def _loaded(reference: str, folder: Path) -> Strategy:
    where, _, name = reference.rpartition(":")
    try:
        made = _class_of(where, name, folder) if where else _installed(reference)
        strategy: Any = made() if inspect.isclass(made) else made
    except StrategyError:
        raise
    except Exception as error:
        raise StrategyError(
            Words(
                "%(reference)s can't be loaded (%(name)s: %(error)s); mend it, or choose one of %(strategies)s",
                reference=repr(reference),
                name=type(error).__name__,
                error=str(error),
                strategies=", ".join(sorted(STRATEGIES)),
            )
        ) from error
    missing = [part for part in _PARTS if not hasattr(strategy, part)]
    if missing:
        raise StrategyError(
            Words(
                "%(reference)s has no %(missing)s; inherit grid.market.strategies.Strategy",
                reference=repr(reference),
                missing=", ".join(missing),
            )
        )
    found: Strategy = strategy
    return found


def _class_of(where: str, name: str, folder: Path) -> object:
    module = _file_module(folder / where) if where.endswith(".py") else importlib.import_module(where)
    return getattr(module, name)


def _file_module(path: Path) -> ModuleType:
    known = f"wattnote_strategy_{path.resolve().as_posix()}"
    spec = importlib.util.spec_from_file_location(known, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise StrategyError(
            Words("%(name)s is no Python file beside the scenario; check the path", name=path.name)
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module  # dataclasses look their module up while it is being loaded
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[known]
        raise
    return module


def _installed(name: str) -> object:
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        return entry.load()
    raise StrategyError(
        Words(
            "%(name)s is unknown; choose one of %(strategies)s, or name your own as file.py:Class",
            name=repr(name),
            strategies=", ".join(sorted(STRATEGIES)),
        )
    )

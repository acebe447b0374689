"""Runs tests once for each mutant, each time in a fork of one process that has imported everything.

Importing and collecting are paid once. A fork puts the mutant in, runs tests until one fails, and tells
which. What a fork changes is gone with it, so that no mutant can touch the next one.
"""

import gc
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper
from itertools import zip_longest
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.mutation.mutant import Mutant, Result

ROOT = Path(__file__).resolve().parents[2]
# The same examples in each run, and none made smaller: one that fails is enough.
settings.register_profile(
    "mutation", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate], deadline=None
)


class BrokenBaselineError(Exception):
    """A test fails without any mutant: nothing can be told then."""


@dataclass
class Forked:
    """A pytest plugin that takes the place of pytest's own loop over the tests.

    Args:
        mutants: What to break, in this order.
        insert: Puts a mutant into this process; called in the fork.
        report: Told of each result as soon as it is known.
        before: Tests that noticed mutants in an earlier run, by the mutants' names: tried first.
        watched: Folder of the mutated modules. Then a mutant meets only the tests that reach its function,
            the quick ones first. Without it, it meets all of them in their order.
    """

    mutants: Sequence[Mutant]
    insert: Callable[[Mutant], None]
    report: Callable[[Result], None]
    before: Mapping[str, str] = field(default_factory=dict)
    watched: Path | None = None
    root: Path = ROOT
    results: list[Result] = field(default_factory=list)
    failure: str | None = None
    _failed: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self._failed is None:
            self._failed = report.nodeid

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        started = time.monotonic()
        told = self._in_fork(lambda: self._baseline(session.items), limit=600.0)
        if told.get("failed", "no result") is not None:
            self.failure = f"fails without a mutant: {told.get('failed', 'the tests themselves')}"
            return True
        limit = 10 + 5 * (time.monotonic() - started)
        for mutant in self.mutants:
            result = Result(mutant, self._killer(mutant, self._order(session.items, told, mutant), limit))
            self.results.append(result)
            self.report(result)
        return True

    def _order(
        self, items: Sequence[pytest.Item], told: dict[str, Any], mutant: Mutant
    ) -> Sequence[pytest.Item]:
        if self.watched is None:
            return items
        place, reached, seconds = f"{mutant.path}::{mutant.scope}", told["reached"], told["seconds"]
        chosen = [item for item in items if place in reached[item.nodeid]]
        return sorted(chosen, key=lambda item: seconds[item.nodeid])

    def _killer(self, mutant: Mutant, items: Sequence[pytest.Item], limit: float) -> str | None:
        likely = [item for item in items if item.nodeid == self.before.get(mutant.name)]

        def trial() -> dict[str, Any]:
            self.insert(mutant)
            return {"failed": self._first_failure(likely) or self._first_failure(items)}

        told = self._in_fork(trial, limit)
        killer: str | None = told["failed"] if told else "no end in time, or the interpreter's"
        if told.get("error"):
            raise RuntimeError(f"{mutant.name}: {told['error']}")
        return killer

    def _baseline(self, items: Sequence[pytest.Item]) -> dict[str, Any]:
        """All tests without a mutant: how long each takes, and which functions it reaches."""
        if self.watched is None:
            return {"failed": self._first_failure(items)}
        seconds, reached = {}, {}
        caches = [thing for thing in gc.get_objects() if isinstance(thing, _lru_cache_wrapper)]
        for item in items:
            for cache in caches:
                cache.cache_clear()
            started = time.monotonic()
            with watching(self.watched, self.root) as places:
                failed = self._first_failure([item])
            seconds[item.nodeid], reached[item.nodeid] = time.monotonic() - started, sorted(places)
            if failed:
                return {"failed": failed}
        return {"failed": None, "seconds": seconds, "reached": reached}

    def _first_failure(self, items: Sequence[pytest.Item]) -> str | None:
        for item, following in zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed is not None:
                return self._failed
        return None

    def _in_fork(self, work: Callable[[], dict[str, Any]], limit: float) -> dict[str, Any]:
        """What `work` answers in a fork of this process; nothing if it took longer than `limit` seconds."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _answer(work, writing)
        os.close(writing)
        text = _read(reading, limit)
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        answer: dict[str, Any] = json.loads(text) if text else {}
        return answer


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


def _answer(work: Callable[[], dict[str, Any]], writing: int) -> None:
    """The fork's whole life: its output goes nowhere, its answer into the pipe."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        answer = work()
    except BaseException as error:  # noqa: BLE001  the answer is how the parent learns of it
        answer = {"failed": None, "error": repr(error)}
    os.write(writing, json.dumps(answer).encode())
    os._exit(0)


def _read(reading: int, limit: float) -> str:
    chunks, end = [], time.monotonic() + limit
    while select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
        chunk = os.read(reading, 65_536)
        if not chunk:
            return b"".join(chunks).decode()
        chunks.append(chunk)
    return ""


def run(plugin: Forked, tests: Iterable[Path], options: Sequence[str] = ()) -> list[Result]:
    """The results of all mutants against these tests.

    Raises:
        BrokenBaselineError: The tests can't be collected, or one fails without a mutant.
    """
    settings.load_profile("mutation")
    sys.stdout.flush()
    quiet = ["-qq", "--no-header", "--no-summary", "--capture=no", "-p", "no:cacheprovider"]
    quiet += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # Hypothesis is imported for its profile
    code = pytest.main([*quiet, *options, *map(str, tests)], plugins=[plugin])
    if plugin.failure is not None or code != pytest.ExitCode.OK:
        raise BrokenBaselineError(
            plugin.failure or f"pytest ended with {code!r}; run the tests by themselves"
        )
    return plugin.results

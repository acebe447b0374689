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
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper
from itertools import zip_longest
from pathlib import Path
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
        prepare: What can be done once for all forks, when the tests are imported.
        watching: Collects, while a test runs, the places in the program that it reaches. A place with a `!`
            before it is a check that refused.
        place: Place of a mutant. It meets the tests that reach this place, the quick ones first.
        sure: Whether every way to a place is seen. If not, a mutant that no test was seen to reach meets them
            all, and tests keep their order (of those that share a fixture).
    """

    mutants: Sequence[Mutant]
    insert: Callable[[Mutant], None]
    report: Callable[[Result], None]
    before: Mapping[str, str]
    prepare: Callable[[], None]
    watching: Callable[[], AbstractContextManager[set[str]]]
    place: Callable[[Mutant], str]
    sure: bool = True
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
        self.prepare()
        limit = 10 + 5 * (time.monotonic() - started)
        for mutant in self.mutants:
            result = Result(mutant, self._killer(mutant, self._order(session.items, told, mutant), limit))
            self.results.append(result)
            self.report(result)
        return True

    def _order(
        self, items: Sequence[pytest.Item], told: dict[str, Any], mutant: Mutant
    ) -> Sequence[pytest.Item]:
        reached, seconds, place = told["reached"], told["seconds"], self.place(mutant)
        near = [item for item in items if place in reached[item.nodeid]]
        if self.sure:
            return sorted(near, key=lambda item: seconds[item.nodeid])
        firing = [item for item in near if f"!{place}" in reached[item.nodeid]]
        return [*firing, *(item for item in near if item not in firing)] or items

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
        """All tests without a mutant: how long each takes, and what it reaches."""
        seconds, reached = {}, {}
        caches = [thing for thing in gc.get_objects() if isinstance(thing, _lru_cache_wrapper)]
        for item, following in zip_longest(items, items[1:]):
            for cache in caches:
                cache.cache_clear()
            started = time.monotonic()
            with self.watching() as places:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[item.nodeid], reached[item.nodeid] = time.monotonic() - started, sorted(places)
            if self._failed is not None:
                return {"failed": self._failed}
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

"""In which order the whole run goes, and what it says at its end."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.whole_site import opened_market

__all__ = ["opened_market"]

LONG: dict[tuple[str, ...], int] = {
    ("tests/e2e/", "tests/clients/"): 560,
    ("test_grown_services.py::test_the_site_runs_on_postgresql_and_redis[api]",): 150,
    ("tests/replay/",): 150,
    ("tests/contracts/test_solidity.py",): 120,
    ("tests/engine/test_crash_walk.py",): 100,
    ("tests/permissions/",): 60,
    ("tests/formal/",): 45,
    ("tests/marketplace/test_claims_and_billing.py",): 45,
    ("tests/marketplace/test_statements.py",): 35,
    ("tests/marketplace/test_api_schema.py",): 35,
    ("test_grown_services.py::test_the_site_runs_on_postgresql_and_redis[site]",): 30,
    ("tests/grid/test_grid_simbench.py",): 30,
    ("tests/marketplace/test_credit_page.py",): 20,
    ("tests/queries/",): 20,
    ("tests/contracts/test_gas.py",): 15,
}
"""What takes long, or shares what takes long to make, with about how many seconds. Of the whole sites one runs at a
time: journeys lose their patience where two of them share the cores."""
SITES = ("site", "lasting_site")
"""Fixtures that are whole sites (tests/e2e, tests/clients)."""
BEHIND = 10
"""How far the other workers stand back from the first (nice): it has the whole sites, which wait half of their time."""


def pytest_configure() -> None:
    """Three workers fill two cores, and the browsers come first."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        os.nice(BEHIND)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each worker its part of what takes long, and let it begin with that.

    pytest-xdist hands the list out in even pieces, one a worker, and moves the rest of a piece to who is idle: what takes
    minutes must neither stand in one piece alone nor at a piece's end.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items.sort(key=_on_lasting_site)  # those together
    groups = {names: [item for item in items if _is_in(item, names)] for names in LONG}
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    loads = [0] * workers
    for names, group in groups.items():
        least = loads.index(min(loads))
        shares[least] += group
        loads[least] += LONG[names] if group else 0
    long = {item for group in groups.values() for item in group}
    short = [item for item in items if item not in long]
    left = len(items)
    for number, share in enumerate(shares):
        size = max(left // (workers - number) - len(share), 0)
        share.extend(short[:size])
        del short[:size]
        left -= len(share)
    items[:] = [item for share in shares for item in share] + short


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """End a site with the last test on it: its market would go on and take its share of all that follows."""
    yield
    for done in _sites(item) - _sites(nextitem):
        done.finish(item._request)  # type: ignore[attr-defined]  # of items that are functions, as all of ours


def _sites(item: pytest.Item | None) -> set[pytest.FixtureDef[Any]]:
    info = getattr(item, "_fixtureinfo", None)
    return {known for name in SITES for known in info.name2fixturedefs.get(name, ())} if info else set()


def _on_lasting_site(item: pytest.Item) -> bool:
    return "lasting_site" in getattr(item, "fixturenames", ())


def _is_in(item: pytest.Item, names: tuple[str, ...]) -> bool:
    return any(name in item.nodeid for name in names)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many fault points the crash walk visited (tests/engine/test_crash_walk.py), wherever its tests ran."""
    points = [
        int(str(value))
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "fault points"
    ]
    if points:
        terminalreporter.write_line(f"crash walk: {sum(points)} fault points visited in {len(points)} flows")

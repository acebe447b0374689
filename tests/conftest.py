"""In which order the whole run goes, and what it says at its end."""

import os

import pytest

from tests.e2e.whole_site import opened_market

__all__ = ["opened_market"]

LONG: dict[tuple[str, ...], int] = {
    ("tests/e2e/", "tests/clients/"): 500,
    ("test_grown_services.py::test_the_site_runs_on_postgresql_and_redis[api]",): 170,
    ("tests/replay/test_replay_kill.py",): 150,
    ("tests/engine/test_crash_walk.py",): 140,
    ("tests/contracts/test_solidity.py",): 115,
    ("test_grown_services.py::test_the_site_runs_on_postgresql_and_redis[site]",): 60,
    ("tests/replay/test_replay_command.py",): 60,
    ("tests/permissions/",): 55,
    ("tests/replay/test_replay_cheaters.py",): 45,
    ("tests/marketplace/test_claims_and_billing.py",): 45,
    ("tests/marketplace/test_credit_page.py",): 35,
    ("tests/replay/test_replay_services.py",): 30,
    ("tests/marketplace/test_api_schema.py",): 25,
    ("tests/queries/",): 20,
}
"""What takes long, with about how many seconds. Of the whole sites one runs at a time: journeys lose their patience
where two of them share the cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each worker its part of what takes long, and let it begin with that.

    pytest-xdist hands the list out in even pieces, one a worker, and moves the rest of a piece to who is idle: what takes
    minutes must neither stand in one piece alone nor at a piece's end.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
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

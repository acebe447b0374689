"""In which order the whole run goes, and what it says at its end."""

import pytest

LONG = (
    "tests/grown/test_grown_services.py",
    "tests/contracts/test_solidity.py",
    "tests/replay/",
    "tests/e2e/",
    "tests/engine/test_crash_walk.py",
    "tests/marketplace/test_claims_and_billing.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes comes first: at the end the other worker would wait for it."""
    items.sort(
        key=lambda item: next((i for i, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG))
    )


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

"""What the whole run says at its end."""

import pytest


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

"""The whole site in a process, and a browser, for each module of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from watched_browser import chromium
from whole_site import WholeSite

from tests.services import free_port
from tests.system_parts import require


def _served(folder: Path) -> Iterator[WholeSite]:
    require("Chromium")
    started = WholeSite(folder, free_port(), free_port())
    try:
        started.start()
        yield started
    finally:
        code = started.stop()
    assert code == 0, started.log.read_text()[-3000:]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSite]:
    """The real site with its market open; stopped by Ctrl-C at the end, which must end it cleanly.

    Of a module only: its market plays a quarter-hour every few seconds, and there is nothing to sell after dark.
    """
    yield from _served(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def lasting_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSite]:
    """One for all journeys that don't mind the hour of its market, or what others did before."""
    yield from _served(tmp_path_factory.mktemp("lasting"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module only: while it is open its event loop runs in this thread, and no other could."""
    require("Chromium")
    with chromium() as opened:
        yield opened

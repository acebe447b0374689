"""The whole site in a process, and a browser, for each module of this folder."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from watched_browser import chromium
from whole_site import WholeSite

from tests.services import free_port
from tests.system_parts import require


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSite]:
    """The real site with its market open; stopped by Ctrl-C at the end, which must end it cleanly.

    Of a module only: its market plays a quarter-hour every few seconds, and there is nothing to sell after dark.
    """
    require("Chromium")
    started = WholeSite(tmp_path_factory.mktemp("site"), free_port(), free_port())
    try:
        started.start()
        yield started
    finally:
        code = started.stop()
    assert code == 0, started.log.read_text()[-3000:]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module only: while it is open its event loop runs in this thread, and no other could."""
    require("Chromium")
    with chromium() as opened:
        yield opened

"""The whole site in a process, and a browser, for each module of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from watched_browser import chromium
from whole_site import WholeSite, another_site

from tests.system_parts import require


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, opened_market: Path) -> Iterator[WholeSite]:
    """The real site.

    Of a module only: its market plays a quarter-hour every few seconds, and there is nothing to sell after dark.
    """
    require("Chromium")
    with another_site(tmp_path_factory.mktemp("site"), opened_market) as started:
        yield started


@pytest.fixture(scope="session")
def lasting_site(tmp_path_factory: pytest.TempPathFactory, opened_market: Path) -> Iterator[WholeSite]:
    """One for all journeys that don't mind the hour of its market, or what others did before."""
    require("Chromium")
    with another_site(tmp_path_factory.mktemp("lasting"), opened_market) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module only: while it is open its event loop runs in this thread, and no other could."""
    require("Chromium")
    with chromium() as opened:
        yield opened

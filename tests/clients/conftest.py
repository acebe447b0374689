"""The whole site in a process, for the clients of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.whole_site import WholeSite, another_site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, opened_market: Path) -> Iterator[WholeSite]:
    """The real site with its market open."""
    with another_site(tmp_path_factory.mktemp("site"), opened_market) as started:
        yield started

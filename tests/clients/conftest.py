"""The whole site in a process, for the clients of this folder."""

from collections.abc import Iterator

import pytest

from tests.e2e.whole_site import WholeSite
from tests.services import free_port


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSite]:
    """The real site with its market open; stopped by Ctrl-C at the end, which must end it cleanly."""
    started = WholeSite(tmp_path_factory.mktemp("site"), free_port(), free_port())
    try:
        started.start()
        yield started
    finally:
        code = started.stop()
    assert code == 0, started.log.read_text()[-3000:]

"""Starting and stopping on one machine."""

import socket
import threading
from pathlib import Path

import pytest

from marketplace.embedded import StartError, ledger, require_free_port, sole_owner


def test_a_port_in_use_is_said_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} on 127.0.0.1 is in use, and the site needs it"):
            require_free_port("127.0.0.1", port, "the site")
    require_free_port("127.0.0.1", port, "the site")


def test_a_ledger_elsewhere_that_does_not_answer_is_not_replaced(settings: object) -> None:
    settings.LEDGER_URL = "http://127.0.0.1"  # type: ignore[attr-defined]  # pytest-django's settings
    with pytest.raises(StartError, match="No ledger answers"), ledger():
        pass


def test_one_marketplace_owns_a_folder(settings: object, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]  # pytest-django's settings
    with sole_owner(), pytest.raises(StartError, match="Another marketplace"), sole_owner(patience_s=0.1):
        pass
    with sole_owner(patience_s=0.1):
        pass


def test_one_that_is_stopping_is_waited_for(settings: object, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]  # pytest-django's settings
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with sole_owner():
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(5)
    threading.Timer(0.3, leave.set).start()
    with sole_owner(patience_s=5):
        assert leave.is_set()
    thread.join()

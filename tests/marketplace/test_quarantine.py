"""What nobody has called clean is shown to nobody, whatever the scanner does."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from people import Person, Shop
from pytest_django import Settings

from marketplace.accounts import quarantine
from marketplace.accounts.documents import add_document, open_document, read_document
from marketplace.accounts.errors import ConflictError
from marketplace.accounts.models import AuditEvent, Document
from marketplace.accounts.scanning import Verdict
from marketplace.accounts.vault import DOCUMENTS
from marketplace.credit import services

pytestmark = pytest.mark.django_db
EICAR = "X5O!P%@AP[4" + "\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!" + "$H+H*"
SHEET = "Buchungstag;Betrag;Verwendungszweck\n01.06.2026;-1,00;{}\n"


class SmallClamd:
    """Speaks clamd's INSTREAM on a socket and knows one signature."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.asked = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def name(self) -> str:
        return f"clamd://127.0.0.1:{self.listener.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line, line.makefile("rb") as stream:
                if stream.read(10) != b"zINSTREAM\0":
                    continue
                content = b""
                while length := struct.unpack("!I", stream.read(4))[0]:
                    content += stream.read(length)
                self.asked += 1
                found = EICAR.encode() in content
                line.sendall(b"stream: Eicar-Signature FOUND\0" if found else b"stream: OK\0")

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


@pytest.fixture
def clamd(settings: Settings) -> Iterator[SmallClamd]:
    scanner = SmallClamd()
    settings.DOCUMENT_SCANNER = scanner.name
    yield scanner
    scanner.stop()


def _upload(person: Person, text: str) -> Document:
    raw = SHEET.format(text).encode()
    return add_document(user=person.user, kind="statement", filename="june.csv", raw=raw)


def test_clean_documents_open_and_infected_ones_are_gone(
    person: Person, shop: Shop, clamd: SmallClamd
) -> None:
    clean, infected = _upload(person, "rent"), _upload(person, EICAR.replace(";", ""))
    assert (clean.scan, infected.scan, clamd.asked) == ("clean", "infected", 2)
    assert b"rent" in read_document(document=clean, viewer=shop.operator)
    assert not default_storage.exists(DOCUMENTS.place_of(infected))
    for viewer in (person.user, shop.operator):
        with pytest.raises(ConflictError, match="Malware"):
            read_document(document=infected, viewer=viewer)
    assert AuditEvent.objects.filter(action="document.viewed").count() == 1


def test_a_scanner_that_is_away_leaves_documents_shut_until_it_is_back(
    person: Person, shop: Shop, clamd: SmallClamd, settings: Settings
) -> None:
    settings.DOCUMENT_SCANNER = "clamd:///nowhere/clamd.sock"
    document = _upload(person, "rent")
    assert document.scan == "failed"
    with pytest.raises(ConflictError, match="tried again"):
        open_document(document)
    wish = {"requested_limit": 1, "monthly_income": 1, "monthly_outgoings": 0, "consent": True}
    application = services.start_application(user=person.user, merchant=shop.merchant, **wish)
    with pytest.raises(ConflictError) as refused:
        services.submit_application(application=application)
    assert "checked" in refused.value.fields["documents"][0]
    settings.DOCUMENT_SCANNER = clamd.name
    assert quarantine.judge_waiting() == 1
    document.refresh_from_db()
    assert b"rent" in open_document(document)
    services.submit_application(application=application)
    assert quarantine.judge_waiting() == 0


def mute(_content: bytes) -> Verdict:
    raise RuntimeError("no verdict")


def strict(_content: bytes) -> Verdict:
    return Verdict.INFECTED


@pytest.mark.parametrize(("scanner", "state"), [("mute", "failed"), ("strict", "infected")])
def test_a_callable_may_scan_and_may_fail(
    person: Person, settings: Settings, scanner: str, state: str
) -> None:
    settings.DOCUMENT_SCANNER = f"{__name__}.{scanner}"
    assert _upload(person, "rent").scan == state


def test_text_of_a_statement_is_kept_as_text_only(person: Person, tmp_path: Path) -> None:
    document = _upload(person, "<script>alert(1)</script>")
    response = person.client.get(f"/api/v1/documents/{document.pk}/content/")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]


def test_shut_documents_are_a_conflict_for_programs(
    person: Person, settings: Settings, make_person: Callable[..., Person]
) -> None:
    settings.DOCUMENT_SCANNER = f"{__name__}.mute"
    document = _upload(person, "rent")
    answer = person.client.get(f"/api/v1/documents/{document.pk}/content/")
    assert (answer.status_code, answer.json()["code"]) == (409, "document_shut")
    assert person.client.get(f"/api/v1/documents/{document.pk}/").json()["scan"] == "failed"
    assert make_person().client.get(f"/api/v1/documents/{document.pk}/content/").status_code == 404

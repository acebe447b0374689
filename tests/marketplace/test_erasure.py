"""After an erasure nobody can read anything personal: database, its files, a backup, private files, mail, logs."""

import io
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from people import Shop, at_desk, png
from pytest_django import Settings
from traces import encodings, files_of, traces

from marketplace.accounts.documents import add_document
from marketplace.accounts.erasure import sweep_database
from marketplace.accounts.models import User, Wallet
from marketplace.accounts.services import update_profile
from marketplace.credit import services
from marketplace.credit.decisions import ask_for_more
from marketplace.credit.erasure import erase_participant
from marketplace.notifications.services import notify
from marketplace.studies.services import add_file
from marketplace.trading.services import ensure_prosumer

EMAIL, PASSWORD = "clementine.quandt@example.org", "long enough password"
PERSON = {
    "display_name": "Quandtenhof",
    "legal_name": "Clementine Quandt-Übelacker",
    "birth_date": "1985-07-13",
    "street": "Zwetschgenweg 97",
    "postcode": "99427",
    "city": "Weimar-Schöndorf",
    "country": "DE",
    "meter_number": "1ESY1160099887",
}
IBAN, PAYER, FILENAME = "DE02120300000000202051", "Specimen Lohnwerke", "kontoauszug-quandt.csv"
SHEET = f"""Kontoinhaber;{PERSON["legal_name"]}
IBAN;{IBAN}
Buchungstag;Auftraggeber/Empfänger;Betrag
28.05.2026;{PAYER};3100,17
28.06.2026;{PAYER};3100,17
"""
SECRETS = [EMAIL, IBAN, PAYER, FILENAME, "3100170000", *(PERSON[n] for n in PERSON if n != "country")]


def _sign_in(settings: Settings) -> Client:
    settings.AXES_ENABLED = True
    client = Client(REMOTE_ADDR="203.0.113.77")
    client.post("/accounts/login/", {"login": EMAIL, "password": "a wrong password"})
    client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    client.post("/accounts/password/reset/", {"email": EMAIL})
    client.post("/accounts/email/", {"action_send": "", "email": EMAIL})
    settings.AXES_ENABLED = False
    assert client.get("/today/").status_code == 200
    return client


def _live(user: User, shop: Shop) -> None:
    """Everything that leaves something behind."""
    update_profile(user=user, changes=PERSON)
    ensure_prosumer(user=user)
    Wallet.objects.create(user=user, address="0x" + "77" * 20, message="m", signature="0x")
    add_document(user=user, kind="identity", filename=f"{PERSON['legal_name']}.png", raw=png())
    add_document(user=user, kind="statement", filename=FILENAME, raw=SHEET.encode())
    add_file(user=user, filename=FILENAME, raw=b"time,quandt_kWh\n", reading={})
    application = services.start_application(
        user=user, merchant=shop.merchant, requested_limit=10**8, monthly_income=3_100_170_000,
        monthly_outgoings=0, consent=True,
    )  # fmt: skip
    services.submit_application(application=application)
    question = f"Dear {PERSON['legal_name']}, is {IBAN} yours?"
    ask_for_more(application=application, operator=shop.operator, question=question)
    notify(user=user, kind="application_question", key="x", merchant=shop.merchant.name)
    LogEntry.objects.create(
        user=shop.operator, content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk),
        object_repr=str(user), action_flag=CHANGE, change_message=f"Changed {EMAIL}",
    )  # fmt: skip
    at_desk(shop.operator).get(f"/admin/credit/creditapplication/{application.pk}/change/")


def _rows() -> bytes:
    """Everything that the database answers with."""
    text = io.StringIO()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  the database's own names
            text.write(repr(cursor.fetchall()))
    return text.getvalue().encode()


def _places(tmp_path: Path, log: str) -> dict[str, bytes]:
    places = {"rows": _rows(), "log": log.encode(), **files_of(tmp_path)}
    if connection.vendor == "sqlite":
        name = Path(str(connection.settings_dict["NAME"]))
        backup = tmp_path.parent / f"{uuid4()}.sqlite3"
        with closing(sqlite3.connect(name)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        places["backup"] = backup.read_bytes()
        parts = (name, name.with_name(f"{name.name}-wal"), name.with_name(f"{name.name}-journal"))
        places |= {part.name: part.read_bytes() for part in parts if part.exists()}
    return places


@pytest.mark.django_db(transaction=True)
def test_nothing_personal_can_be_read_after_an_erasure(
    make_shop: Callable[[str], Shop], settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    caplog.set_level(logging.DEBUG)
    logging.getLogger("django.db.backends").setLevel(
        logging.INFO
    )  # its DEBUG is for developers' own databases
    shop, user = make_shop("stadtwerke"), User.objects.create_user(EMAIL, PASSWORD)
    client = _sign_in(settings)
    _live(user, shop)
    readable = traces(SECRETS, _places(tmp_path, ""))
    assert {EMAIL, PERSON["display_name"]} <= {line.split("'")[1] for line in readable}

    erase_participant(user=user, actor=user)
    sweep_database()
    assert traces(SECRETS, _places(tmp_path, caplog.text)) == []
    assert client.get("/today/").status_code == 302
    assert (
        not default_storage.exists(f"documents/{user.pk}")
        or not default_storage.listdir(f"documents/{user.pk}")[1]
    )


def test_the_search_finds_what_is_there() -> None:
    for form in encodings(EMAIL):
        assert traces([EMAIL], {"x": b"..." + form + b"..."}) == [f"{EMAIL!r} in x"]
    assert traces([EMAIL], {"x": b"somebody else"}) == []

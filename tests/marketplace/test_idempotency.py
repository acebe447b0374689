"""What comes with a key is done once: one after the other, at the same time, and over a crash."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from people import Person, png
from program_clients import confirmed, program
from pytest_django import Settings
from rest_framework.test import APIClient

from marketplace.accounts.erasure import erase_person
from marketplace.accounts.models import Document, Participant
from marketplace.api import idempotency
from marketplace.programs import answers
from marketplace.programs.models import KeptAnswer, ProgramToken
from marketplace.trading import services
from marketplace.trading.models import Listing
from marketplace.upkeep.registry import WORKS

LISTINGS, PROFILE, TOKENS = "/api/v1/listings/", "/api/v1/me/profile/", "/api/v1/tokens/"


@pytest.fixture
def wish(soon: int) -> dict[str, Any]:
    return {"side": "sells", "slot_start": soon, "quantity_wh": 1500, "price_per_kwh": "250000"}


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.django_db
def test_the_first_answer_comes_again(person: Person, wish: dict[str, Any]) -> None:
    first = person.client.post(LISTINGS, wish, headers=keyed("a"))
    Listing.objects.all().delete()
    again = person.client.post(LISTINGS, wish, headers=keyed('"a"'))
    assert (again.status_code, again.json(), again["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert "Idempotency-Replayed" not in first
    assert not Listing.objects.exists()
    other = person.client.post(LISTINGS, wish | {"quantity_wh": 5}, headers=keyed("a"))
    assert code_of(other) == (422, "idempotency_key_reused")
    assert code_of(person.client.patch(PROFILE, wish, headers=keyed("a"))) == (422, "idempotency_key_reused")
    assert person.client.post(LISTINGS, wish, headers=keyed("b")).status_code == 201
    for wrong in ("", " ", '"', "a b", "x" * 256, "ä".encode().decode("latin-1")):
        assert code_of(person.client.post(LISTINGS, wish, headers=keyed(wrong))) == (400, "idempotency_key")


@pytest.mark.django_db
def test_a_refusal_comes_again_too_but_not_one_that_says_try_later(
    person: Person, wish: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = wish | {"quantity_wh": 0}
    answers_ = [person.client.post(LISTINGS, wrong, headers=keyed("a")) for _ in range(2)]
    assert [answer.status_code for answer in answers_] == [400, 400]
    assert answers_[0].json() == answers_[1].json()
    assert answers_[1]["Idempotency-Replayed"] == "true"
    person.client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr(services, "list_energy_of", lambda **_: 1 / 0)
        assert code_of(person.client.post(LISTINGS, wish, headers=keyed("b"))) == (500, "error")
    assert person.client.post(LISTINGS, wish, headers=keyed("b")).status_code == 201


@pytest.mark.django_db
def test_keys_are_each_askers_own(person: Person, make_person: Callable[..., Person], wish: Any) -> None:
    reader = program(person, "trade:read")
    clients = person.client, program(person, "trade:write"), make_person().client
    for client in clients:
        assert "Idempotency-Replayed" not in client.post(LISTINGS, wish, headers=keyed("a"))
    assert code_of(reader.post(LISTINGS, wish, headers=keyed("a"))) == (403, "insufficient_scope")
    assert KeptAnswer.objects.count() == 3
    assert APIClient().post(LISTINGS, wish, headers=keyed("a")).status_code == 403


@pytest.mark.django_db
def test_uploads_match_whatever_their_boundary(person: Person) -> None:
    for number in (1, 2):
        boundary = f"boundary{number}"
        parts = {"kind": "income"}
        body = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'
            for n, v in parts.items()
        )
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        raw = (body + file).encode() + png((9, 9, 9)) + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        path = "/api/v1/documents/"
        made = Client.generic(person.client, "POST", path, raw, content_type=kind, headers=keyed("u"))
        assert made.status_code == 201, made.content
        assert ("Idempotency-Replayed" in made) == (number == 2)
    assert Document.objects.filter(kind="income").count() == 1


@pytest.mark.django_db
def test_secrets_are_not_kept(person: Person) -> None:
    client, wish = confirmed(person), {"label": "x", "scopes": ["trade:read"], "days": 1}
    made = client.post(TOKENS, wish, headers=keyed("t"))
    assert made.status_code == 201
    assert code_of(client.post(TOKENS, wish, headers=keyed("t"))) == (409, "answer_not_kept")
    assert ProgramToken.objects.count() == 1
    assert KeptAnswer.objects.get().body is None


@pytest.mark.django_db
def test_answers_are_sealed_forgotten_and_erased(person: Person, wish: dict[str, Any]) -> None:
    person.client.patch(PROFILE, {"city": "Wuppertal"}, headers=keyed("p"))
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT body FROM programs_keptanswer")
        assert b"Wuppertal" not in bytes(cursor.fetchone()[0])
    assert "Wuppertal" in (KeptAnswer.objects.get().body or "")
    KeptAnswer.objects.update(created_at=time.time() - answers.KEPT_S - 1)
    assert "Idempotency-Replayed" not in person.client.patch(PROFILE, {"city": "Ulm"}, headers=keyed("p"))
    KeptAnswer.objects.update(created_at=time.time() - answers.KEPT_S - 1)
    WORKS["programs.answers"].do()
    assert not KeptAnswer.objects.exists()
    person.client.post(LISTINGS, wish, headers=keyed("e"))
    erase_person(user=person.user, actor=person.user)
    assert not KeptAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_works(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real threads, each with its own connection; the work waits until all others were answered."""
    at_work, others_done = threading.Event(), threading.Event()
    real = idempotency._worked
    calls: list[int] = []

    def slow(*given: Any) -> Any:
        calls.append(1)
        at_work.set()
        others_done.wait(20)
        return real(*given)

    monkeypatch.setattr(idempotency, "_worked", slow)
    codes: list[int] = []

    def ask() -> None:
        client = APIClient()
        client.cookies = person.client.cookies
        codes.append(client.patch(PROFILE, {"city": "Ulm"}, headers=keyed("x")).status_code)
        connections.close_all()

    first = threading.Thread(target=ask)
    first.start()
    assert at_work.wait(20)
    rest = [threading.Thread(target=ask) for _ in range(4)]
    for thread in rest:
        thread.start()
    for thread in rest:
        thread.join(20)
    others_done.set()
    first.join(20)
    assert (sorted(codes), len(calls)) == ([200, 409, 409, 409, 409], 1)
    assert person.client.patch(PROFILE, {"city": "Ulm"}, headers=keyed("x"))["Idempotency-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_over_a_crash_work_and_answer_stay_together(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies while it works: neither the work nor the answer is there, and the key is free after a while."""
    with monkeypatch.context() as dying:
        dying.setattr(answers, "finish", lambda *_a, **_k: (_ for _ in ()).throw(KeyboardInterrupt))
        dying.setattr(answers, "release", lambda _row: None)
        with pytest.raises(KeyboardInterrupt):
            person.client.patch(PROFILE, {"city": "Jena"}, headers=keyed("c"))
    assert Participant.objects.get(user=person.user).city == "Berlin"
    busy = person.client.patch(PROFILE, {"city": "Jena"}, headers=keyed("c"))
    assert code_of(busy) == (409, "idempotency_in_progress")
    assert busy["Retry-After"] == "1"
    KeptAnswer.objects.update(taken_until=time.time() - 1)
    assert person.client.patch(PROFILE, {"city": "Jena"}, headers=keyed("c")).json()["city"] == "Jena"


@pytest.mark.django_db
def test_who_was_overtaken_changes_nothing(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    real = answers.finish

    def overtaken(row: KeptAnswer, **answer: Any) -> None:
        KeptAnswer.objects.update(worker="somebody else")
        real(row, **answer)

    monkeypatch.setattr(answers, "finish", overtaken)
    lost = person.client.patch(PROFILE, {"city": "Jena"}, headers=keyed("c"))
    assert code_of(lost) == (409, "idempotency_lost")
    assert Participant.objects.get(user=person.user).city == "Berlin"


@pytest.mark.django_db
def test_a_body_beyond_all_bounds(person: Person, settings: Settings) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100
    assert code_of(person.client.patch(PROFILE, {"city": "x" * 200}, headers=keyed("x"))) == (
        413,
        "too_large",
    )

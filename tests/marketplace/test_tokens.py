"""People's tokens: made by people only, kept as hashes, good for their scopes until they end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.serializers import serialize
from django.utils import timezone
from people import Person
from program_clients import confirmed, program
from rest_framework.test import APIClient

from marketplace.accounts.erasure import erase_person
from marketplace.accounts.models import AuditEvent
from marketplace.programs.models import ProgramToken
from marketplace.programs.scopes import every
from marketplace.programs.tokens import LONGEST_DAYS, MOST_TOKENS, make_token

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/"
WISH = {"label": "My script", "scopes": ["trade:write", "profile:read"], "days": 30}


def bearer(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_a_tokens_life(person: Person) -> None:
    made = confirmed(person).post(f"{ROOT}tokens/", WISH)
    assert made.status_code == 201, made.content
    token = made.json()
    secret = token.pop("secret")
    assert (secret[:8], token["scopes"], token["used_at"]) == (token["begins"], sorted(WISH["scopes"]), None)
    assert secret not in serialize("json", ProgramToken.objects.all())
    user = bearer(secret)
    assert user.get(f"{ROOT}me/").json()["email"] == person.user.email
    assert user.get(f"{ROOT}listings/").status_code == 200
    refused(user.patch(f"{ROOT}me/profile/", {}), 403, "insufficient_scope")
    refused(user.get(f"{ROOT}agreements/"), 403, "insufficient_scope")
    assert 'scope="credit:read"' in user.get(f"{ROOT}agreements/")["WWW-Authenticate"]
    listed = person.client.get(f"{ROOT}tokens/").json()["results"]
    assert [(one["id"], "secret" in one) for one in listed] == [(token["id"], False)]
    assert listed[0]["used_at"] is not None
    assert person.client.delete(f"{ROOT}tokens/{token['id']}/").status_code == 204
    gone = user.get(f"{ROOT}me/")
    refused(gone, 401, "invalid_token")
    assert gone["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    actions = AuditEvent.objects.filter(person=person.user).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["token.made", "token.revoked"]


def test_making_one_needs_a_recent_sign_in(person: Person) -> None:
    refused(person.client.post(f"{ROOT}tokens/", WISH), 403, "sign_in_again")
    assert not ProgramToken.objects.exists()


def test_no_token_opens_what_is_for_people_only(person: Person) -> None:
    mine = program(person, *every())
    document = person.user.documents.all()[0].pk
    for method, path in (
        ("get", "tokens/"),
        ("post", "tokens/"),
        ("post", "me/erasure/"),
        ("post", "wallet/"),
        ("get", f"documents/{document}/content/"),
    ):
        refused(getattr(mine, method)(ROOT + path), 403, "insufficient_scope")
    assert mine.get("/admin/").status_code == 302
    assert mine.get("/today/").status_code == 302


def test_tokens_end(person: Person) -> None:
    token, secret = make_token(user=person.user, label="x", scopes=["profile:read"], days=1)
    assert bearer(secret).get(f"{ROOT}me/").status_code == 200
    ProgramToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(bearer(secret).get(f"{ROOT}me/"), 401, "invalid_token")
    refused(bearer("wnp_" + "x" * 43).get(f"{ROOT}me/"), 401, "invalid_token")
    ProgramToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() + timedelta(days=1))
    person.user.is_active = False
    person.user.save()
    refused(bearer(secret).get(f"{ROOT}me/"), 401, "invalid_token")
    erase_person(user=person.user, actor=person.user)
    assert not ProgramToken.objects.exists()


def test_a_token_goes_before_the_session(person: Person, make_person: Callable[..., Person]) -> None:
    other = make_person()
    secret = make_token(user=other.user, label="x", scopes=["profile:read"], days=1)[1]
    held = {"Authorization": f"Bearer {secret}"}
    assert person.client.get(f"{ROOT}me/", headers=held).json()["email"] == other.user.email


def test_wrong_wishes(person: Person, make_person: Callable[..., Person]) -> None:
    client = confirmed(person)
    for wrong in (
        {"label": ""},
        {"label": "x" * 61},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["session:read"]},
        {"days": 0},
        {"days": LONGEST_DAYS + 1},
    ):
        assert list(client.post(f"{ROOT}tokens/", WISH | wrong).json()["errors"]) == list(wrong)
    for _ in range(MOST_TOKENS):
        make_token(user=person.user, label="x", scopes=["profile:read"], days=1)
    refused(client.post(f"{ROOT}tokens/", WISH), 400, "too_many_tokens")
    mine = ProgramToken.objects.first()
    assert mine
    assert make_person().client.delete(f"{ROOT}tokens/{mine.pk}/").status_code == 404

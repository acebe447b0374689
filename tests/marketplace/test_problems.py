"""Whatever goes wrong under /api/ has the one form."""

from typing import Any

import pytest
from django.test import Client
from people import Person

from marketplace.api import me

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.mark.parametrize(
    ("status", "method", "path", "given"),
    [
        (404, "get", "/api/", {}),
        (404, "get", "/api/v2/me/", {}),
        (404, "get", "/api/v1/me", {}),
        (404, "post", "/api/v1/nowhere/", {}),
        (405, "put", "/api/v1/me/", {}),
        (406, "get", "/api/v1/me/", {"headers": {"Accept": "text/html"}}),
        (415, "post", "/api/v1/listings/", {"data": b"a=1", "content_type": "text/plain"}),
        (400, "post", "/api/v1/listings/", {"data": b"{", "content_type": JSON}),
        (400, "get", "/api/v1/me/", {"headers": {"Host": "elsewhere.example"}}),
    ],
)
def test_each_error_is_a_problem(
    person: Person, status: int, method: str, path: str, given: dict[str, Any]
) -> None:
    answer = (
        getattr(person.client, method)(path, **given)
        if method != "post"
        else _post(person.client, path, given)
    )
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert (found["status"], set(found)) == (status, {"type", "title", "status", "detail", "code", "errors"})


def _post(client: Client, path: str, given: dict[str, Any]) -> Any:
    return client.generic(
        "POST", path, given.get("data", b"{}"), content_type=given.get("content_type", JSON)
    )


def test_a_fault_of_ours_is_a_problem_too(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(me, "_me", lambda _user: 1 / 0)
    person.client.raise_request_exception = False
    answer = person.client.get("/api/v1/me/")
    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert answer["Content-Type"] == "application/problem+json"


def test_pages_keep_their_pages() -> None:
    assert Client().get("/nowhere/")["Content-Type"].startswith("text/html")

"""Which language a reader gets, and that their choice stays."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from marketplace.accounts.languages import choose_language, in_language_of
from marketplace.accounts.models import User
from marketplace.web.language import words_url

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}


def _language(client: Client, **headers: str) -> str:
    page = client.get(reverse("web:ledger"), **headers)
    assert f'<html lang="{page["Content-Language"]}">' in page.content.decode()
    return page["Content-Language"]


def test_a_visitor_gets_what_the_browser_asks_for(client: Client, db: None) -> None:
    assert _language(client) == "en"
    assert _language(client, **GERMAN) == "de"
    assert _language(client, HTTP_ACCEPT_LANGUAGE="fr") == "en"


def test_the_choice_stays_on_the_device(client: Client, db: None) -> None:
    answer = client.post(reverse("web:language"), {"language": "de", "next": "/ledger/"})
    assert answer.status_code == 302
    assert answer["Location"] == "/ledger/"
    assert _language(client) == "de"
    client.post(reverse("web:language"), {"language": "en"})
    assert _language(client, **GERMAN) == "en"


@pytest.mark.parametrize("url", ["https://elsewhere.example/", "//elsewhere.example"])
def test_the_switch_sends_nobody_elsewhere(client: Client, db: None, url: str) -> None:
    assert (
        "elsewhere" not in client.post(reverse("web:language"), {"language": "de", "next": url})["Location"]
    )


def test_the_choice_stays_with_the_account(member: User, client_of: Callable[[User], Client]) -> None:
    client = client_of(member)
    member.refresh_from_db()
    assert member.language == "en"
    client.post(reverse("web:language"), {"language": "de"})
    client.post(reverse("web:language"), {"language": "xx"})
    member.refresh_from_db()
    assert member.language == "de"
    with in_language_of(member):
        assert translation.get_language() == "de"
    assert _language(client_of(member)) == "de"
    with pytest.raises(ValueError, match="none of the languages"):
        choose_language(user=member, code="xx")


def test_programs_get_what_they_ask_for(client: Client, db: None) -> None:
    client.cookies["django_language"] = "de"
    plain = client.get("/api/v1/me/").json()
    german = client.get("/api/v1/me/", **GERMAN).json()
    assert german["code"] == plain["code"]
    assert german["detail"] != plain["detail"]


def test_words_of_scripts_are_kept_for_good(client: Client, db: None) -> None:
    assert words_url("en") == ""
    answer = client.get(words_url("de"), HTTP_ACCEPT_ENCODING="gzip")
    assert "immutable" in answer["Cache-Control"]
    assert answer["Vary"] == "Accept-Encoding"
    assert len(answer.content) < 40_000
    assert b"django.gettext" in client.get(words_url("de")).content
    assert client.get("/words/de/0123456789abcdef.js").status_code == 404
    assert client.get("/words/fr/0123456789abcdef.js").status_code == 404

"""Pages of sign-in and its second factors: all by our own templates, in both languages, and formal in German."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import translation

from marketplace.accounts.models import User

ANYBODY = (
    "login/", "signup/", "password/reset/", "password/reset/done/", "password/reset/key/1-abc/", "inactive/",
    "password/reset/key/done/", "confirm-email/", "confirm-email/abc/",
)  # fmt: skip
SIGNED_IN = (
    "email/", "password/change/", "reauthenticate/", "logout/", "2fa/", "2fa/totp/activate/", "2fa/webauthn/",
    "2fa/webauthn/add/",
)  # fmt: skip
GUARDED = (
    "2fa/",
    "2fa/totp/deactivate/",
    "2fa/recovery-codes/",
    "2fa/recovery-codes/generate/",
    "2fa/reauthenticate/",
)
FOREIGN = re.compile(r"\b(the|your|you|is|are|email|token|du|dich|dein\w*|gib|bitte)\b", re.IGNORECASE)
OURS = str(Path(settings.BASE_DIR) / "templates")


def _check_ours(answer: Any) -> None:
    page = next(one for one in answer.templates if (one.name or "").startswith(("account/", "mfa/")))
    assert str(page.origin).startswith(OURS), page.name


def _check(client: Client, path: str) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    answer = client.get(f"/accounts/{path}", follow=True)
    assert answer.status_code == 200
    _check_ours(answer)
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    text = re.sub(r"<script.*?</script>|<[^>]*>", " ", main, flags=re.DOTALL)
    assert not FOREIGN.search(text), f"{path}: {FOREIGN.findall(text)}"


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    """A request leaves its language to its thread."""
    with translation.override("en"):
        yield


@pytest.fixture
def confirmed(user: User) -> User:
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def test_visitors_read_our_words(client: Client, db: None) -> None:
    for path in ANYBODY:
        _check(client, path)


def test_people_read_our_words(client_of: Callable[[User], Client], confirmed: User) -> None:
    client = client_of(confirmed)
    client.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    for path in SIGNED_IN:
        _check(client, path)
    TOTP.activate(confirmed, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(confirmed)
    for path in GUARDED:
        _check(client, path)
    stranger = Client()
    stranger.post("/accounts/login/", {"login": confirmed.email, "password": "correct horse battery"})
    _check(stranger, "2fa/authenticate/")


def test_refusals_are_formal() -> None:
    used = {**DefaultAccountAdapter.error_messages, **DefaultMFAAdapter.error_messages}
    unused = {"username_blacklisted", "select_only_one", "max_email_addresses"}
    with translation.override("de"):
        said = [str(text) for name, text in used.items() if name not in unused]
    assert [
        text for text in said if re.search(r"\b(du|dich|dein\w*|gib|versuche)\b", text, re.IGNORECASE)
    ] == []


def test_a_forgotten_password_is_mailed_about_in_our_words(client: Client, confirmed: User) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    client.post("/accounts/password/reset/", {"email": confirmed.email})
    client.post("/accounts/password/reset/", {"email": "nobody@example.org"})
    known, unknown = mail.outbox
    assert "Neues Passwort wählen" in known.subject
    assert not FOREIGN.search(known.body.replace("/key/", "")), known.body
    assert "gibt es kein Konto" in unknown.body
    page = client.get(re.search(r"http://[^/]+(/\S+)", known.body)[1], follow=True)  # type: ignore[index]  # fails if none
    _check_ours(page)
    _check(client, page.request["PATH_INFO"].removeprefix("/accounts/"))

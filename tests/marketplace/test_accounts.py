"""Coming in: sign-up, sign-in, lock-out, second factor, headers."""

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from people import Person, Shop
from pytest_django import Settings

from marketplace.accounts.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "Sommerregen-2026"


def _sign_up(client: Client, email: str) -> Any:
    return client.post(
        reverse("account_signup"), {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    )


def _sign_in(client: Client, email: str, password: str) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password})


def test_sign_up_sign_out_sign_in(client: Client) -> None:
    assert _sign_up(client, "New.Person@Example.org").status_code == 302
    user = User.objects.get()
    assert user.email == "new.person@example.org"
    assert re.fullmatch("u-[0-9a-f]{16}", user.owner)
    assert client.get("/api/v1/me/").json()["owner"] == user.owner
    assert len(mail.outbox) == 1
    client.post(reverse("account_logout"))
    assert client.get("/api/v1/me/").status_code == 403
    assert _sign_in(client, "NEW.PERSON@example.org", PASSWORD).status_code == 302
    assert client.get("/api/v1/me/").status_code == 200


@pytest.mark.parametrize("password", ["short-1", "1234567890123", "password123", "new.person@example.org"])
def test_weak_passwords_are_refused(client: Client, password: str) -> None:
    fields = {"email": "new.person@example.org", "password1": password, "password2": password}
    assert client.post(reverse("account_signup"), fields).status_code == 200
    assert not User.objects.exists()


def test_an_address_signs_up_once(client: Client) -> None:
    _sign_up(client, "one@example.org")
    _sign_up(Client(), "ONE@example.org")
    assert User.objects.count() == 1


def test_guessing_is_locked_out(client: Client, settings: Settings) -> None:
    _sign_up(client, "victim@example.org")
    settings.AXES_ENABLED = True
    guesser = Client()
    codes = [_sign_in(guesser, "victim@example.org", f"guess {n}").status_code for n in range(10)]
    assert codes[0] == 200
    assert codes[-1] == 429
    assert _sign_in(guesser, "victim@example.org", PASSWORD).status_code == 429
    admin = guesser.post(reverse("admin:login"), {"username": "victim@example.org", "password": PASSWORD})
    assert admin.status_code == 429


def test_second_factors_are_offered(client: Client) -> None:
    _sign_up(client, "one@example.org")
    address = User.objects.get().emailaddress_set.get()
    address.verified = True
    address.save()
    for name in ("mfa_index", "mfa_activate_totp", "mfa_add_webauthn"):
        assert client.get(reverse(name), follow=True).status_code == 200


def test_pages_that_hold_keys_have_a_strict_policy(person: Person) -> None:
    for path in ("/", "/wallet/", "/accounts/login/", "/api/v1/me/"):
        policy = person.client.get(path)["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_the_admin_has_its_own_policy(shop: Shop) -> None:
    policy = shop.client.get("/admin/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "http" not in policy


def test_pages_ask_no_other_host(person: Person, shop: Shop) -> None:
    for client, path in (
        (person.client, "/"),
        (person.client, "/wallet/"),
        (shop.client, "/admin/"),
        (Client(), "/accounts/login/"),
    ):
        page = client.get(path).content.decode()
        assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page), path


def test_migrations_are_complete() -> None:
    call_command(
        "makemigrations",
        "accounts",
        "billing",
        "credit",
        "programs",
        "trading",
        check=True,
        dry_run=True,
        verbosity=0,
    )


def test_users_need_an_address() -> None:
    with pytest.raises(ValueError, match="e-mail"):
        get_user_model().objects.create_user("")
    root = User.objects.create_superuser("Root@Example.org", "x")
    assert (root.email, root.is_staff, root.is_superuser) == ("root@example.org", True, True)

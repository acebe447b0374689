"""Clients with a token, and people who have just confirmed who they are."""

import time

from django.test import Client
from people import Person
from rest_framework.test import APIClient

from marketplace.programs.tokens import make_token


def confirmed(person: Person, client: Client | None = None) -> Client:
    """As if the person had just typed the password again."""
    client = client or person.client
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(person.user.pk)
    session.save()
    return client


def program(person: Person, *scopes: str) -> APIClient:
    """A program of the person, with a token of these scopes."""
    client = APIClient()
    secret = make_token(user=person.user, label="test", scopes=scopes, days=1)[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client

"""Who takes part in the marketplace's tests, and small files of theirs."""

import io
from dataclasses import dataclass

from django.test import Client
from PIL import Image
from rest_framework.test import APIClient

from channels_engine.core.signing import LocalSigner
from marketplace.accounts.models import User
from marketplace.credit.models import Merchant


@dataclass
class Person:
    user: User
    signer: LocalSigner
    client: APIClient


@dataclass
class Shop:
    merchant: Merchant
    operator: User
    client: Client
    signer: LocalSigner


def png(colour: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (40, 30)) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "PNG")
    return target.getvalue()


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def at_desk(user: User) -> Client:
    """A browser in the back office: forms, not JSON."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client

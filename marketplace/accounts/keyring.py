"""Data keys of users: made on first use, destroyed on erasure."""

from functools import lru_cache

from django.apps import apps
from django.conf import settings
from django.db import models

from marketplace.accounts.crypto import MasterKeys, new_key


class ErasedError(Exception):
    """The person was erased: nothing of theirs can be sealed or opened any more."""


def _keys() -> "models.Manager[models.Model]":
    manager: models.Manager[models.Model] = apps.get_model("accounts", "DataKey").objects
    return manager


@lru_cache(maxsize=4)
def _master(secrets: str) -> MasterKeys:
    return MasterKeys.from_secrets([part.strip() for part in secrets.split(",") if part.strip()])


def master() -> MasterKeys:
    """Master keys of the settings."""
    return _master(settings.PII_MASTER_KEYS)


def find(user_id: int) -> bytes | None:
    """Data key of a user, or None where there is none (never made, or erased)."""
    row = _keys().filter(user_id=user_id).values_list("key_id", "wrapped").first()
    return None if row is None else master().unwrap(bytes(row[1]), user_id=user_id, key_id=row[0])


def find_all(user_ids: set[int]) -> dict[int, bytes]:
    """Data keys of several users in one query."""
    rows = _keys().filter(user_id__in=user_ids).values_list("user_id", "key_id", "wrapped")
    return {
        user: master().unwrap(bytes(wrapped), user_id=user, key_id=key_id) for user, key_id, wrapped in rows
    }


def obtain(user_id: int) -> bytes:
    """Data key of a user, made now where there is none.

    Raises:
        ErasedError: the user was erased.
    """
    found = find(user_id)
    if found is not None:
        return found
    if apps.get_model("accounts", "User").objects.filter(pk=user_id, erased_at__isnull=False).exists():
        raise ErasedError(f"User {user_id} was erased.")
    key_id, wrapped = master().wrap(new_key(), user_id=user_id)
    _keys().get_or_create(user_id=user_id, defaults={"key_id": key_id, "wrapped": wrapped})
    return obtain(user_id)

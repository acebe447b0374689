"""Model fields whose content is sealed under the data key of the person that the row belongs to."""

from collections.abc import Iterable
from typing import Any, Protocol

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from marketplace.accounts import keyring
from marketplace.accounts.crypto import open_sealed, seal


class Personal(Protocol):
    """A row that belongs to one person."""

    user_id: int


class Sealed:
    """A sealed value as it came from the database."""

    __slots__ = ("blob",)

    def __init__(self, blob: bytes) -> None:
        self.blob = blob

    def __repr__(self) -> str:
        return "<sealed>"


class OpeningAttribute(DeferredAttribute):
    """Opens a sealed value when it is first read."""

    field: "EncryptedTextField"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = self.field.open(instance, value)
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.Field[str | None, str | None]):
    """Text sealed at rest; reads as None once the person is erased. It can be neither filtered nor bulk-set."""

    descriptor_class = OpeningAttribute
    empty_strings_allowed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def get_internal_type(self) -> str:
        """Stored as bytes."""
        return "BinaryField"

    def open(self, instance: Personal, value: Sealed) -> str | None:
        """Plain text of a sealed value, or None where the key was destroyed."""
        key = _key_of(instance)
        return None if key is None else open_sealed(key, value.blob, aad=self._place(instance)).decode()

    def from_db_value(self, value: Any, *_context: Any) -> Sealed | None:
        """Leave it sealed until somebody reads it."""
        return None if value is None else Sealed(bytes(value))

    def pre_save(self, model_instance: Any, add: bool) -> bytes | None:  # noqa: FBT001  Django's signature
        """Seal plain text; pass on what was never opened."""
        del add
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, Sealed):
            return value.blob
        if value is None or value == "":
            return None
        key = keyring.obtain(model_instance.user_id)
        return seal(key, str(value).encode(), aad=self._place(model_instance))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """Hand bytes to the database; plain text must never reach it."""
        del prepared
        if isinstance(value, str):
            raise TypeError(f"{self} is sealed: set it on an instance and save that.")
        return None if value is None else connection.Database.Binary(value)

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow only `isnull`: sealed text has no order and no equality."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def _place(self, instance: Personal) -> bytes:
        return f"{self.model._meta.label_lower}|{self.name}|{instance.user_id}".encode()  # noqa: SLF001  Django's public name for it


def _key_of(instance: Any) -> bytes | None:
    if "_data_key" not in instance.__dict__:
        instance.__dict__["_data_key"] = keyring.find(instance.user_id)
    key: bytes | None = instance.__dict__["_data_key"]
    return key


def prefetch_keys(instances: Iterable[Any]) -> None:
    """Fetch the data keys of many rows in one query, before their sealed fields are read."""
    rows = list(instances)
    keys = keyring.find_all({row.user_id for row in rows})
    for row in rows:
        row.__dict__["_data_key"] = keys.get(row.user_id)

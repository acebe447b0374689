"""Serializer fields of our wire forms: money as decimal strings, bytes as 0x-hex, moments as epoch seconds."""

import re
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.hexadecimal import ADDRESS_BYTES, HASH_BYTES, SIGNATURE_BYTES, from_hex

MAX_MONEY = 2**63 - 1
MAX_SAFE = 2**53 - 1
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@extend_schema_field({"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$", "example": "250000"})
class MoneyField(serializers.Field[int, str, str, int]):
    """Micro-units as a decimal string."""

    default_error_messages = {"invalid": _("Must be a whole number of micro-units, as a decimal string.")}  # noqa: RUF012  DRF's way

    def to_internal_value(self, data: str) -> int:
        """Read a decimal string."""
        if not isinstance(data, str) or not _DECIMAL.fullmatch(data) or int(data) > MAX_MONEY:
            self.fail("invalid")
        return int(data)

    def to_representation(self, value: int) -> str:
        """Write a decimal string."""
        return str(value)


class _HexField(serializers.Field[bytes, str, str, Any]):
    length: int

    def to_internal_value(self, data: str) -> bytes:
        """Read 0x-hex of the right length."""
        try:
            return from_hex(data, length=self.length, field=self.field_name or "value")
        except RefusedError as error:
            raise serializers.ValidationError(error.detail) from error

    def to_representation(self, value: Any) -> str:
        """Text is stored as 0x-hex already."""
        return str(value)


@extend_schema_field({"type": "string", "pattern": "^0x[0-9a-f]{40}$"})
class AddressField(_HexField):
    """20 bytes."""

    length = ADDRESS_BYTES


@extend_schema_field({"type": "string", "pattern": "^0x[0-9a-f]{64}$"})
class HashField(_HexField):
    """32 bytes."""

    length = HASH_BYTES


@extend_schema_field({"type": "string", "pattern": "^0x[0-9a-f]{130}$"})
class SignatureField(_HexField):
    """65 bytes: r, s, v."""

    length = SIGNATURE_BYTES


@extend_schema_field({"type": "integer", "format": "int64", "description": "Seconds since the epoch, UTC."})
class MomentField(serializers.Field[datetime, int, int, datetime]):
    """A moment as epoch seconds; read only."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["read_only"] = True
        super().__init__(**kwargs)

    def to_representation(self, value: datetime) -> int:
        """Whole seconds."""
        return int(value.timestamp())


class SafeIntegerField(serializers.IntegerField):
    """A whole number that JavaScript can hold, and no number in disguise."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", 0)
        kwargs.setdefault("max_value", MAX_SAFE)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Read a JSON integer."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """True or false, and nothing that only looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        """Read a JSON boolean."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictCharField(serializers.CharField):
    """Text, and no number in its place."""

    def to_internal_value(self, data: Any) -> str:
        """Read a JSON string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

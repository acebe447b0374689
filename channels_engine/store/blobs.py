"""Durable binary form of the core's values: msgpack, which keeps bytes as they are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

import msgspec

from channels_engine.core.effects import Effect
from channels_engine.core.state import Endpoint

_ENCODER = msgspec.msgpack.Encoder()
_ENDPOINT = msgspec.msgpack.Decoder(Endpoint)
_EFFECTS: Mapping[str, msgspec.msgpack.Decoder[Any]] = MappingProxyType(
    {kind.__name__: msgspec.msgpack.Decoder(kind) for kind in get_args(Effect)},
)


def pack(value: msgspec.Struct) -> bytes:
    """Binary form of a core value."""
    return _ENCODER.encode(value)


class StoredFormError(Exception):
    """A stored value has a form that this version does not know."""


def unpack_endpoint(blob: bytes) -> Endpoint:
    """Endpoint out of its binary form.

    Raises:
        StoredFormError: It was stored by another version of the engine.
    """
    try:
        return _ENDPOINT.decode(blob)
    except msgspec.ValidationError as error:
        raise StoredFormError(
            f"A channel was stored by an earlier version of the engine ({error}); begin with a fresh database.",
        ) from error


def unpack_effect(kind: str, blob: bytes) -> Effect:
    """Effect of this kind out of its binary form."""
    effect: Effect = _EFFECTS[kind].decode(blob)
    return effect

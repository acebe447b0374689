"""Durable binary form of the core's values: msgpack, which keeps bytes as they are.

An endpoint is stored in two halves. The *fixed* half (terms, opening, policy, and what funded the channel) stays
as it is from one trade to the next. The *moving* half is everything else, and is written with each message: once
for both sides where both are hosted here, side B as its differences from side A.

Each half begins with a number that stands for the shape of `Endpoint`, so that what another version of the engine
stored is refused and not misread.
"""

from collections.abc import Mapping
from itertools import compress
from operator import attrgetter, is_not
from types import MappingProxyType
from typing import Any, TypeAlias, get_args, get_type_hints
from zlib import crc32

import msgspec

from channels_engine.core.effects import Effect
from channels_engine.core.state import Endpoint

Pair: TypeAlias = tuple[Endpoint | None, Endpoint | None]
Values: TypeAlias = dict[str, Any]
_FIXED = (
    "domain",
    "channel",
    "me",
    "terms",
    "opening",
    "policy",
    "opening_signatures",
    "fundings",
    "funded",
    "unchanged",
)
_MOVING = tuple(name for name in Endpoint.__struct_fields__ if name not in _FIXED)
_HINTS = get_type_hints(Endpoint)
_FORM = crc32(repr(msgspec.inspect.type_info(Endpoint)).encode())
_KEYS = tuple(str(position) for position in range(len(_MOVING)))

_moving_of = attrgetter(*_MOVING)
_fixed_of = attrgetter(*_FIXED)

_Fixed = msgspec.defstruct("_Fixed", [(name, _HINTS[name]) for name in _FIXED], array_like=True)
_Moving = msgspec.defstruct("_Moving", [(name, _HINTS[name]) for name in _MOVING], array_like=True)
_Differences = msgspec.defstruct(
    "_Differences",
    [(name, _HINTS[name] | msgspec.UnsetType, msgspec.UNSET) for name in _MOVING],
    rename=dict(zip(_MOVING, _KEYS, strict=True)),
    forbid_unknown_fields=True,
)
_SAME: dict[Any, Any] = {}  # the few domains and policies that there are, once for all channels
_ENCODER = msgspec.msgpack.Encoder()
_FORM_ONLY = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw, msgspec.Raw])
_FIXED_DECODER = msgspec.msgpack.Decoder(_Fixed)
_MOVING_DECODER = msgspec.msgpack.Decoder(_Moving)
_DIFFERENCES_DECODER = msgspec.msgpack.Decoder(_Differences | None)
_EFFECTS: Mapping[str, msgspec.msgpack.Decoder[Any]] = MappingProxyType(
    {kind.__name__: msgspec.msgpack.Decoder(kind) for kind in get_args(Effect)},
)


class StoredFormError(Exception):
    """A stored value has a form that this version does not know."""


def pack(value: msgspec.Struct) -> bytes:
    """Binary form of a core value."""
    return _ENCODER.encode(value)


def pack_fixed(endpoint: Endpoint) -> bytes:
    """Binary form of the fixed half."""
    return _ENCODER.encode((_FORM, _fixed_of(endpoint), None))


def is_fixed_alike(one: Endpoint, other: Endpoint) -> bool:
    """Whether the fixed halves are equal, so that no new row is needed."""
    return bool(_fixed_of(one) == _fixed_of(other))


def pack_moving(pair: Pair) -> bytes:
    """Binary form of the moving half of the endpoints of both sides; None where a side is not hosted here."""
    a, b = pair
    if a is None or b is None:
        return _ENCODER.encode((_FORM, _moving_of(a or b), None))
    of_a, of_b = _moving_of(a), _moving_of(b)
    others = compress(zip(_KEYS, of_a, of_b, strict=True), map(is_not, of_a, of_b))
    differences = {key: its for key, ours, its in others if its != ours}
    return _ENCODER.encode((_FORM, of_a, differences))


def unpack_endpoint(fixed: bytes, moving: bytes, side: int) -> Endpoint:
    """One side's endpoint out of both halves.

    Raises:
        StoredFormError: It was stored by another version of the engine.
    """
    first, second = _unpack_moving(moving)
    return _joined(_unpack_fixed(fixed), second if side else first)


def unpack_pair(fixed_a: bytes | None, fixed_b: bytes | None, moving: bytes) -> Pair:
    """The hosted endpoints of a channel; what they have in common is in memory once.

    Raises:
        StoredFormError: It was stored by another version of the engine.
    """
    first, second = _unpack_moving(moving)
    of_a = None if fixed_a is None else _unpack_fixed(fixed_a)
    of_b = None if fixed_b is None else _unpack_fixed(fixed_b)
    if of_a is not None and of_b is not None:
        of_b = {name: of_a[name] if of_a[name] == value else value for name, value in of_b.items()}
    return (
        None if of_a is None else _joined(of_a, first),
        None if of_b is None else _joined(of_b, second),
    )


def _joined(fixed: Values, moving: Values) -> Endpoint:
    return Endpoint(**fixed, **moving)


def _unpack_fixed(blob: bytes) -> Values:
    try:
        values = msgspec.structs.asdict(_FIXED_DECODER.decode(_checked(blob)[0]))
    except msgspec.DecodeError as error:
        raise _another_version(str(error)) from error
    domain, policy = values["domain"], values["policy"]
    return values | {"domain": _SAME.setdefault(domain, domain), "policy": _SAME.setdefault(policy, policy)}


def _unpack_moving(blob: bytes) -> tuple[Values, Values]:
    """Of side A and of side B; the same where only one side is hosted here."""
    try:
        first, second = _checked(blob)
        values = msgspec.structs.asdict(_MOVING_DECODER.decode(first))
        differences = _DIFFERENCES_DECODER.decode(second)
    except msgspec.DecodeError as error:
        raise _another_version(str(error)) from error
    if differences is None:
        return values, values
    changed = msgspec.structs.asdict(differences)
    return values, values | {name: value for name, value in changed.items() if value is not msgspec.UNSET}


def _checked(blob: bytes) -> tuple[msgspec.Raw, msgspec.Raw]:
    form, first, second = _FORM_ONLY.decode(blob)
    if form != _FORM:
        raise _another_version("another form")
    return first, second


def _another_version(reason: str) -> StoredFormError:
    return StoredFormError(
        f"A channel was stored by another version of the engine ({reason}); begin with a fresh database."
    )


def unpack_effect(kind: str, blob: bytes) -> Effect:
    """Effect of this kind out of its binary form."""
    effect: Effect = _EFFECTS[kind].decode(blob)
    return effect

"""JSON forms of the core's structures: strict in, canonical out.

Every structure gets a mirror whose fields are plain JSON: bytes as lowercase 0x-hex of the exact length,
integers as decimal strings, names in camelCase, so that a signed structure is at once the `message` that
wallets sign (EIP-712). Unknown fields, missing fields, floats and numbers out of range are refused.
"""

import enum
import re
from collections.abc import Callable, Sequence
from functools import cache
from inspect import cleandoc
from itertools import takewhile
from operator import attrgetter
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from channels_engine.core.messages import BODY_BY_TYPE
from channels_engine.core.types import Side

T = TypeVar("T")
Convert = Callable[[Any], Any]

ADDRESS_FIELDS = frozenset(
    {"participant", "holder", "party_a", "party_b", "metering", "source_a", "source_b", "verifying_contract"},
)
ADDRESS_SIZE = 20
HASH_SIZE = 32
SIGNATURE_SIZE = 65
INT_BITS = {"billing_period": 32, "payment_term": 32, "challenge_period": 32, "dispute_limit": 16}
ENGINE_INT_BITS = 63
"""Money and quantities stay below 2**63, as in the database (nine trillion units of money)."""
MAX_TEXT = 200
MAX_ITEMS = 64
SIDE_NAMES = ("a", "b")
_BODIES = frozenset(BODY_BY_TYPE.values())  # the envelope's `type` says which body it is
_HEX = re.compile(r"0x[0-9a-f]*")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,28}")


class ShapeError(ValueError):
    """A value that is no valid JSON form: says which field and what it should be."""


class _Plan(NamedTuple):
    """How one field travels: its JSON type, and the way in and out (None where the value is the same)."""

    wire_type: Any
    decode: Convert | None
    encode: Convert | None


def parse_hex(text: str, size: int, field: str = "value") -> bytes:
    """Parse exactly `size` bytes of lowercase 0x-hex.

    Raises:
        ShapeError: Any other text.
    """
    if len(text) != 2 * size + 2 or not _HEX.fullmatch(text):
        raise ShapeError(f"`{field}` must be 0x and {2 * size} lowercase hex digits.")
    return bytes.fromhex(text[2:])


def to_hex(value: bytes) -> str:
    """Lowercase 0x-hex."""
    return "0x" + value.hex()


def parse_decimal(text: str, bits: int, field: str = "value") -> int:
    """Parse a non-negative decimal string below 2**bits, without sign, spaces or leading zeros.

    Raises:
        ShapeError: Any other text, or a number out of range.
    """
    if not _DECIMAL.fullmatch(text) or (number := int(text)) >> bits:
        raise ShapeError(f"`{field}` must be a decimal string from 0 to 2**{bits} - 1.")
    return number


def _bytes_size(field: str) -> int:
    if field in ADDRESS_FIELDS:
        return ADDRESS_SIZE
    return SIGNATURE_SIZE if "signature" in field or field == "consent" else HASH_SIZE


def hex_form(size: int) -> msgspec.Meta:
    """`size` bytes as text, for JSON Schema only: `parse_hex` is stricter, and faster than a pattern."""
    return msgspec.Meta(extra_json_schema={"pattern": f"^0x[0-9a-f]{{{2 * size}}}$"})


def decimal_form(bits: int) -> msgspec.Meta:
    """A number below 2**bits as text, for JSON Schema only; of the largest ones the decoder refuses some more."""
    digits = len(str((1 << bits) - 1)) - 1
    pattern = f"^(0|[1-9][0-9]{{0,{digits}}})$"
    return msgspec.Meta(
        description=f"A decimal string below 2**{bits}.", extra_json_schema={"pattern": pattern}
    )


def choice_form(choices: Sequence[str]) -> msgspec.Meta:
    """One of some words, for JSON Schema only."""
    return msgspec.Meta(extra_json_schema={"enum": list(choices)})


def _bytes_plan(field: str) -> _Plan:
    size = _bytes_size(field)
    return _Plan(Annotated[str, hex_form(size)], lambda text: parse_hex(text, size, field), to_hex)


def _int_plan(field: str) -> _Plan:
    bits = INT_BITS.get(field, ENGINE_INT_BITS)
    return _Plan(Annotated[str, decimal_form(bits)], lambda text: parse_decimal(text, bits, field), str)


def _enum_plan(kind: type[enum.Enum]) -> _Plan:
    if kind is Side:
        sides = Annotated[str, choice_form(SIDE_NAMES)]
        return _Plan(sides, lambda text: Side(SIDE_NAMES.index(text)), lambda side: SIDE_NAMES[side])
    choices = choice_form([item.value for item in kind])
    return _Plan(Annotated[str, choices], kind, lambda value: value.value)


def _struct_plan(kind: type[msgspec.Struct]) -> _Plan:
    form = json_form(kind)
    return _Plan(form.mirror, form.to_core, form.to_mirror)


def _tuple_plan(field: str, kind: Any) -> _Plan:
    arguments = get_args(kind)
    item = _plan(field, arguments[0])
    many = len(arguments) == 2 and arguments[1] is Ellipsis  # noqa: PLR2004  tuple[X, ...]
    shape: Any = tuple.__class_getitem__(
        (item.wire_type, ...) if many else (item.wire_type,) * len(arguments)
    )
    wire_type = Annotated[shape, msgspec.Meta(max_length=MAX_ITEMS)] if many else shape
    decode, encode = item.decode or _same, item.encode or _same
    return _Plan(
        wire_type, lambda values: tuple(map(decode, values)), lambda values: tuple(map(encode, values))
    )


def _union_plan(field: str, kind: Any) -> _Plan:
    members = [member for member in get_args(kind) if member is not type(None)]
    plans = {member: _plan(field, member) for member in members}
    wire_type: Any = Union.__getitem__(tuple(plan.wire_type for plan in plans.values()))
    if type(None) in get_args(kind):
        wire_type = wire_type | None
    if len(plans) == 1:
        (plan,) = plans.values()
        decode, encode = plan.decode or _same, plan.encode or _same
        return _Plan(
            wire_type,
            lambda value: None if value is None else decode(value),
            lambda value: None if value is None else encode(value),
        )
    decoders = {plan.wire_type: plan.decode for plan in plans.values()} | {type(None): _same}
    encoders = {member: plan.encode for member, plan in plans.items()} | {type(None): _same}
    return _Plan(wire_type, lambda v: decoders[type(v)](v), lambda v: encoders[type(v)](v))


def _same(value: Any) -> Any:
    return value


def _plan(field: str, kind: Any) -> _Plan:
    if isinstance(kind, type):
        return _class_plan(field, kind)
    if get_origin(kind) is tuple:
        return _tuple_plan(field, kind)
    return _union_plan(field, kind)


def _class_plan(field: str, kind: type[Any]) -> _Plan:
    if kind is str:
        return _Plan(Annotated[str, msgspec.Meta(max_length=MAX_TEXT)], None, None)
    if issubclass(kind, enum.Enum):
        return _enum_plan(kind)
    if issubclass(kind, msgspec.Struct):
        return _struct_plan(kind)
    by_field = {bytes: _bytes_plan, int: _int_plan}.get(kind)
    return by_field(field) if by_field else _Plan(kind, None, None)


def _trailing_optional(kind: type[msgspec.Struct]) -> set[str]:
    """Fields that may be left out: those at the end whose default is None."""
    backwards = takewhile(lambda field: field.default is None, reversed(msgspec.structs.fields(kind)))
    return {field.name for field in backwards}


def _field(name: str, wire_type: Any, *, optional: bool) -> tuple[str, Any] | tuple[str, Any, Any]:
    return (name, wire_type, None) if optional else (name, wire_type)


def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """`attrgetter` gives no tuple where it has one name or none."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda core: tuple(getattr(core, name) for name in names)


class JsonForm(Generic[T]):
    """The JSON form of one structure: its mirror and both conversions.

    Decoding raises `ShapeError` or `msgspec.DecodeError` (of which `ValidationError` is one).
    """

    def __init__(self, kind: type[Any]) -> None:
        hints = get_type_hints(kind)
        plans = {name: _plan(name, hints[name]) for name in kind.__struct_fields__}
        self._kind = kind
        self._decode = [(name, plan.decode) for name, plan in plans.items()]
        self._encode = [plan.encode for plan in plans.values()]
        self._values = _values_of(tuple(plans))
        tag = kind.__struct_config__.tag
        optional = _trailing_optional(kind)
        self.mirror = msgspec.defstruct(
            kind.__name__,
            [_field(name, plan.wire_type, optional=name in optional) for name, plan in plans.items()],
            namespace={"__doc__": cleandoc(kind.__doc__ or "")},
            rename="camel",
            forbid_unknown_fields=True,
            tag=None if kind in _BODIES else tag,
        )
        self._decoder = msgspec.json.Decoder(self.mirror)

    def to_core(self, mirror: Any) -> T:
        """Mirror to core structure."""
        fields = [
            getattr(mirror, name) if decode is None else decode(getattr(mirror, name))
            for name, decode in self._decode
        ]
        core: T = self._kind(*fields)
        return core

    def to_mirror(self, core: Any) -> Any:
        """Core structure to mirror."""
        values = zip(self._encode, self._values(core), strict=True)
        return self.mirror(*[value if encode is None else encode(value) for encode, value in values])

    def parse(self, text: bytes | str | msgspec.Raw) -> Any:
        """Parse JSON into the mirror."""
        return self._decoder.decode(text)

    def decode(self, text: bytes | str | msgspec.Raw) -> T:
        """Parse JSON into the core structure."""
        return self.to_core(self._decoder.decode(text))

    def encode(self, core: T) -> bytes:
        """Canonical JSON: fields in the order of the structure, no spaces."""
        return msgspec.json.encode(self.to_mirror(core))


@cache
def json_form(kind: type[T]) -> JsonForm[T]:
    """The JSON form of a core structure; made once."""
    return JsonForm(kind)

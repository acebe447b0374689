"""The own EIP-712 encoder against eth_account, on thousands of random values."""

from typing import Any

import msgspec
import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak as reference_keccak

from channels_engine.core import typed_data
from channels_engine.core.keccak import keccak256
from channels_engine.core.typed_data import TYPE_STRINGS, EncodingError
from channels_engine.core.types import ChannelState, Domain, Offer
from fixtures.vectors.make_vectors import DOMAINS, members, random_value, seeded

ROUNDS = 250
EIP712_DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def reference(domain: Domain, value: Any) -> tuple[bytes, bytes, bytes]:
    """Domain separator, struct hash and digest by eth_account."""
    name, fields = type(value).__name__, members(type(value))
    message = encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": EIP712_DOMAIN,
                name: [{"name": field, "type": kind} for kind, field in fields],
            },
            "primaryType": name,
            "domain": {
                "name": "Wattnote",
                "version": "1",
                "chainId": domain.chain_id,
                "verifyingContract": "0x" + domain.verifying_contract.hex(),
            },
            "message": {
                field: "0x" + content.hex() if kind == "address" else content
                for (kind, field), content in zip(fields, msgspec.structs.astuple(value), strict=True)
            },
        },
    )
    joined = b"\x19" + message.version + message.header + message.body
    return message.header, message.body, reference_keccak(joined)


@pytest.mark.parametrize("structure", TYPE_STRINGS, ids=lambda structure: structure.__name__)
def test_hashes_equal_those_of_eth_account(structure: type) -> None:
    rng = seeded(structure.__name__)
    for _ in range(ROUNDS):
        value, domain = random_value(structure, rng), rng.choice(DOMAINS)
        separator, body, digest = reference(domain, value)
        assert typed_data.domain_separator(domain) == separator
        assert typed_data.struct_hash(value) == body
        assert typed_data.digest(domain, value) == digest


def test_keccak_equals_the_reference_at_every_length_around_its_blocks() -> None:
    rng = seeded(1)
    for length in range(300):
        data = rng.randbytes(length)
        assert keccak256(data) == reference_keccak(data)


@pytest.mark.parametrize("structure", TYPE_STRINGS, ids=lambda structure: structure.__name__)
def test_a_field_outside_its_type_is_refused(structure: type) -> None:
    good = random_value(structure, seeded(2))
    for (kind, _), name in zip(members(structure), good.__struct_fields__, strict=True):
        for bad in outside(kind, getattr(good, name)):
            with pytest.raises(EncodingError):
                typed_data.struct_hash(msgspec.structs.replace(good, **{name: bad}))


def outside(kind: str, content: Any) -> list[Any]:
    if kind == "bool":
        return []
    if kind.startswith("uint"):
        return [-1, 2 ** int(kind.removeprefix("uint"))]
    return [content[:-1], content + b"\0", b""]


@pytest.mark.parametrize("structure", TYPE_STRINGS, ids=lambda structure: structure.__name__)
def test_every_field_changes_the_hash(structure: type) -> None:
    good = random_value(structure, seeded(3))
    for (kind, _), name in zip(members(structure), good.__struct_fields__, strict=True):
        content = getattr(good, name)
        other = (
            not content if kind == "bool" else content ^ 1 if kind.startswith("uint") else flipped(content)
        )
        changed = msgspec.structs.replace(good, **{name: other})
        assert typed_data.struct_hash(changed) != typed_data.struct_hash(good)


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes((content[-1] ^ 1,))


def test_type_strings_name_the_fields_in_order() -> None:
    for structure in TYPE_STRINGS:
        names = [name for _, name in members(structure)]
        assert names == [camel(field) for field in structure.__struct_fields__]


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def test_a_contract_address_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(EncodingError):
        typed_data.domain_separator(Domain(1, bytes(19)))


def test_equal_fields_in_different_types_do_not_share_a_hash() -> None:
    hashes = {typed_data.struct_hash(random_value(structure, seeded(4))) for structure in TYPE_STRINGS}
    assert len(hashes) == len(TYPE_STRINGS)
    assert typed_data.TYPE_HASHES[ChannelState] != typed_data.TYPE_HASHES[Offer]

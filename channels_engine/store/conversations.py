"""Entity contracts and their conversations in the database."""

from collections.abc import Iterable, Mapping

import msgspec

from channels_engine.agreements import Agreement
from channels_engine.codec import to_hex
from channels_engine.store import bulk
from channels_engine.store.blobs import pack

_DECODER = msgspec.msgpack.Decoder(Agreement)
_TABLE = bulk.Table(
    "engine_contract",
    {
        "conversation": "text",
        "number": "int8",
        "scid": "text",
        "owner_a": "text",
        "owner_b": "text",
        "phase": "text",
        "seq": "int4",
        "blob": "bytea",
        "updated_at": "int8",
    },
    conflict=("conversation",),
    update=("scid", "phase", "seq", "blob", "updated_at"),
)


def load(conversations: Iterable[bytes], *, lock: bool) -> dict[bytes, Agreement]:
    """The conversations among these; with `lock`, ours until the transaction ends."""
    names = {to_hex(conversation) for conversation in conversations}
    if not names:
        return {}
    if lock:
        bulk.lock_names(names)
    rows = bulk.select_in("blob", "engine_contract", "conversation", names, lock=False)
    found = (_DECODER.decode(bytes(blob)) for (blob,) in rows)
    return {agreement.conversation: agreement for agreement in found}


def load_by_scid(scids: Iterable[bytes]) -> dict[bytes, Agreement]:
    """The contracts with these ids."""
    names = {to_hex(scid) for scid in scids}
    if not names:
        return {}
    rows = bulk.select_in("scid, blob", "engine_contract", "scid", names, lock=False)
    return {bytes.fromhex(scid[2:]): _DECODER.decode(bytes(blob)) for scid, blob in rows}


def load_numbers(conversations: Iterable[bytes]) -> dict[bytes, int]:
    """The numbers of the logs of the stored ones among these."""
    names = {to_hex(conversation) for conversation in conversations}
    if not names:
        return {}
    rows = bulk.select_in("conversation, number", "engine_contract", "conversation", names, lock=False)
    return {bytes.fromhex(name[2:]): number for name, number in rows}


def save(agreements: Iterable[Agreement], numbers: Mapping[bytes, int], now: int) -> None:
    """Write conversations; `numbers` are those of their logs."""
    rows = [_row(agreement, numbers[agreement.conversation], now) for agreement in agreements]
    bulk.write(_TABLE, rows)


def _row(agreement: Agreement, number: int, now: int) -> tuple[object, ...]:
    scid = agreement.scid
    return (
        to_hex(agreement.conversation),
        number,
        to_hex(scid) if scid else None,
        *agreement.owners,
        agreement.phase.value,
        agreement.seq,
        pack(agreement),
        now,
    )

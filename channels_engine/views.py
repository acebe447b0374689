"""What an owner may see of the engine: positions, lists, snapshots. Reads only."""

from typing import Any

from django.db.models import Q

from channels_engine import frames, service
from channels_engine.agreements import Agreement
from channels_engine.codec import SIDE_NAMES, json_form, parse_hex, to_hex
from channels_engine.core.state import Phase
from channels_engine.core.types import EntityContract
from channels_engine.store import conversations, repository
from channels_engine.store.models import Channel, Contract, Endpoint

MAX_LISTED = 500
_OVER = (Phase.CLOSED.value, Phase.ABORTED.value)


def _contracts(owner: str) -> Any:
    return Contract.objects.filter(Q(owner_a=owner) | Q(owner_b=owner))


def positions(owner: str) -> dict[bytes, int]:
    """Last number of each log of this owner."""
    rows = list(Endpoint.objects.filter(owner=owner).values_list("channel", "channel_row__seq"))
    rows += _contracts(owner).values_list("conversation", "seq")
    return {parse_hex(channel, 32): seq for channel, seq in rows}


def changed_since(owner: str, then: int) -> dict[str, int]:
    """Logs of this owner that were written since `then` (seconds since the epoch): hex id -> last number."""
    return {to_hex(channel): seq for channel, seq in repository.changed_since([owner], then).items()}


def last_seq(owner: str, channel: bytes) -> int | None:
    """Last number of one log, or None if it isn't this owner's."""
    name = to_hex(channel)
    found = Channel.objects.filter(channel=name, endpoints__owner=owner).values_list("seq", flat=True).first()
    if found is None:
        found = _contracts(owner).filter(conversation=name).values_list("seq", flat=True).first()
    return found


def state(owner: str, channel: bytes) -> dict[str, Any] | None:
    """The `state` frame of one channel or conversation, or None if it isn't this owner's."""
    hosting = service.runtime().hosting(channel)
    side = None if hosting is None else hosting.side_of(owner)
    if hosting is not None and side is not None:
        return frames.state_view(hosting.endpoint(side), owner, hosting.owners[side.other], hosting.seq)
    agreement = conversations.load([channel], lock=False).get(channel)
    if agreement is None or agreement.side_of(owner) is None:
        return None
    return {"kind": "contract", **contract_view(agreement, owner)}


def channel_list(owner: str) -> dict[str, Any]:
    """The `channels` frame."""
    live = Endpoint.objects.filter(owner=owner).exclude(phase__in=_OVER).select_related("channel_row")
    rows = live.order_by("-id")[:MAX_LISTED]
    contracts = _contracts(owner).order_by("-updated_at")[:MAX_LISTED]
    loaded = conversations.load((parse_hex(row.conversation, 32) for row in contracts), lock=False)
    return {
        "kind": "channels",
        "channels": [_channel_line(row) for row in rows],
        "contracts": [contract_view(agreement, owner) for agreement in loaded.values()],
    }


def _channel_line(row: Endpoint) -> dict[str, Any]:
    return {
        "channel": row.channel,
        "side": SIDE_NAMES[row.side],
        "peer": row.peer,
        "scid": row.scid,
        "phase": row.phase_now,
        "version": str(row.version),
        "seq": row.channel_row.seq,
    }


def contract_view(agreement: Agreement, owner: str) -> dict[str, Any]:
    """One conversation or contract as its party sees it."""
    side = agreement.side_of(owner)
    if side is None:
        raise PermissionError(f"{owner} is no party of this contract.")
    return {
        "conversation": to_hex(agreement.conversation),
        "scid": to_hex(agreement.scid) if agreement.scid else None,
        "side": SIDE_NAMES[side],
        "peer": agreement.owners[side.other],
        "phase": agreement.phase.value,
        "terms": json_form(EntityContract).to_mirror(agreement.terms),
        "seq": agreement.seq,
    }

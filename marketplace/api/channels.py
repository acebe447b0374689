"""My channels: states, signatures, trades, ledger events, and where each balance comes from."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from channels_engine.codec import to_hex
from channels_engine.core.state import Phase
from channels_engine.core.types import ChannelOpen
from channels_engine.store.models import CoSignedState, Endpoint, LedgerEvent
from marketplace.api.fields import MoneyField
from marketplace.api.trading import PartnerSerializer, TradeSerializer, partner, trades
from marketplace.api.views import PagedView, one, user_of
from marketplace.trading import selectors
from marketplace.trading.models import Prosumer
from marketplace.trading.selectors import Balance, ChannelView

SHOWN = 200


class ChannelSerializer(serializers.Serializer[Any]):
    """A channel, as one side sees it."""

    id = serializers.CharField()
    scid = serializers.CharField()
    phase = serializers.ChoiceField(choices=[(phase.value, phase.value) for phase in Phase])
    side = serializers.ChoiceField(choices=[("a", "a"), ("b", "b")])
    partner = PartnerSerializer()
    version = serializers.IntegerField()
    balance_mine = MoneyField()
    balance_theirs = MoneyField()
    energy_to_me = serializers.IntegerField(
        help_text="Delivered to me, as far as it is settled; else as agreed."
    )
    energy_to_them = serializers.IntegerField(help_text="Delivered to the partner, likewise.")
    agreed_to_me = serializers.IntegerField(help_text="What my partner had agreed to deliver.")
    agreed_to_them = serializers.IntegerField(help_text="What I had agreed to deliver.")
    funding = serializers.ChoiceField(choices=[("deposit", "deposit"), ("note", "note")])
    expiry = serializers.IntegerField()
    updated_at = serializers.IntegerField()


class OpeningSerializer(serializers.Serializer[Any]):
    """The signed opening."""

    index = serializers.IntegerField()
    funding_a = MoneyField()
    funding_b = MoneyField()
    source_a = serializers.CharField()
    note_a = serializers.CharField()
    source_b = serializers.CharField()
    note_b = serializers.CharField()
    open_by = serializers.IntegerField()
    expiry = serializers.IntegerField()


class StateSerializer(serializers.Serializer[Any]):
    """A co-signed state."""

    version = serializers.IntegerField()
    is_final = serializers.BooleanField()
    balance_a = MoneyField()
    balance_b = MoneyField()
    energy_to_a = serializers.IntegerField()
    energy_to_b = serializers.IntegerField()
    trades_root = serializers.CharField()
    signature_a = serializers.CharField()
    signature_b = serializers.CharField()
    at = serializers.IntegerField()


class LedgerEventSerializer(serializers.Serializer[Any]):
    """What the ledger said."""

    kind = serializers.CharField()
    transaction = serializers.CharField()
    block = serializers.IntegerField()
    at = serializers.IntegerField(allow_null=True, help_text="Time of the block, seconds since the epoch.")
    detail = serializers.DictField()


class BalanceSerializer(serializers.Serializer[Any]):
    """A balance and its proof: two signatures, or a transaction of the ledger."""

    source = serializers.ChoiceField(  # type: ignore[assignment]  # a declared field hides Field.source here only
        choices=[("signature", "signature"), ("ledger", "ledger")],
    )
    version = serializers.IntegerField()
    balance_a = MoneyField()
    balance_b = MoneyField()
    signature_a = serializers.CharField()
    signature_b = serializers.CharField()
    transaction = serializers.CharField()
    block = serializers.IntegerField(allow_null=True)


class ProvenanceSerializer(serializers.Serializer[Any]):
    """Where the figures come from."""

    balance = BalanceSerializer()


class ChannelDetailSerializer(ChannelSerializer):
    """A channel with everything that proves it; at most the 200 newest states and trades."""

    opening = OpeningSerializer()
    states = StateSerializer(many=True)
    trades = TradeSerializer(many=True)
    ledger_events = LedgerEventSerializer(many=True)
    provenance = ProvenanceSerializer()


OPENING_FIELDS: tuple[str, ...] = tuple(OpeningSerializer().get_fields())
BALANCE_FIELDS: tuple[str, ...] = tuple(BalanceSerializer().get_fields())


def channel(view: ChannelView, known: dict[str, Prosumer]) -> dict[str, Any]:
    """A channel's JSON."""
    held = view.balance
    return {
        "id": view.row.channel,
        "scid": view.row.scid,
        "phase": view.row.phase_now,
        "side": view.side.name.lower(),
        "partner": partner(view.row.peer, known),
        "version": held.version,
        "balance_mine": view.mine(held.balance_a, held.balance_b),
        "balance_theirs": view.theirs(held.balance_a, held.balance_b),
        "energy_to_me": view.energy_to_me.delivered,
        "energy_to_them": view.energy_to_them.delivered,
        "agreed_to_me": view.energy_to_me.agreed,
        "agreed_to_them": view.energy_to_them.agreed,
        "funding": view.funding,
        "expiry": view.state.opening.expiry,
        "updated_at": view.row.updated_at,
    }


def _state(row: CoSignedState) -> dict[str, Any]:
    names = ("version", "is_final", "balance_a", "balance_b", "energy_to_a", "energy_to_b", "at")
    proofs = ("trades_root", "signature_a", "signature_b")
    shown = {name: to_hex(bytes(getattr(row, name))) for name in proofs}
    return {**{name: getattr(row, name) for name in names}, **shown}


def _opening(opening: ChannelOpen) -> dict[str, Any]:
    values = {name: getattr(opening, name) for name in OPENING_FIELDS}
    return {name: to_hex(value) if isinstance(value, bytes) else value for name, value in values.items()}


def _event(row: LedgerEvent) -> dict[str, Any]:
    detail = row.arguments if isinstance(row.arguments, dict) else {}
    return {
        "kind": row.name,
        "transaction": row.transaction_hash,
        "block": row.block_number,
        "at": row.at,
        "detail": detail,
    }


def _balance(balance: Balance) -> dict[str, Any]:
    values = {name: getattr(balance, name) for name in BALANCE_FIELDS}
    return {name: to_hex(value) if isinstance(value, bytes) else value for name, value in values.items()}


class ChannelsView(PagedView):
    """My channels."""

    scope = "trade"
    serializer_class = ChannelSerializer
    queryset = Endpoint.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """With balances and partners: two queries, however many channels."""
        known = selectors.prosumers_by_owner(row.peer for row in rows)
        return [channel(view, known) for view in selectors.channel_views(rows)]

    def get(self, request: Request) -> Response:
        """List my channels, the last changed first."""
        return self.listed(selectors.own_channels(user_of(request)))


class ChannelDetailView(APIView):
    """One of my channels."""

    scope = "trade"

    @extend_schema(responses=ChannelDetailSerializer, operation_id="channels_retrieve")
    def get(self, request: Request, channel_id: str) -> Response:
        """Its states, signatures, trades and ledger events."""
        user = user_of(request)
        row = one(selectors.own_channels(user), channel=channel_id)
        view = selectors.channel_views([row])[0]
        events = selectors.ledger_events_of(channel=row.channel, scid=row.scid)
        content = {
            **channel(view, selectors.prosumers_by_owner([row.peer])),
            "opening": _opening(view.state.opening),
            "states": [_state(state) for state in selectors.states_of(row.channel)[:SHOWN]],
            "trades": trades(list(selectors.trades_of(row.channel)[:SHOWN]), owner=user.owner),
            "ledger_events": [_event(event) for event in events],
            "provenance": {"balance": _balance(view.balance)},
        }
        return Response(ChannelDetailSerializer(content).data)

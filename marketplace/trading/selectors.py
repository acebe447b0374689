"""Reads around trading: partners, listings, the engine's channels and trades, balances with their provenance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum

from channels_engine.core.state import CoSigned, Phase
from channels_engine.core.state import Endpoint as EndpointState
from channels_engine.core.types import ZERO_ADDRESS, Side
from channels_engine.store.models import CoSignedState, Endpoint, LedgerEvent, TradeRecord
from channels_engine.store.repository import stored_endpoint
from marketplace.accounts.models import User
from marketplace.trading.delivered import Energy, energy_to, trades_apart
from marketplace.trading.models import GateDecision, Listing, Prosumer

CLOSING_EVENTS = ("ChannelFinalised", "DisputeFinalised")


def prosumers() -> QuerySet[Prosumer]:
    """Everybody who trades."""
    return Prosumer.objects.filter(is_active=True)


def prosumers_by_owner(owners: Iterable[str]) -> dict[str, Prosumer]:
    """Prosumers by the engine's id, in one query; ids without a prosumer are left out."""
    return {prosumer.owner: prosumer for prosumer in Prosumer.objects.filter(owner__in=set(owners))}


def open_listings(*, now: int) -> QuerySet[Listing]:
    """Listings that can still be answered."""
    rows = Listing.objects.filter(
        state=Listing.State.OPEN, slot_start__gt=now - 900, prosumer__is_active=True
    )
    return rows.select_related("prosumer")


def own_listings(user: User) -> QuerySet[Listing]:
    """The user's own listings, in any state."""
    return Listing.objects.filter(prosumer__owner=user.owner).select_related("prosumer")


def own_trades(user: User) -> QuerySet[TradeRecord]:
    """Co-signed trades of the user, the newest first."""
    rows = TradeRecord.objects.filter(Q(seller=user.owner) | Q(buyer=user.owner))
    return rows.order_by("-at", "-pk")


def own_channels(user: User) -> QuerySet[Endpoint]:
    """The user's side of its channels, the newest change first."""
    rows = Endpoint.objects.filter(owner=user.owner).select_related("channel_row")
    return rows.order_by("-channel_row__updated_at", "-pk")


def gate_decisions(user: User) -> QuerySet[GateDecision]:
    """The gate's answers about the user's nominations."""
    return GateDecision.objects.filter(Q(seller=user.owner) | Q(buyer=user.owner))


@dataclass(frozen=True, slots=True)
class Balance:
    """What a channel holds, and why we say so.

    `source` is `signature` (the newest state with both signatures, or the opening as version 0), or `ledger`
    (the event that closed the channel); `transaction` and `block` are the ledger's.
    """

    source: str
    version: int
    balance_a: int
    balance_b: int
    energy_to_a: int = 0
    energy_to_b: int = 0
    signature_a: bytes = b""
    signature_b: bytes = b""
    transaction: str = ""
    block: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One side's channel: the engine's state, its balance with provenance, and the energy that came and went."""

    row: Endpoint
    state: EndpointState
    balance: Balance
    energy_to_me: Energy
    energy_to_them: Energy

    @property
    def side(self) -> Side:
        """The side of the user."""
        return self.state.me

    @property
    def funding(self) -> str:
        """How the user's side is funded: `deposit` or `note`."""
        opening = self.state.opening
        source = opening.source_a if self.side is Side.A else opening.source_b
        return "deposit" if source == ZERO_ADDRESS else "note"

    def mine(self, of_a: int, of_b: int) -> int:
        """Of two figures for A and B, the user's."""
        return of_a if self.side is Side.A else of_b

    def theirs(self, of_a: int, of_b: int) -> int:
        """Of two figures for A and B, the partner's."""
        return of_b if self.side is Side.A else of_a


def channel_views(rows: Sequence[Endpoint]) -> list[ChannelView]:
    """Channels with balances and energy: two queries, however many there are."""
    channels = [row.channel for row in rows]
    closed = LedgerEvent.objects.filter(channel__in=channels, name__in=CLOSING_EVENTS)
    events = {event.channel: event for event in closed}
    apart = trades_apart(rows)
    return [_view(row, events.get(row.channel), apart.get(row.channel, ())) for row in rows]


def _view(row: Endpoint, closing: LedgerEvent | None, apart: Sequence[TradeRecord]) -> ChannelView:
    state = stored_endpoint(row)
    held, is_paid = balance_of(state, closing), closing is not None
    both = (held.energy_to_a, held.energy_to_b)
    mine, theirs = both if state.me is Side.A else both[::-1]
    return ChannelView(
        row,
        state,
        held,
        energy_to(row.owner, mine, apart, is_paid=is_paid),
        energy_to(row.peer, theirs, apart, is_paid=is_paid),
    )


def balance_of(state: EndpointState, closing: LedgerEvent | None) -> Balance:
    """A channel's balance: the ledger's word where it closed it, else the newest co-signed state."""
    current = state.current.state if state.current else None
    energy = (current.energy_to_a, current.energy_to_b) if current else (0, 0)
    if closing is not None:
        return _from_event(closing, energy)
    if state.current is not None:
        return _from_signatures(state.current)
    opening = state.opening
    signatures = state.opening_signatures if state.phase is not Phase.REQUESTED else (b"", b"")
    return Balance("signature", 0, opening.funding_a, opening.funding_b, *energy, *signatures)


def _from_signatures(newest: CoSigned) -> Balance:
    state = newest.state
    money_and_energy = (state.balance_a, state.balance_b, state.energy_to_a, state.energy_to_b)
    return Balance("signature", state.version, *money_and_energy, newest.signature_a, newest.signature_b)


def _from_event(event: LedgerEvent, energy: tuple[int, int]) -> Balance:
    said = event.arguments
    version, balance_a, balance_b = (int(said.get(name, 0)) for name in ("version", "balance_a", "balance_b"))
    return Balance(
        "ledger",
        version,
        balance_a,
        balance_b,
        int(said.get("energy_to_a", energy[0])),
        int(said.get("energy_to_b", energy[1])),
        transaction=event.transaction_hash,
        block=event.block_number,
    )


def states_of(channel: str) -> QuerySet[CoSignedState]:
    """Every co-signed state of a channel, the newest first."""
    return CoSignedState.objects.filter(channel=channel).order_by("-version")


def trades_of(channel: str) -> QuerySet[TradeRecord]:
    """Every trade of a channel, the newest first."""
    return TradeRecord.objects.filter(channel=channel).order_by("-at", "-pk")


def ledger_events_of(*, channel: str, scid: str) -> QuerySet[LedgerEvent]:
    """What the ledger said about a channel and its contract, in its order."""
    rows = LedgerEvent.objects.filter(Q(channel=channel) | Q(scid=scid, channel=""))
    return rows.order_by("block_number", "log_index")


@dataclass(frozen=True, slots=True)
class Sums:
    """How one side's balance came about, micro-units: brought + earned - spent + refunds + moved = balance.

    Attributes:
        brought: What the side was opened with.
        earned: Amounts of what it sold.
        sold: Number of these trades.
        spent: Amounts of what it bought.
        bought: Number of these trades.
        refunds: What came back for energy that was not delivered, less what it gave back.
        moved: Put in while open, less taken out; with a penalty of a dispute, where the ledger closed the channel.
    """

    brought: int
    earned: int
    sold: int
    spent: int
    bought: int
    refunds: int
    moved: int
    balance: int


def sums_of(view: ChannelView, owner: str) -> Sums:
    """The way from the opening to the balance. What the ledger made of an offer moves money with its payout."""
    opening, balance = view.state.opening, view.mine(view.balance.balance_a, view.balance.balance_b)
    brought = view.mine(opening.funding_a, opening.funding_b)
    trades = trades_of(view.row.channel)
    if view.balance.source != "ledger":
        trades = trades.filter(is_enforced=False)
    settled = Q(settled_version__isnull=False)
    figures = {}
    for role in ("seller", "buyer"):
        figures[role] = trades.filter(**{role: owner}).aggregate(
            amount=Sum("amount", default=0),
            number=Count("pk"),
            refund=Sum("refund", filter=settled, default=0),
        )
    sold, bought = figures["seller"], figures["buyer"]
    refunds = bought["refund"] - sold["refund"]
    moved = balance - brought - sold["amount"] + bought["amount"] - refunds
    return Sums(
        brought,
        sold["amount"],
        sold["number"],
        bought["amount"],
        bought["number"],
        refunds,
        moved,
        balance,
    )

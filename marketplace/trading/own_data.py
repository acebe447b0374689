"""What this app keeps of a person, for the export and at the erasure."""

from typing import Any

from django.db.models import Q

from channels_engine.store.models import Contract, Endpoint, TradeRecord
from marketplace.accounts import export
from marketplace.accounts.models import User
from marketplace.trading.models import AgentDecision, AgentRules, Listing, Prosumer
from marketplace.trading.own_agent.services import forget_agent

CHANNEL = ("channel", "side", "peer", "scid", "phase")
TRADE = (
    "channel", "trade", "seller", "buyer", "quantity_wh", "price_per_kwh", "imbalance_per_kwh", "slot_start",
    "slot_end", "amount", "version", "at", "delivered_wh", "refund", "settled_version",
    "is_enforced", "is_refunded",
)  # fmt: skip
LISTING = ("side", "slot_start", "quantity_wh", "price_per_kwh", "state")
CONTRACT = ("conversation", "scid", "owner_a", "owner_b", "phase", "updated_at")
RULES = ("version", "rules", "created_at", "dry_run", "dry_run_at", "mandate", "mandate_until")
STEP = (
    "version", "kind", "reason", "detail", "partner", "channel", "offer", "trade", "sells", "slot_start",
    "quantity_wh", "price_per_kwh", "amount", "at",
)  # fmt: skip
GONE = "Erased"


def trades(user: User) -> list[dict[str, Any]]:
    """Trades; partners by their opaque ids."""
    rows = TradeRecord.objects.filter(Q(seller=user.owner) | Q(buyer=user.owner))
    return list(rows.order_by("at").values(*TRADE))


def channels(user: User) -> dict[str, Any]:
    """Entity contracts and channels."""
    contracts = Contract.objects.filter(Q(owner_a=user.owner) | Q(owner_b=user.owner))
    return {
        "contracts": list(contracts.values(*CONTRACT)),
        "channels": list(Endpoint.objects.filter(owner=user.owner).values(*CHANNEL)),
    }


def listings(user: User) -> list[dict[str, Any]]:
    """Listings."""
    return list(Listing.objects.filter(prosumer__owner=user.owner).order_by("slot_start").values(*LISTING))


def agent(user: User) -> dict[str, Any]:
    """The own agent's rules in every version, and what it did."""
    return {
        "rules": list(AgentRules.objects.filter(user=user).values(*RULES)),
        "steps": list(AgentDecision.objects.filter(user=user).values(*STEP)),
    }


def register() -> None:
    """Name the topics."""
    for collect in (trades, channels, listings, agent):
        export.register(collect.__name__, collect)


def forget_person(*, user: User, **_signal: object) -> None:
    """Take an erased person's pseudonym and listings from the market."""
    Prosumer.objects.filter(owner=user.owner).update(display_name=GONE, is_active=False, agent_rules={})
    Listing.objects.filter(prosumer__owner=user.owner).delete()
    forget_agent(user)

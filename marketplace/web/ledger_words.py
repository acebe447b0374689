"""Ledger events in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from channels_engine.store.models import LedgerEvent
from marketplace.web.templatetags.wattnote import money_exact

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SpokenEvent:
    """An event with its title, what it did, and the status word of its chip."""

    event: LedgerEvent
    title: str
    sentence: str
    kind: str


def _opened(said: Arguments) -> str:
    sides = [
        f"{money_exact(said.get(f'funding_{side}'))} {_source(said.get(f'source_{side}', ''))}"
        for side in ("a", "b")
    ]
    return " and ".join(sides)


def _source(address: object) -> str:
    return "by deposit" if not str(address).removeprefix("0x").strip("0") else "by credit note"


def _balances(said: Arguments) -> str:
    version, first, second = said.get("version", "?"), said.get("balance_a"), said.get("balance_b")
    return f"Version {version}: {money_exact(first)} and {money_exact(second)}"


def _funded(said: Arguments) -> str:
    first, second = money_exact(said.get("funding_a")), money_exact(said.get("funding_b"))
    return f"Version {said.get('version', '?')}: now {first} and {second}"


def _refund(said: Arguments) -> str:
    return f"{money_exact(said.get('refund'))} back to the buyer for {said.get('delivered_wh', '?')} Wh delivered"


WORDS: Mapping[str, tuple[str, str, Callable[[Arguments], str]]] = MappingProxyType(
    {
        "PairCreated": ("Terms agreed", "agreed", lambda _: "Two session keys made an entity contract"),
        "ChannelOpened": ("Channel opened", "open", _opened),
        "ChannelFinalised": ("Channel closed, paid out", "approved", _balances),
        "ChannelDisputed": ("Dispute raised", "disputed", _balances),
        "DisputeResolved": ("Dispute answered with a newer state", "staged", _balances),
        "FundingChanged": ("Funded anew while open", "open", _funded),
        "OfferEnforced": ("Accepted offer enforced", "disputed", _balances),
        "DeliveryEnforced": ("Short delivery refunded", "approved", _refund),
        "ChannelCheckpointed": ("State recorded", "open", _balances),
        "DisputeFinalised": ("Paid out after a dispute", "approved", _balances),
    }
)


def spoken(event: LedgerEvent) -> SpokenEvent:
    """An event as a person reads it; one that has no words yet shows under its own name."""
    title, kind, sentence = WORDS.get(event.name, (event.name, "plain", lambda _: ""))
    return SpokenEvent(event, title, sentence(event.arguments), kind)

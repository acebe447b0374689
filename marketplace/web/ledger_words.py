"""Ledger events in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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
    sides = [_funded_by(said, side) for side in ("a", "b")]
    return _("%(first)s and %(second)s") % {"first": sides[0], "second": sides[1]}


def _funded_by(said: Arguments, side: str) -> str:
    amount = money_exact(said.get(f"funding_{side}"))
    by_deposit = not str(said.get(f"source_{side}", "")).removeprefix("0x").strip("0")
    words = _("%(amount)s by deposit") if by_deposit else _("%(amount)s by credit note")
    return words % {"amount": amount}


def _balances(said: Arguments) -> str:
    return _("Version %(version)s: %(first)s and %(second)s") % {
        "version": said.get("version", "?"),
        "first": money_exact(said.get("balance_a")),
        "second": money_exact(said.get("balance_b")),
    }


def _funded(said: Arguments) -> str:
    return _("Version %(version)s: now %(first)s and %(second)s") % {
        "version": said.get("version", "?"),
        "first": money_exact(said.get("funding_a")),
        "second": money_exact(said.get("funding_b")),
    }


def _refund(said: Arguments) -> str:
    return _("%(amount)s back to the buyer for %(delivered)s Wh delivered") % {
        "amount": money_exact(said.get("refund")),
        "delivered": said.get("delivered_wh", "?"),
    }


def _agreed(_said: Arguments) -> str:
    return _("Two session keys made an entity contract")


WORDS: Mapping[str, tuple[str | Promise, str, Callable[[Arguments], str]]] = MappingProxyType(
    {
        "PairCreated": (gettext_lazy("Terms agreed"), "agreed", _agreed),
        "ChannelOpened": (gettext_lazy("Channel opened"), "open", _opened),
        "ChannelFinalised": (gettext_lazy("Channel closed, paid out"), "approved", _balances),
        "ChannelDisputed": (gettext_lazy("Dispute raised"), "disputed", _balances),
        "DisputeResolved": (gettext_lazy("Dispute answered with a newer state"), "staged", _balances),
        "FundingChanged": (gettext_lazy("Funded anew while open"), "open", _funded),
        "OfferEnforced": (gettext_lazy("Accepted offer enforced"), "disputed", _balances),
        "DeliveryEnforced": (gettext_lazy("Short delivery refunded"), "approved", _refund),
        "ChannelCheckpointed": (gettext_lazy("State recorded"), "open", _balances),
        "DisputeFinalised": (gettext_lazy("Paid out after a dispute"), "approved", _balances),
    }
)


def spoken(event: LedgerEvent) -> SpokenEvent:
    """An event as a person reads it; one that has no words yet shows under its own name."""
    title, kind, sentence = WORDS.get(event.name, (event.name, "plain", lambda _said: ""))
    return SpokenEvent(event, str(title), sentence(event.arguments), kind)

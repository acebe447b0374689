"""What a trade is to the operator: so many Wh from one connection to another in one slot, and what then flows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grid.assets import Exchange, Home, Needs, exchange
from grid.flow.powerflow import FloatArray


class NominationError(ValueError):
    """A nomination that makes no sense (not one that the grid refuses); the message says what to change."""


@dataclass(frozen=True, slots=True)
class Nomination:
    """A trade as the operator sees it: Wh from one connection to another in one slot."""

    id: str
    seller: int
    buyer: int
    slot_start: int
    quantity_wh: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a flexible asset does in a slot without an accepted nomination: Wh fed in, or drawn, beyond its own needs."""

    connection: int
    export_wh: int = 0
    import_wh: int = 0


def attempts_of(unaccepted: Iterable[Nomination | Attempt]) -> tuple[Attempt, ...]:
    """What a trade that ignores its refusal makes its two sides do."""
    found: list[Attempt] = []
    for one in unaccepted:
        if isinstance(one, Attempt):
            found.append(one)
        else:
            found += [Attempt(one.seller, one.quantity_wh), Attempt(one.buyer, 0, one.quantity_wh)]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SlotCase:
    """What a slot is expected to be before any trade: per home its needs, and reactive loads (connections,) in kvar."""

    slot_start: int
    homes: Sequence[Home]
    needs: Sequence[Needs]
    q_kvar: FloatArray


def nominated(home: Home, needs: Needs, sold_wh: int, bought_wh: int) -> Exchange:
    """A home's slot with its nominations: export up to the firm limit, or up to what it sold where that is more."""
    return exchange(
        home, needs, sold_wh=sold_wh, bought_wh=bought_wh, cap_wh=max(home.firm_export_wh, sold_wh)
    )

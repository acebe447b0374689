"""What a played slot says of one connection (`grid.results.record.slot_data`): the raw material of a bill. Pure.

Energy in Wh, money in micro-units, prices in micro-units per kWh, times in epoch seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grid.metering import amount


class StatementError(RuntimeError):
    """Figures of a bill don't add up: no bill is made of them."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """The supplier's prices."""

    retail_per_kwh: int
    feed_in_per_kwh: int


@dataclass(frozen=True, slots=True)
class TradeFact:
    """A trade as the participant sees it; `version` and `settled_version` are the co-signed states that made and settled it.

    Where no state of both did but the ledger, `enforced_in` and `refunded_in` are its transactions.
    """

    id: str
    channel: str
    slot_start: int
    sells: bool
    partner: str
    quantity_wh: int
    price_per_kwh: int
    amount: int
    delivered_wh: int
    refund: int
    fee: int
    version: int | None = None
    settled_version: int | None = None
    enforced_in: str = ""
    refunded_in: str = ""

    @property
    def net(self) -> int:
        """What the participant pays for it in the channel; below zero it earns."""
        paid = self.amount - self.refund
        return -paid if self.sells else paid


@dataclass(frozen=True, slots=True)
class SlotFact:
    """A settled quarter-hour of one connection.

    Attributes:
        import_wh, export_wh: what the meter counted.
        residual_import_wh: drawn beyond what trades delivered; `surplus_wh`: fed in or bought beyond what was used.
        charge, credit: what the slot's settlement booked between participant and supplier.
        losses, remedies: the participant's part of them within charge and credit, signed.
        estimated: some reading of the slot was, so that it may be corrected.
    """

    start: int
    index: int
    import_wh: int
    export_wh: int
    residual_import_wh: int
    surplus_wh: int
    charge: int
    credit: int
    losses: int
    remedies: int
    estimated: bool
    trades: tuple[TradeFact, ...]

    @property
    def fees(self) -> int:
        """Grid fees of its trades."""
        return sum(trade.fee for trade in self.trades)

    @property
    def bought_wh(self) -> int:
        """What trades delivered to the participant."""
        return sum(trade.delivered_wh for trade in self.trades if not trade.sells)

    @property
    def sold_wh(self) -> int:
        """What trades delivered from it."""
        return sum(trade.delivered_wh for trade in self.trades if trade.sells)

    @property
    def settled_net_wh(self) -> int:
        """What the settlement takes the meter to have drawn, less what it fed in."""
        return self.residual_import_wh - self.surplus_wh + self.bought_wh - self.sold_wh


@dataclass(frozen=True, slots=True)
class TradeChange:
    """What a later reading changes about a trade; `with_supplier`: the channel has settled it for good."""

    id: str
    sells: bool
    delivered_wh: int
    refund: int
    with_supplier: bool

    @property
    def owed(self) -> int:
        """What the participant owes the supplier by it."""
        change = self.refund if self.sells else -self.refund
        return change if self.with_supplier else 0

    @property
    def in_channel(self) -> int:
        """What the participant pays less (or more) in the channel by it."""
        change = self.refund if self.sells else -self.refund
        return 0 if self.with_supplier else change


@dataclass(frozen=True, slots=True)
class CorrectionFact:
    """A slot that was settled again: differences only. `made_in` is the slot in which that happened."""

    made_in: int
    slot_start: int
    import_wh: int
    export_wh: int
    charge: int
    credit: int
    trades: tuple[TradeChange, ...]

    @property
    def owed(self) -> int:
        """What the participant owes the supplier more."""
        return self.charge - self.credit + sum(trade.owed for trade in self.trades)

    @property
    def is_billed(self) -> bool:
        """Whether it changes anything between participant and supplier; else a channel's own settlement has all of it."""
        parts = (self.import_wh, self.export_wh, self.charge, self.credit)
        return any(parts) or any(trade.owed for trade in self.trades)


def slot_fact(data: Mapping[str, Any], *, index: int, place: int, name: str, tariff: Tariff) -> SlotFact:
    """A slot of the connection number `place`, which trades call `name`; `index` is the slot's in its run.

    Raises:
        StatementError: What was booked is not what the tariff makes of the energy.
    """
    trades = tuple(_trade(row, data["slot_start"], name) for row in data["trades"] if _is_of(row, name))
    residual, surplus, charge, credit = data["bills"][place]
    losses = data["losses_charges"][place] if data["losses_charges"] else 0
    owed = sum(trade.fee for trade in trades) + losses
    energy = amount(residual, tariff.retail_per_kwh) - amount(surplus, tariff.feed_in_per_kwh)
    remedies = charge - credit - energy - owed
    if remedies and not data["remedies"]:
        raise StatementError(f"slot {index}: {remedies} micro-units of the supplier's booking have no reason")
    return SlotFact(
        start=data["slot_start"],
        index=index,
        import_wh=data["meters"][place][0],
        export_wh=data["meters"][place][1],
        residual_import_wh=residual,
        surplus_wh=surplus,
        charge=charge,
        credit=credit,
        losses=losses,
        remedies=remedies,
        estimated=data["readings"]["estimated"] > 0,
        trades=trades,
    )


def corrections(data: Mapping[str, Any], *, name: str) -> list[CorrectionFact]:
    """What a slot's readings corrected about earlier slots of the connection."""
    found = (_correction(row, data["slot_start"], name) for row in data["corrections"])
    return [one for one in found if one is not None]


def _is_of(row: Mapping[str, Any], name: str) -> bool:
    return name in (row["seller"], row["buyer"])


def _trade(row: Mapping[str, Any], slot_start: int, name: str) -> TradeFact:
    sells = row["seller"] == name
    fact = TradeFact(
        id=row["id"],
        channel=row["channel"] or "",
        slot_start=slot_start,
        sells=sells,
        partner=row["buyer"] if sells else row["seller"],
        fee=row["fee_seller"] if sells else row["fee_buyer"],
        **{key: row[key] for key in ("quantity_wh", "price_per_kwh", "amount", "delivered_wh", "refund")},
    )
    if fact.amount != amount(fact.quantity_wh, fact.price_per_kwh):
        raise StatementError(f"trade {fact.id}: {fact.amount} is not what its quantity costs at its price")
    return fact


def _correction(row: Mapping[str, Any], made_in: int, name: str) -> CorrectionFact | None:
    trades = tuple(
        TradeChange(
            one["id"], one["seller"] == name, one["delivered_wh"], one["refund"], one["with_supplier"]
        )
        for one in row["trades"]
        if _is_of(one, name)
    )
    bills = [bill for bill in row["bills"] if bill[0] == name]
    if not trades and not bills:
        return None
    imported, exported, charge, credit = (sum(bill[at] for bill in bills) for at in (1, 2, 3, 4))
    return CorrectionFact(made_in, row["slot_start"], imported, exported, charge, credit, trades)

"""A played slot as it is stored and shown (docs/replay.md): energy in Wh, prices in micro-units per kWh."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from grid.charges import GridCharges
from grid.gate.remedies import Remedy, booked
from grid.gate.verdicts import Verdict
from grid.market.welfare import Welfare
from grid.metering import Correction, Quality, SlotSettlement, TradeSettlement, amount
from grid.metering.operator import MeterNotes
from grid.simulation import SlotOutcome

HOME_FIELDS = ("load_wh", "pv_wh", "curtailed_wh", "charged_wh", "discharged_wh", "soc_wh")
RARE_HOME_FIELDS = ("wind_wh", "ev_wh", "heat_pump_wh")


@dataclass(frozen=True, slots=True)
class PlayedSlot:
    """All that a slot brought; who made it (a replay over channels, a study in memory) does not matter.

    Attributes:
        outcome: what flowed.
        settlement: its trades and bills.
        refusals: the gate's, before the slot.
        names: what the connections are called, by index.
        channels: the channel of a trade, by the trade's id; empty where trades need none.
        notes: what metering has to tell besides.
        charges: the grid operator's; they are in the settlement's bills already.
        welfare: the trades' gains and the most possible.
    """

    outcome: SlotOutcome
    settlement: SlotSettlement
    refusals: Sequence[Verdict]
    names: Sequence[str]
    channels: Mapping[str, str]
    notes: MeterNotes = field(default_factory=MeterNotes)
    charges: GridCharges = field(default=GridCharges())
    welfare: Welfare = field(default=Welfare(0, 0))


def slot_data(played: PlayedSlot) -> dict[str, Any]:
    """The slot as JSON."""
    return {
        "slot_start": played.outcome.slot_start,
        **_flows(played.outcome),
        **_trading(played.settlement),
        **_charged(played.charges),
        "welfare": played.welfare.gained,
        "welfare_possible": played.welfare.possible,
        "trades": _trades(played),
        "refused": [verdict.as_dict() for verdict in played.refusals],
        "bills": [
            [bill.residual_import_wh, bill.residual_export_wh + bill.unused_wh, bill.charge, bill.credit]
            for bill in booked(played.settlement, played.outcome.remedies).bills
        ],
        "remedies": [_remedy(remedy, played.names) for remedy in played.outcome.remedies],
        "firm_permille": played.outcome.firm_permille,
        **_metering(played),
        "meters": [[reading.import_wh, reading.export_wh] for reading in played.outcome.readings],
        "homes": _homes(played.outcome),
    }


def _remedy(remedy: Remedy, names: Sequence[str]) -> dict[str, Any]:
    return {
        "connection": remedy.name,
        "kind": remedy.kind,
        "wh": remedy.wh,
        "compensation": remedy.compensation,
        "payers": [names[payer] for payer in remedy.payers or ()],
    }


def _homes(outcome: SlotOutcome) -> dict[str, list[int]]:
    """What happened behind the meters, a list of Wh per connection each; of the rarer ones what is not all zero."""
    kept = {
        field: [getattr(exchange, field) for exchange in outcome.exchanges]
        for field in HOME_FIELDS + RARE_HOME_FIELDS
    }
    return {field: row for field, row in kept.items() if field in HOME_FIELDS or any(row)}


def _flows(outcome: SlotOutcome) -> dict[str, Any]:
    return {
        "vm_pu": [round(value, 6) for value in outcome.vm_pu],
        **_by_phase(outcome),
        "line_loading_percent": [round(value, 3) for value in outcome.line_percent],
        "trafo_loading_percent": [round(value, 3) for value in outcome.transformer_percent],
        "import_wh": outcome.feeder_import_wh,
        "export_wh": outcome.feeder_export_wh,
        "production_wh": outcome.total("pv_wh"),
        "wind_wh": outcome.total("wind_wh"),
        "consumption_wh": outcome.total("load_wh"),
        "ev_wh": outcome.total("ev_wh"),
        "heat_pump_wh": outcome.total("heat_pump_wh"),
        "unmet_ev_wh": outcome.unmet_ev_wh,
        "unmet_heat_wh": outcome.unmet_heat_wh,
        "charged_wh": outcome.total("charged_wh"),
        "discharged_wh": outcome.total("discharged_wh"),
        "losses_wh": outcome.losses_wh,
        "curtailed_wh": outcome.curtailed_wh,
        "unserved_wh": sum(outcome.unserved_wh),
        "hidden_wh": outcome.hidden_wh,
        "dead_buses": list(outcome.dead_buses),
        "events": list(outcome.events),
        "breaches": [asdict(breach) for breach in outcome.breaches],
    }


def _by_phase(outcome: SlotOutcome) -> dict[str, Any]:
    """Where the scenario is solved by phase: the highest phase beside `vm_pu`'s lowest, and the unbalance."""
    if not outcome.vm_high_pu:
        return {}
    return {
        "vm_high_pu": [round(value, 6) for value in outcome.vm_high_pu],
        "unbalance_percent": [round(value, 4) for value in outcome.unbalance_percent],
    }


def _trading(settlement: SlotSettlement) -> dict[str, Any]:
    """Sums over the slot's trades; the mean price is weighted by energy and rounded down, None without trades."""
    trades = [item.trade for item in settlement.trades]
    traded = sum(trade.quantity_wh for trade in trades)
    paid = sum(trade.price_per_kwh * trade.quantity_wh for trade in trades)
    return {
        "traded_wh": traded,
        "delivered_wh": settlement.delivered_wh,
        "refund": sum(item.refund for item in settlement.trades),
        "price_mean": paid // traded if traded else None,
    }


def _charged(charges: GridCharges) -> dict[str, Any]:
    """What the grid operator takes; losses per connection only where they are charged."""
    return {
        "fees": sum(fee.seller + fee.buyer for fee in charges.fees),
        "losses_allocated_wh": list(charges.losses_wh),
        "losses_charges": list(charges.losses_charge),
    }


def _trades(played: PlayedSlot) -> list[dict[str, Any]]:
    """The trades, each with its two fees where there are any."""
    fees = {fee.trade: fee for fee in played.charges.fees}
    rows = [_trade(item, played) for item in played.settlement.trades]
    for row in rows:
        fee = fees.get(row["id"])
        row["fee_seller"], row["fee_buyer"] = (fee.seller, fee.buyer) if fee else (0, 0)
    return rows


def _trade(item: TradeSettlement, played: PlayedSlot) -> dict[str, Any]:
    trade = item.trade
    return {
        "id": trade.id,
        "channel": played.channels.get(trade.id),
        "seller": played.names[trade.seller],
        "buyer": played.names[trade.buyer],
        "quantity_wh": trade.quantity_wh,
        "price_per_kwh": trade.price_per_kwh,
        "amount": amount(trade.quantity_wh, trade.price_per_kwh),
        "delivered_wh": item.delivered_wh,
        "refund": item.refund,
        "estimated": item.estimated,
    }


def _metering(played: PlayedSlot) -> dict[str, Any]:
    """Readings by quality, what was wrong with them, and the corrections of earlier slots that were made in this one."""
    notes, readings = played.notes, played.settlement.readings
    estimated = sum(reading.quality is Quality.ESTIMATED for reading in readings)
    return {
        "readings": {
            "measured": len(readings) - estimated,
            "estimated": estimated,
            "corrected": sum(correction.replaced for correction in notes.corrections),
        },
        "meter_faults": [fault.as_dict() for fault in notes.faults],
        "corrections": [_correction(correction, played.names) for correction in notes.corrections],
        "unaccounted_wh": notes.unaccounted_wh,
    }


def _correction(correction: Correction, names: Sequence[str]) -> dict[str, Any]:
    """Differences only; `bills` per connection: name, import, export, what it owes the supplier, what it is owed."""
    return {
        "slot_start": correction.slot_start,
        "readings": correction.replaced,
        "net_import_wh": correction.net_import_wh,
        "delivered_wh": correction.delivered_wh,
        "refund": correction.refund,
        "supplier": correction.supplier,
        "trades": [
            {
                "id": trade.trade,
                "seller": names[trade.seller],
                "buyer": names[trade.buyer],
                "delivered_wh": trade.delivered_wh,
                "refund": trade.refund,
                "with_supplier": trade.with_supplier,
            }
            for trade in correction.trades
        ],
        "bills": [
            [names[bill.connection], bill.import_wh, bill.export_wh, bill.charge, bill.credit]
            for bill in correction.bills
        ],
    }

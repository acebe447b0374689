"""A played slot as it is stored and shown (docs/replay.md): energy in Wh, prices in micro-units per kWh."""

from collections.abc import Mapping
from typing import Any

from channels_engine.store.models import TradeRecord
from grid.metering import TradeSettlement
from grid.simulation import SlotOutcome
from marketplace.trading.replay.play import PlayedSlot


def slot_data(played: PlayedSlot, names: Mapping[str, str]) -> dict[str, Any]:
    """The slot as JSON; `names` are what owners are called in it."""
    settled = {item.trade.id: item for item in played.settlement.trades}
    return {
        "slot_start": played.outcome.slot_start,
        **_flows(played.outcome),
        **_trading(played),
        "trades": [_trade(trade, settled[trade.trade], names) for trade in played.agreed],
        "refused": [verdict.as_dict() for verdict in played.refusals],
        "bills": [
            [bill.residual_import_wh, bill.residual_export_wh + bill.unused_wh, bill.charge, bill.credit]
            for bill in played.settlement.bills
        ],
        "meters": [[reading.import_wh, reading.export_wh] for reading in played.outcome.readings],
    }


def _flows(outcome: SlotOutcome) -> dict[str, Any]:
    return {
        "vm_pu": [round(value, 6) for value in outcome.vm_pu],
        "line_loading_percent": [round(value, 3) for value in outcome.line_percent],
        "trafo_loading_percent": [round(value, 3) for value in outcome.transformer_percent],
        "import_wh": outcome.feeder_import_wh,
        "export_wh": outcome.feeder_export_wh,
        "production_wh": outcome.total("pv_wh"),
        "consumption_wh": outcome.total("load_wh"),
        "charged_wh": outcome.total("charged_wh"),
        "discharged_wh": outcome.total("discharged_wh"),
        "losses_wh": outcome.losses_wh,
        "curtailed_wh": outcome.curtailed_wh,
        "breaches": [breach.words for breach in outcome.breaches],
    }


def _trading(played: PlayedSlot) -> dict[str, Any]:
    """Sums over the slot's trades; the mean price is weighted by energy and rounded down, None without trades."""
    traded = sum(trade.quantity_wh for trade in played.agreed)
    paid = sum(trade.price_per_kwh * trade.quantity_wh for trade in played.agreed)
    return {
        "traded_wh": traded,
        "delivered_wh": played.settlement.delivered_wh,
        "refund": sum(item.refund for item in played.settlement.trades),
        "price_mean": paid // traded if traded else None,
    }


def _trade(trade: TradeRecord, settled: TradeSettlement, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": trade.trade,
        "channel": trade.channel,
        "seller": names[trade.seller],
        "buyer": names[trade.buyer],
        "quantity_wh": trade.quantity_wh,
        "price_per_kwh": trade.price_per_kwh,
        "amount": trade.amount,
        "delivered_wh": settled.delivered_wh,
        "refund": settled.refund,
    }

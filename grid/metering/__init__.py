"""From power to register readings, from readings to what every trade and the supplier owe. docs/metering.md.

`registers` is the only place where floats become integers: everything after it is exact.
"""

from grid.metering.amounts import WH_PER_KWH, amount
from grid.metering.balance import BalanceError, unaccounted_wh
from grid.metering.corrections import BillCorrection, Correction, TradeCorrection, correct
from grid.metering.readings import Device, Fault, FaultCode, Mark, Quality, Reading, Report
from grid.metering.registers import register_wh, to_wh
from grid.metering.settlement import (
    SettlementError,
    SlotSettlement,
    SupplierBill,
    TradeSettlement,
    TradeTerms,
    settle,
)

__all__ = [
    "WH_PER_KWH",
    "BalanceError",
    "BillCorrection",
    "Correction",
    "Device",
    "Fault",
    "FaultCode",
    "Mark",
    "Quality",
    "Reading",
    "Report",
    "SettlementError",
    "SlotSettlement",
    "SupplierBill",
    "TradeCorrection",
    "TradeSettlement",
    "TradeTerms",
    "amount",
    "correct",
    "register_wh",
    "settle",
    "to_wh",
    "unaccounted_wh",
]

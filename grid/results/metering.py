"""What metering brought over a run: readings by quality, faults by code, corrections (docs/metering.md)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_OF_SLOT = ("of_slot", "int", "s", "the slot that is corrected, epoch seconds UTC")
_TRADES = (
    _OF_SLOT,
    ("id", "str", "", "of the trade"),
    ("seller", "str", "", "connection"),
    ("buyer", "str", "", "connection"),
    ("delivered_wh", "int", "Wh", "more than was settled; less where negative"),
    ("refund", "int", "micro-units", "more to the buyer; back to the seller where negative"),
    (
        "with_supplier",
        "int",
        "",
        "1 where the supplier passes it on, since the trade is settled for good, else 0",
    ),
)
_BILLS = (
    _OF_SLOT,
    ("connection", "str", "", "its name"),
    ("import_wh", "int", "Wh", "more metered from the feeder"),
    ("export_wh", "int", "Wh", "more metered into the feeder"),
    ("charge", "int", "micro-units", "more owed to the supplier"),
    ("credit", "int", "micro-units", "more owed by the supplier"),
)
_FAULTS = (
    ("meter", "str", "", "its connection"),
    ("of_slot", "int", "s", "the reading's slot, epoch seconds UTC"),
    ("code", "str", "", "what it is"),
    ("words", "str", "", "what happened"),
    ("remedy", "str", "", "what to do about it"),
)
Row = tuple[Any, ...]


def _corrected_trades(slot: Mapping[str, Any]) -> Iterator[Row]:
    for correction in slot["corrections"]:
        for trade in correction["trades"]:
            told = (trade[name] for name, *_ in _TRADES[1:-1])
            yield (correction["slot_start"], *told, int(trade["with_supplier"]))


def _corrected_bills(slot: Mapping[str, Any]) -> Iterator[Row]:
    for correction in slot["corrections"]:
        for bill in correction["bills"]:
            yield (correction["slot_start"], *bill)


def _faults(slot: Mapping[str, Any]) -> Iterator[Row]:
    for fault in slot["meter_faults"]:
        yield tuple(fault[key] for key in ("meter", "slot_start", "code", "words", "remedy"))


METER_TABLES: tuple[
    tuple[str, str, tuple[tuple[str, str, str, str], ...], Callable[[Mapping[str, Any]], Iterator[Row]]], ...
] = (
    (
        "corrections",
        "one row a trade that a later reading changed, in the quarter-hour of the correction",
        _TRADES,
        _corrected_trades,
    ),
    (
        "corrected_bills",
        "one row a bill with the supplier that a later reading changed",
        _BILLS,
        _corrected_bills,
    ),
    ("meter_faults", "one row an event of a meter", _FAULTS, _faults),
)
"""Name, meaning, columns (name, kind, unit, meaning) and rows of a slot, for `grid.results.tables`."""


class MeteringTally:
    """Sums over slots as `grid.results.record.slot_data` gives them; energy in Wh, money in micro-units."""

    def __init__(self) -> None:
        self._readings = dict.fromkeys(("measured", "estimated", "corrected"), 0)
        self._faults: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()

    def add(self, slot: Mapping[str, Any]) -> None:
        """One slot more."""
        for quality in self._readings:
            self._readings[quality] += slot["readings"][quality]
        self._faults.update(fault["code"] for fault in slot["meter_faults"])
        self._sums["estimated_trades"] += sum(trade["estimated"] for trade in slot["trades"])
        self._sums["unaccounted_wh"] += slot["unaccounted_wh"]
        for correction in slot["corrections"]:
            self._sums["corrections"] += 1
            self._sums["corrected_wh"] += sum(abs(wh) for bill in correction["bills"] for wh in bill[1:3])
            self._sums["corrected_refund"] += correction["refund"]
            self._sums["corrected_supplier"] += correction["supplier"]
            self._sums["unaccounted_wh"] -= correction["net_import_wh"]

    def summary(self) -> dict[str, Any]:
        """All figures; `unaccounted_wh` is what the feeder's source says and no reading does, after all corrections."""
        keys = (
            "estimated_trades",
            "corrections",
            "corrected_wh",
            "corrected_refund",
            "corrected_supplier",
            "unaccounted_wh",
        )
        return {
            "readings": dict(self._readings),
            "faults": dict(sorted(self._faults.items())),
            **{key: self._sums[key] for key in keys},
        }

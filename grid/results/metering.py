"""What metering brought over a run: readings by quality, faults by code, corrections (docs/metering.md)."""

from collections import Counter
from collections.abc import Mapping
from typing import Any


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

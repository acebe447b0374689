"""How honest and malicious connections fared, where a scenario has both. Energy in Wh, money in micro-units."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

HONEST = "honest"
_BILL = ("sold_wh", "bought_wh", "bill_before", "bill_after", "saved")
_TRADE = ("shortfall_wh", "refunds_paid", "refunds_received")


class Groups:
    """Sums per group, `honest` and each behaviour; slots are added one by one and not kept.

    Args:
        names: of the connections, as trades name them.
        malicious: connection -> behaviour.
    """

    def __init__(self, names: Sequence[str], malicious: Mapping[int, str]) -> None:
        self._group_of = {name: malicious.get(i, HONEST) for i, name in enumerate(names)}
        self._table = {
            group: dict.fromkeys(("households", *_BILL, *_TRADE), 0)
            for group in sorted(set(self._group_of.values()))
        }

    def counting(self, slots: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
        """The same slots (`slot_data`), each added on its way."""
        for slot in slots:
            for trade in slot["trades"]:
                seller, buyer = self._row(trade["seller"]), self._row(trade["buyer"])
                seller["shortfall_wh"] += trade["quantity_wh"] - trade["delivered_wh"]
                seller["refunds_paid"] += trade["refund"]
                buyer["refunds_received"] += trade["refund"]
            yield slot

    def with_bills(self, bills: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
        """All sums, with those of the households' bills (`summarise`); empty where nobody is malicious."""
        for bill in bills:
            row = self._row(bill["name"])
            row["households"] += 1
            for key in _BILL:
                row[key] += bill[key]
        return self._table if set(self._table) != {HONEST} else {}

    def _row(self, name: str) -> dict[str, int]:
        return self._table[self._group_of[name]]

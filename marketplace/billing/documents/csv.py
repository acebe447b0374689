"""The bill as a table for a spreadsheet: positions, trades, and each quarter-hour with its reading."""

import csv
import io
from typing import Any

from marketplace.billing.gathering import SLOT_COLUMNS

COLUMNS = ("part", "what", "from", "wh", "micro_euros", "proof")


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe (CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def bill_csv(content: dict[str, Any]) -> str:
    """Rows of `part` position, offset, trade, booking; after them the quarter-hours with their own heads."""
    target = io.StringIO()
    table = csv.writer(target)
    table.writerow(COLUMNS)
    for row in _rows(content):
        table.writerow([_safe(value) for value in row])
    table.writerow([])
    table.writerow(SLOT_COLUMNS)
    table.writerows(content["slots"])
    return target.getvalue()


def _proof(trade: dict[str, Any]) -> str:
    """Where it is written: the states of its channel, or the ledger's transactions."""
    made, settled = trade.get("enforced_in"), trade.get("refunded_in")
    version = f"made in {made}" if made else f"version {trade['version']}"
    return f"{trade['channel']} {version} settled {settled or trade['settled_version']}"


def _rows(content: dict[str, Any]) -> list[tuple[Any, ...]]:
    start = content["start"]
    run = f"run {content['run']}"
    lines = [
        ("position", one["kind"], one["about"] or start, one["wh"], one["gross"], one["reference"] or run)
        for one in content["positions"]
    ]
    lines += [
        ("offset", one["kind"], one["about"] or start, one["wh"], one["amount"], one["reference"] or run)
        for one in content["offsets"]
    ]
    lines += [
        ("sold" if one["sells"] else "bought", one["partner"], one["slot_start"], one["delivered_wh"], one["net"],
         _proof(one))
        for one in content["trades"]
    ]  # fmt: skip
    lines += [
        ("booking", one["name"], one["at"], "", one["arguments"].get("amount", ""), one["transaction"])
        for one in content["ledger"].get("events", ())
    ]
    return lines

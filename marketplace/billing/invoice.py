"""The bill in cents: what the statement's micro-units become on an invoice, and by how much they are rounded. Pure.

Prices are a consumer's: VAT is contained in them. Positions of the supplier's own service carry VAT; what the supplier
owes the participant for energy that it took is no service of the supplier's, and is set off against the gross total
(EN 16931, BT-113). What is left of a cent is cut in the customer's favour, and shown (BT-114).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.billing.statement import FEED_IN, FEED_IN_CORRECTION, LATE_TRADE, Line, Statement

CENT = 10_000
OFFSETS = (FEED_IN, FEED_IN_CORRECTION, LATE_TRADE)


@dataclass(frozen=True, slots=True)
class Position:
    """A line of the invoice: `gross` in micro-units, `net_cents` without VAT."""

    line: Line
    gross: int
    net_cents: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """Totals in cents. `due_cents` = net + vat - offset + rounding, and is what `owed` micro-units are, cut to a cent.

    Attributes:
        rounding_cents: what rounding line by line makes of it.
        cut: micro-units that are cut in the customer's favour, 0 to 9999.
    """

    positions: tuple[Position, ...]
    offsets: tuple[Line, ...]
    vat_permille: int
    net_cents: int
    vat_cents: int
    offset_cents: int
    rounding_cents: int
    due_cents: int
    owed: int
    cut: int

    @property
    def gross_cents(self) -> int:
        """With VAT."""
        return self.net_cents + self.vat_cents


def rounded(value: int, parts: int) -> int:
    """`value` / `parts` to the nearest whole, halves away from zero (EN 16931 rounds so)."""
    whole = (2 * abs(value) + parts) // (2 * parts)
    return whole if value >= 0 else -whole


def make_invoice(statement: Statement, *, vat_permille: int) -> Invoice:
    """The invoice of a statement."""
    return _invoice(statement.lines, statement.owed, vat_permille)


def _invoice(lines: Sequence[Line], owed: int, vat_permille: int) -> Invoice:
    positions = tuple(_position(line, vat_permille) for line in lines if line.kind not in OFFSETS)
    offsets = tuple(line for line in lines if line.kind in OFFSETS)
    net = sum(position.net_cents for position in positions)
    vat = rounded(net * vat_permille, 1000)
    offset = rounded(-sum(line.amount for line in offsets), CENT)
    due = owed // CENT
    return Invoice(
        positions=positions,
        offsets=offsets,
        vat_permille=vat_permille,
        net_cents=net,
        vat_cents=vat,
        offset_cents=offset,
        rounding_cents=due - (net + vat - offset),
        due_cents=due,
        owed=owed,
        cut=owed - due * CENT,
    )


def _position(line: Line, vat_permille: int) -> Position:
    return Position(line, line.amount, rounded(line.amount * 1000, (1000 + vat_permille) * CENT))

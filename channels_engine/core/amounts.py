"""Integer arithmetic of money and energy; the same formulas stand in Solidity and JavaScript.

`fixtures/vectors/amounts.json` proves them equal.
"""

WH_PER_KWH = 1000


def amount_of(quantity_wh: int, price_per_kwh: int) -> int:
    """Micro-units due for `quantity_wh` at a price in micro-units per kWh, rounded up."""
    return -(-quantity_wh * price_per_kwh // WH_PER_KWH)


def refund_of(shortfall_wh: int, price_per_kwh: int, imbalance_per_kwh: int, seller_balance: int) -> int:
    """Micro-units that a seller returns for energy paid and not delivered.

    At the higher of trade and imbalance price, rounded up, and never more than `seller_balance`:
    a channel can't move money that isn't in it.
    """
    due = amount_of(shortfall_wh, max(price_per_kwh, imbalance_per_kwh))
    return min(due, seller_balance)

"""Money for energy, in integers."""

WH_PER_KWH = 1000


def amount(quantity_wh: int, price_per_kwh: int) -> int:
    """Micro-units for a quantity: ceil(Wh * price / 1000), the same formula as in contracts and browser."""
    return -(-quantity_wh * price_per_kwh // WH_PER_KWH)

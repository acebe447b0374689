"""What stands behind a meter, and the watt-hours that it exchanges with the grid in a slot (docs/grid.md)."""

from grid.assets.home import (
    PERMILLE,
    SLOT_SECONDS,
    SLOTS_PER_HOUR,
    AssetError,
    Exchange,
    Home,
    Needs,
    Position,
    exchange,
    home_of,
    position,
)

__all__ = [
    "PERMILLE",
    "SLOTS_PER_HOUR",
    "SLOT_SECONDS",
    "AssetError",
    "Exchange",
    "Home",
    "Needs",
    "Position",
    "exchange",
    "home_of",
    "position",
]

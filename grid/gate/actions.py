"""What a home does on the operator's demand beyond its trades: curtail firm export, charge or discharge its battery."""

from dataclasses import dataclass
from typing import Literal

from grid.assets import Exchange, Home, Needs, exchange
from grid.gate.nominations import nominated

ActionKind = Literal["curtail", "charge", "discharge"]
KINDS: tuple[ActionKind, ...] = ("curtail", "charge", "discharge")


@dataclass(frozen=True, slots=True)
class Action:
    """So many Wh less fed in, more drawn, or more fed in than the home would by itself."""

    kind: ActionKind
    wh: int


def acting(home: Home, needs: Needs, sold_wh: int, bought_wh: int, action: Action | None) -> Exchange:
    """A home's slot with its nominations and an action. Actions never touch energy that is sold; they do what they can."""
    plain = nominated(home, needs, sold_wh, bought_wh)
    if action is None or action.wh <= 0:
        return plain
    if action.kind == "curtail":
        cap = max(min(sold_wh, plain.export_wh), plain.export_wh - action.wh)
        return exchange(home, needs, sold_wh=sold_wh, bought_wh=bought_wh, cap_wh=cap)
    if not home.battery_capacity_wh:
        return plain
    return _by_battery(home, needs, sold_wh, bought_wh, action, plain)


def _by_battery(  # noqa: PLR0917  a home's slot and what is asked of it
    home: Home, needs: Needs, sold_wh: int, bought_wh: int, action: Action, plain: Exchange
) -> Exchange:
    """As if it had bought, or sold, just enough more; found by halving, for the net exchange only ever rises with it."""
    charging = action.kind == "charge"

    def traded(more_wh: int) -> Exchange:
        if charging:
            return nominated(home, needs, sold_wh, bought_wh + more_wh)
        return nominated(home, needs, sold_wh + more_wh, bought_wh)

    def done(result: Exchange) -> int:
        return abs(result.net_import_wh - plain.net_import_wh)

    low, high = 0, needs.load_wh + needs.pv_wh + home.battery_power_wh + action.wh
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if done(traded(middle)) <= action.wh else (low, middle)
    best = traded(high)
    return best if done(best) <= action.wh else traded(low)


def done_wh(plain: Exchange, after: Exchange) -> int:
    """How far an action moved what a home exchanges with the grid."""
    return abs(after.net_import_wh - plain.net_import_wh)

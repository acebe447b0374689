"""What the site says to an agent: rules, the next step, the position behind it. All of it is a proposal."""

from typing import Literal

import msgspec

from marketplace.client.shapes import Partner


class Rules(msgspec.Struct, frozen=True):
    """What the agent may do: energy in Wh, prices in micro-units per kWh, the budget in micro-units a day of delivery."""

    sells: bool
    sell_from: int
    buys: bool
    buy_up_to: int
    reserve_wh: int
    budget: int
    most_wh: int
    partners: str
    from_minute: int
    to_minute: int
    zone: str


class Position(msgspec.Struct, frozen=True):
    """What is expected of a slot, and what is spoken for, as the site knows it."""

    surplus_wh: int
    need_wh: int
    stored_wh: int
    sold_wh: int
    bought_wh: int


class Step(msgspec.Struct, frozen=True):
    """Accept the live `offer`, counter it, or make an offer in `channel`; `spent` is for this day of delivery, before it."""

    kind: Literal["accept", "counter", "offer"]
    channel: str
    offer: str
    partner: Partner
    sells: bool
    quantity_wh: int
    price_per_kwh: int
    imbalance_per_kwh: int
    slot_start: int
    reason: str
    position: Position
    spent: int


class Plan(msgspec.Struct, frozen=True):
    """The next step or why there is none, and the rules behind it with the signature under their mandate."""

    action: Step | None
    reason: str
    words: str
    version: int | None
    rules: Rules | None
    mandate: str | None
    until: int | None
    look_again_s: int


class Holding(msgspec.Struct, frozen=True):
    """Who acts for the person; `mine`: this program may."""

    mine: bool
    acts: str


class Version(msgspec.Struct, frozen=True):
    """One version of the rules; `dry_run_at` is when it was tried."""

    version: int
    rules: Rules
    dry_run_at: int | None
    mandate_until: int


class Standing(msgspec.Struct, frozen=True):
    """Where the agent stands: `draft`, `live` or `paused`, and the version that is live."""

    state: str
    live: Version | None


class Wanted(msgspec.Struct, frozen=True):
    """The mandate that the site would have signed."""

    text: str
    until: int

"""The tables of a scenario file, each a struct with its ranges and defaults. docs/scenarios.md explains them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from grid.gate.rules import GateRules, Rationing

Price = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Money = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Permille = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Scale = Annotated[float, msgspec.Meta(ge=0, le=100)]
Percent = Annotated[float, msgspec.Meta(gt=0, le=1000)]


MechanismName = Literal[
    "bilateral", "double-auction", "pay-as-clear", "pay-as-bid", "pay-as-offer", "retailer"
]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: a field that it doesn't know is a fault, not a comment."""

    def faults(self) -> Iterator[str]:
        """What no single field can show, each with its remedy; asked of arrays of tables."""
        yield from ()


class SeriesTable(Section, frozen=True):
    """A column of kW or kWh that belongs to a connection: its load, or what it generates."""

    connection: str
    column: str
    file: str | None = None
    kind: Literal["load", "generation"] = "load"


class GridSection(Section, frozen=True):
    """Files (relative to the scenario's folder), scales of load and PV, firm export as a share of the PV rating.

    `zone`, `unit`, `stamps` and `decimal` say of profile files what these don't say themselves (docs/inputs.md).
    `phases` is whether all three are taken as alike or each is solved (docs/grid.md).
    """

    network: str
    profiles: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    series: tuple[SeriesTable, ...] = ()
    zone: str | None = None
    unit: str | None = None
    stamps: Literal["start", "end"] = "start"
    decimal: Literal[".", ","] | None = None
    load_scale: Scale = 1.0
    pv_scale: Scale = 1.0
    firm_export_permille: Permille = 1000
    battery_start_permille: Permille = 500
    phases: Literal["balanced", "unbalanced"] = "balanced"


class PeriodSection(Section, frozen=True):
    """First slot's start and last slot's end, with offset."""

    start: datetime
    end: datetime


class Tariff(Section, frozen=True):
    """Supplier's prices in micro-units per kWh."""

    retail_per_kwh: Price
    feed_in_per_kwh: Price
    imbalance_per_kwh: Price


class MarketSection(Section, frozen=True):
    """How agents trade: mechanism and strategy by name, partners per prosumer and offers per negotiation at most."""

    mechanism: MechanismName = "bilateral"
    strategy: str = "adaptive"
    partners: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    rounds: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    min_trade_wh: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 20


class FeesSection(Section, frozen=True):
    """What the grid operator charges: for trades by a model, and each connection's share of the feeder's losses.

    `per_kwh` is the base of every model but "none"; "distance" adds `per_kwh_ohm` for each ohm between the two,
    "loss-sensitivity" the trade's marginal losses at the retail price. `seller_permille` of a fee are the seller's.
    """

    model: Literal["none", "flat", "distance", "loss-sensitivity"] = "none"
    per_kwh: Price = 0
    per_kwh_ohm: Price = 0
    seller_permille: Permille = 500
    losses: Literal["none", "pro-rata", "marginal"] = "none"


class FundingSection(Section, frozen=True):
    """What stands behind a channel: credit notes or deposits; micro-units, per side and prosumer."""

    mode: Literal["notes", "deposits"] = "notes"
    channel_funding: Money = 5_000_000
    credit_limit: Money = 50_000_000
    collateral: Money = 1_000_000


class ForecastSection(Section, frozen=True):
    """Relative standard deviation of what agents expect against what comes, and how long an error lasts."""

    load_error: Share = 0.0
    pv_error: Share = 0.0
    wind_error: Share = 0.0
    ev_error: Share = 0.0
    heat_pump_error: Share = 0.0
    persistence: Annotated[float, msgspec.Meta(ge=0, le=0.99)] = 0.0


class MeteringSection(Section, frozen=True):
    """Faults of the meters, per mille of all readings; what really flows is not touched. No faults by default.

    A late reading comes 1 to `late_slots` slots after its own; so long a slot with a gap stays open for it.
    """

    gap_permille: Permille = 0
    late_permille: Permille = 0
    late_slots: Annotated[int, msgspec.Meta(ge=1, le=96)] = 4
    duplicate_permille: Permille = 0
    reset_permille: Permille = 0
    negative_permille: Permille = 0

    @property
    def shares(self) -> tuple[int, ...]:
        """Gap, late, duplicate, reset, negative: per mille; a reading has one of them at most."""
        late, double = self.late_permille, self.duplicate_permille
        return self.gap_permille, late, double, self.reset_permille, self.negative_permille


class LimitsSection(Section, frozen=True):
    """Operating limits; the defaults are EN 50160 and the rated currents."""

    vm_min_pu: Annotated[float, msgspec.Meta(ge=0.5, lt=1)] = 0.9
    vm_max_pu: Annotated[float, msgspec.Meta(gt=1, le=1.5)] = 1.1
    line_percent: Percent = 100.0
    transformer_percent: Percent = 100.0


class GateSection(Section, frozen=True):
    """What the operator does when the grid is full; prices in micro-units per kWh.

    Left out, `curtailment_per_kwh` is the feed-in price, `battery_per_kwh` the retail price, and `remedy_limit_per_kwh`
    half of what lies between them.
    """

    rationing: Rationing = "first-come"
    remedies: bool = False
    curtail_firm: bool = False
    curtailment_per_kwh: Price | None = None
    battery_per_kwh: Price | None = None
    remedy_limit_per_kwh: Price | None = None

    def rules(self, tariff: Tariff) -> GateRules:
        """With the tariff's prices where none are given."""
        given = (self.curtailment_per_kwh, self.battery_per_kwh, self.remedy_limit_per_kwh)
        gain = tariff.retail_per_kwh - tariff.feed_in_per_kwh
        usual = (tariff.feed_in_per_kwh, tariff.retail_per_kwh, gain // 2)
        prices = (usual[i] if price is None else price for i, price in enumerate(given))
        return GateRules(self.rationing, self.remedies, self.curtail_firm, *prices)


class ReplaySection(Section, frozen=True):
    """Pace of the live replay in the site: wall-clock seconds per slot."""

    seconds_per_slot: Annotated[float, msgspec.Meta(ge=0, le=900)] = 10.0


class Head(Section, frozen=True):
    """What stands above the first table."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    description: str
    seed: Money

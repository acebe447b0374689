"""Scenarios: TOML files that say which feeder, period, prices, agents and limits a replay uses. docs/scenarios.md."""

import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from grid.assets import SLOT_SECONDS
from grid.limits import Limits
from grid.market.strategies import STRATEGIES

Price = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Money = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Permille = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Scale = Annotated[float, msgspec.Meta(ge=0, le=100)]
Percent = Annotated[float, msgspec.Meta(gt=0, le=1000)]


class ScenarioFaultError(ValueError):
    """A scenario that can't run; `faults` names each culprit with its remedy."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        """Keep every fault, so that all can be mended at once."""
        super().__init__("; ".join(faults))
        self.faults = faults


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: a field that it doesn't know is a fault, not a comment."""


class GridSection(_Section, frozen=True):
    """Files (relative to the scenario's folder), scales of load and PV, firm export as a share of the PV rating."""

    network: str
    profiles: tuple[str, ...]
    load_scale: Scale = 1.0
    pv_scale: Scale = 1.0
    firm_export_permille: Permille = 1000
    battery_start_permille: Permille = 500


class PeriodSection(_Section, frozen=True):
    """First slot's start and last slot's end, with offset."""

    start: datetime
    end: datetime


class Tariff(_Section, frozen=True):
    """Supplier's prices in micro-units per kWh."""

    retail_per_kwh: Price
    feed_in_per_kwh: Price
    imbalance_per_kwh: Price


class MarketSection(_Section, frozen=True):
    """How agents trade: strategy by name, partners per prosumer at most, offers per negotiation at most."""

    strategy: str = "adaptive"
    partners: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    rounds: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    min_trade_wh: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 20


class FundingSection(_Section, frozen=True):
    """What stands behind a channel: credit notes or deposits; micro-units, per side and prosumer."""

    mode: Literal["notes", "deposits"] = "notes"
    channel_funding: Money = 5_000_000
    credit_limit: Money = 50_000_000
    collateral: Money = 2_000_000


class ForecastSection(_Section, frozen=True):
    """Relative standard deviation of what agents expect against what comes."""

    load_error: Share = 0.0
    pv_error: Share = 0.0


class LimitsSection(_Section, frozen=True):
    """Operating limits; the defaults are EN 50160 and the rated currents."""

    vm_min_pu: Annotated[float, msgspec.Meta(ge=0.5, lt=1)] = 0.9
    vm_max_pu: Annotated[float, msgspec.Meta(gt=1, le=1.5)] = 1.1
    line_percent: Percent = 100.0
    transformer_percent: Percent = 100.0


class ReplaySection(_Section, frozen=True):
    """Pace of the live replay in the site: wall-clock seconds per slot."""

    seconds_per_slot: Annotated[float, msgspec.Meta(ge=0, le=900)] = 10.0


class _Head(_Section, frozen=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    description: str
    seed: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole scenario; `folder` is where its relative paths start."""

    name: str
    description: str
    seed: int
    grid: GridSection
    period: PeriodSection
    tariff: Tariff
    folder: Path
    market: MarketSection = field(default_factory=MarketSection)
    funding: FundingSection = field(default_factory=FundingSection)
    forecast: ForecastSection = field(default_factory=ForecastSection)
    limits_section: LimitsSection = field(default_factory=LimitsSection)
    replay: ReplaySection = field(default_factory=ReplaySection)

    @property
    def start(self) -> int:
        """First slot, epoch seconds."""
        return int(self.period.start.timestamp())

    @property
    def end(self) -> int:
        """End of the last slot, epoch seconds."""
        return int(self.period.end.timestamp())

    @property
    def limits(self) -> Limits:
        """The limits as the gate takes them."""
        given = self.limits_section
        return Limits(given.vm_min_pu, given.vm_max_pu, given.line_percent, given.transformer_percent)


_SECTIONS: dict[str, type[_Section]] = {
    "grid": GridSection,
    "period": PeriodSection,
    "tariff": Tariff,
    "market": MarketSection,
    "funding": FundingSection,
    "forecast": ForecastSection,
    "limits": LimitsSection,
    "replay": ReplaySection,
}
_HEAD = ("name", "description", "seed")
_REQUIRED = (*_HEAD, "grid", "period", "tariff")


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        ScenarioFaultError: every fault of the file, each with place and remedy.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioFaultError(
            (f"{path.name}: can't be read ({error.strerror}); check the path",)
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ScenarioFaultError((f"{path.name}: is no TOML: {error}; mend that line",)) from error
    return parse_scenario(raw, folder=path.parent)


def parse_scenario(raw: dict[str, Any], *, folder: Path) -> Scenario:
    """Check a scenario given as plain tables. Raises ScenarioFaultError with all faults."""
    known = {*_REQUIRED, *_SECTIONS}
    faults = [f"{key}: is missing; docs/scenarios.md shows an example" for key in _REQUIRED if key not in raw]
    faults += [
        f"{key}: is no part of a scenario; known are {', '.join(sorted(known))}"
        for key in raw
        if key not in known
    ]
    sections: dict[str, Any] = {}
    tables = {
        "head": {key: raw[key] for key in _HEAD if key in raw},
        **{k: raw[k] for k in raw if k in _SECTIONS},
    }
    for key, table in tables.items():
        try:
            sections[key] = msgspec.convert(table, _SECTIONS.get(key, _Head))
        except msgspec.ValidationError as error:
            faults.append(f"[{key}] {error}; see docs/scenarios.md for the field's meaning and range")
    faults += _cross_faults(sections, folder)
    if faults:
        raise ScenarioFaultError(tuple(faults))
    head: _Head = sections.pop("head")
    if "limits" in sections:
        sections["limits_section"] = sections.pop("limits")
    return Scenario(name=head.name, description=head.description, seed=head.seed, folder=folder, **sections)


def _cross_faults(sections: dict[str, Any], folder: Path) -> list[str]:
    """What no single field can show."""
    faults: list[str] = []
    period, tariff, grid = (sections.get(key) for key in ("period", "tariff", "grid"))
    if period is not None:
        faults += _period_faults(period)
    if tariff is not None and tariff.feed_in_per_kwh >= tariff.retail_per_kwh:
        faults.append("[tariff] feed_in_per_kwh: must be below retail_per_kwh, or nobody gains by trading")
    market = sections.get("market")
    if market is not None and market.strategy not in STRATEGIES:
        faults.append(
            f"[market] strategy: {market.strategy!r} is unknown; choose one of {', '.join(sorted(STRATEGIES))}"
        )
    files = (grid.network, *grid.profiles) if grid is not None else ()
    missing = [name for name in files if not (folder / name).is_file()]
    return faults + [
        f"[grid] {name}: no such file beside the scenario; check the path or extract it" for name in missing
    ]


def _period_faults(period: PeriodSection) -> list[str]:
    moments = {"start": period.start, "end": period.end}
    naive = [key for key, moment in moments.items() if moment.tzinfo is None]
    if naive:
        return [f"[period] {key}: has no offset; write it like 2016-06-15T00:00:00+02:00" for key in naive]
    faults = [
        f"[period] {k}: must lie on a quarter-hour"
        for k, m in moments.items()
        if m.timestamp() % SLOT_SECONDS
    ]
    if period.start >= period.end:
        faults.append("[period] end: must lie after start")
    return faults

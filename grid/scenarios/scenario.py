"""Scenarios: TOML files that say which feeder, period, prices, agents and limits a replay uses. docs/scenarios.md."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grid.assets import SLOT_SECONDS
from grid.assets.tables import AnyAssetTable
from grid.events.sections import Event, event_faults
from grid.gate.limits import Limits
from grid.gate.rules import GateRules
from grid.market.own_strategies import StrategyError, find_strategy
from grid.market.strategies import Strategy
from grid.networks.files import is_file_reference
from grid.scenarios.sections import (
    FeesSection,
    ForecastSection,
    FundingSection,
    GateSection,
    GridSection,
    Head,
    LimitsSection,
    MarketSection,
    MeteringSection,
    PeriodSection,
    ReplaySection,
    Tariff,
)
from grid.scenarios.tables import read_table
from grid.words import Words, placed


class ScenarioFaultError(ValueError):
    """A scenario that can't run; `faults` names each culprit with its remedy."""

    def __init__(self, faults: tuple[Words, ...]) -> None:
        """Keep every fault, so that all can be mended at once."""
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole scenario; `folder` is where its relative paths start, `own_code` whether it may name own strategies."""

    name: str
    description: str
    seed: int
    grid: GridSection
    period: PeriodSection
    tariff: Tariff
    folder: Path
    own_code: bool = False
    market: MarketSection = field(default_factory=MarketSection)
    fees: FeesSection = field(default_factory=FeesSection)
    funding: FundingSection = field(default_factory=FundingSection)
    forecast: ForecastSection = field(default_factory=ForecastSection)
    metering: MeteringSection = field(default_factory=MeteringSection)
    limits_section: LimitsSection = field(default_factory=LimitsSection)
    gate: GateSection = field(default_factory=GateSection)
    replay: ReplaySection = field(default_factory=ReplaySection)
    assets: tuple[AnyAssetTable, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def start(self) -> int:
        """First slot, epoch seconds."""
        return int(self.period.start.timestamp())

    @property
    def end(self) -> int:
        """End of the last slot, epoch seconds."""
        return int(self.period.end.timestamp())

    @property
    def strategy(self) -> Strategy:
        """How its agents price. Raises StrategyError if that is own code that can't be found any more."""
        return find_strategy(self.market.strategy, self.folder, own_code=self.own_code)

    @property
    def limits(self) -> Limits:
        """The limits as the gate takes them."""
        given = self.limits_section
        return Limits(given.vm_min_pu, given.vm_max_pu, given.line_percent, given.transformer_percent)

    @property
    def gate_rules(self) -> GateRules:
        """What the operator may do, with its prices."""
        return self.gate.rules(self.tariff)


_SECTIONS: dict[str, Any] = {
    "grid": GridSection,
    "period": PeriodSection,
    "tariff": Tariff,
    "market": MarketSection,
    "fees": FeesSection,
    "funding": FundingSection,
    "forecast": ForecastSection,
    "metering": MeteringSection,
    "limits": LimitsSection,
    "gate": GateSection,
    "replay": ReplaySection,
    "assets": tuple[AnyAssetTable, ...],
    "events": tuple[Event, ...],
}
WHOLE = 1000
_HEAD = ("name", "description", "seed")
_REQUIRED = ("grid", "period", "tariff")


def load_scenario(path: Path, *, own_code: bool = False) -> Scenario:
    """Read and check a scenario file; `own_code` as in `parse_scenario`.

    Raises:
        ScenarioFaultError: every fault of the file, each with place and remedy.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioFaultError(
            (
                placed(
                    path.name,
                    Words("can't be read (%(strerror)s); check the path", strerror=str(error.strerror)),
                ),
            )
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ScenarioFaultError(
            (placed(path.name, Words("is no TOML: %(error)s; mend that line", error=str(error))),)
        ) from error
    return parse_scenario(raw, folder=path.parent, own_code=own_code)


def parse_scenario(raw: dict[str, Any], *, folder: Path, own_code: bool = False) -> Scenario:
    """Check a scenario given as plain tables. Raises ScenarioFaultError with all faults.

    `own_code` lets the scenario name a strategy that is loaded and run (`grid.market.own_strategies`): only for files
    that the user of the machine named, never for what was uploaded.
    """
    faults = list(_table_faults(raw))
    sections: dict[str, Any] = {}
    tables = {
        "head": {key: raw[key] for key in _HEAD if key in raw},
        **{k: raw[k] for k in raw if k in _SECTIONS},
    }
    for key, table in tables.items():
        value, found = read_table("" if key == "head" else key, table, _SECTIONS.get(key, Head))
        sections |= {} if found else {key: value}
        faults += found
    faults += _cross_faults(sections, folder, own_code=own_code)
    if faults:
        raise ScenarioFaultError(tuple(faults))
    head: Head = sections.pop("head")
    if "limits" in sections:
        sections["limits_section"] = sections.pop("limits")
    return Scenario(
        name=head.name,
        description=head.description,
        seed=head.seed,
        folder=folder,
        own_code=own_code,
        **sections,
    )


def _table_faults(raw: Mapping[str, Any]) -> Iterator[Words]:
    for key in _REQUIRED:
        if key not in raw:
            yield Words("[%(key)s] is missing; docs/scenarios.md shows an example", key=key)
    known = {*_HEAD, *_SECTIONS}
    for key in raw:
        if key not in known:
            parts = ", ".join(sorted(known))
            yield Words("%(key)s: is no part of a scenario; known are %(known)s", key=key, known=parts)


def _cross_faults(sections: dict[str, Any], folder: Path, *, own_code: bool) -> list[Words]:
    """What no single field can show."""
    faults: list[Words] = []
    period, tariff, grid = (sections.get(key) for key in ("period", "tariff", "grid"))
    if period is not None:
        faults += _period_faults(period) or event_faults(
            sections.get("events", ()), period.start.timestamp(), period.end.timestamp(), SLOT_SECONDS
        )
    if tariff is not None and tariff.feed_in_per_kwh >= tariff.retail_per_kwh:
        faults.append(
            Words("[tariff] feed_in_per_kwh: must be below retail_per_kwh, or nobody gains by trading")
        )
    if "market" in sections:
        faults += _strategy_faults(sections["market"].strategy, folder, own_code=own_code)
    metering = sections.get("metering")
    if metering is not None and sum(metering.shares) > WHOLE:
        faults.append(Words("[metering] the shares of faults make more than 1000 per mille; lower some"))
    files: list[str] = []
    if grid is not None:
        files = [*([grid.network] if is_file_reference(grid.network) else []), *grid.profiles]
    missing = [name for name in files if not (folder / name).is_file()]
    return faults + [
        Words("[grid] %(name)s: no such file beside the scenario; check the path or extract it", name=name)
        for name in missing
    ]


def _strategy_faults(reference: str, folder: Path, *, own_code: bool) -> list[Words]:
    try:
        find_strategy(reference, folder, own_code=own_code)
    except StrategyError as error:
        return [Words("[market] strategy: %(fault)s", fault=error.words)]
    return []


def _period_faults(period: PeriodSection) -> list[Words]:
    moments = {"start": period.start, "end": period.end}
    naive = [key for key, moment in moments.items() if moment.tzinfo is None]
    if naive:
        return [
            Words("[period] %(key)s: has no offset; write it like 2016-06-15T00:00:00+02:00", key=key)
            for key in naive
        ]
    faults = [
        Words("[period] %(key)s: must lie on a quarter-hour", key=k)
        for k, m in moments.items()
        if m.timestamp() % SLOT_SECONDS
    ]
    if period.start >= period.end:
        faults.append(Words("[period] end: must lie after start"))
    return faults

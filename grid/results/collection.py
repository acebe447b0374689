"""What a report keeps of a run while its slots go by: series of each slot, the map's frames, who traded with whom."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grid.assets import SLOT_SECONDS
from grid.gate.limits import Limits
from grid.networks.feeder import feeder_map
from grid.results.packing import Grid, pack
from grid.results.summary import Tally
from grid.scenarios.sections import Tariff
from grid.simulation import Simulation

SlotData = dict[str, Any]
PERCENTILES = {"vm_min": 0, "vm_low": 5, "vm_median": 50, "vm_high": 95, "vm_max": 100}
VOLTAGE_STEPS = (0.4, 2e-5)
KEPT_WORDS = 400
"""Refusals and breaches that a report tells one by one; all are counted."""
SUMS = (
    "production_wh",
    "consumption_wh",
    "import_wh",
    "export_wh",
    "charged_wh",
    "discharged_wh",
    "losses_wh",
    "curtailed_wh",
    "traded_wh",
    "delivered_wh",
    "price_mean",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run was: the scenario's words and limits, and its feeder as `grid.networks.feeder.feeder_map` draws it."""

    title: str
    description: str
    start: int
    end: int
    offset_s: int
    mechanism: str
    strategy: str
    seed: int
    limits: Limits
    tariff: Tariff
    names: tuple[str, ...]
    feeder: dict[str, Any]

    @staticmethod
    def of(simulation: Simulation, names: Sequence[str]) -> "Setting":
        """Of a simulation; `names` are what its slots call the connections."""
        scenario = simulation.scenario
        offset = scenario.period.start.utcoffset()
        return Setting(
            title=scenario.name,
            description=scenario.description,
            start=scenario.start,
            end=scenario.end,
            offset_s=int(offset.total_seconds()) if offset else 0,
            mechanism=scenario.market.mechanism,
            strategy=scenario.market.strategy,
            seed=scenario.seed,
            limits=scenario.limits,
            tariff=scenario.tariff,
            names=tuple(names),
            feeder=feeder_map(simulation.feeder),
        )


class Collection:
    """One run of a setting, slot by slot.

    Attributes:
        tally: the sums (`grid.results.summary`).
        vm, lines, transformers: every bus's, line's, transformer's value in every slot.
        high: the highest phase's voltage, where `vm` is the lowest's; else the same as `vm`.
        shown: the one of both that is farther from nominal.
        buses: all but the source, whose voltage is given and no result.
        pairs: (seller, buyer) to [Wh delivered, micro-units paid after refunds, number of trades].
        refusals: [slot_start, seller, buyer, Wh asked, Wh passing, kind, place, verdict], the first ones.
        breaches: [slot_start, breach], the first ones; both as the slot has them.
        breached: starts of the slots with breaches, all of them.
        events: what happened, by kind: [start of its first slot, end of its last, number of slots].
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.tally = Tally(setting.names, setting.tariff)
        self.vm, self.lines, self.transformers = Grid(*VOLTAGE_STEPS), Grid(0.0, 0.01), Grid(0.0, 0.01)
        self.high = self.shown = self.vm
        self.starts: list[int] = []
        self.pairs: dict[tuple[int, int], list[int]] = {}
        self.refusals: list[list[Any]] = []
        self.breaches: list[list[Any]] = []
        self.breached: frozenset[int] = frozenset()
        self.events: dict[str, list[int]] = {}
        self.places: Counter[tuple[str, str]] = Counter()
        self.refused_wh: Counter[tuple[str, str]] = Counter()
        self._sums: dict[str, list[Any]] = {key: [] for key in (*SUMS, "refused", "trades", "soc_wh")}
        nodes = setting.feeder["nodes"]
        self.buses = [i for i, node in enumerate(nodes) if not node["source"]] or [0]
        self._index = {name: i for i, name in enumerate(setting.names)}

    def add(self, slot: SlotData) -> None:
        """One slot more, as `grid.results.record.slot_data` gives it."""
        self.tally.add(slot)
        self.starts.append(slot["slot_start"])
        self._voltages(slot)
        self.lines.add(slot["line_loading_percent"])
        self.transformers.add(slot["trafo_loading_percent"])
        for key in SUMS:
            self._sums[key].append(slot[key])
        self._sums["refused"].append(len(slot["refused"]))
        self._sums["trades"].append(len(slot["trades"]))
        self._sums["soc_wh"].append(sum(slot["homes"]["soc_wh"]))
        for kind in slot["events"]:
            spell = self.events.setdefault(kind, [slot["slot_start"], 0, 0])
            spell[1:] = [slot["slot_start"] + SLOT_SECONDS, spell[2] + 1]
        self._trade(slot)
        self._refuse(slot)

    def _voltages(self, slot: SlotData) -> None:
        """By phase, a bus has a lowest and a highest voltage; the map shows the one farther from nominal."""
        low = _live(slot, "vm_pu")
        self.vm.add(low)
        if "vm_high_pu" in slot and self.high is self.vm:
            self.high, self.shown = Grid(*VOLTAGE_STEPS), Grid(*VOLTAGE_STEPS)
        if self.high is not self.vm:
            high = _live(slot, "vm_high_pu")
            self.high.add(high)
            pairs = zip(low, high, strict=True)
            self.shown.add([b if abs(b - 1) > abs(a - 1) else a for a, b in pairs])

    def _trade(self, slot: SlotData) -> None:
        for trade in slot["trades"]:
            paid = trade["amount"] - trade["refund"]
            self._book(trade, trade["delivered_wh"], paid, 1)
        for correction in slot["corrections"]:
            for trade in correction["trades"]:
                self._book(trade, trade["delivered_wh"], -trade["refund"], 0)

    def _book(self, trade: SlotData, delivered_wh: int, paid: int, count: int) -> None:
        row = self.pairs.setdefault((self._index[trade["seller"]], self._index[trade["buyer"]]), [0, 0, 0])
        row[0] += delivered_wh
        row[1] += paid
        row[2] += count

    def _refuse(self, slot: SlotData) -> None:
        start = slot["slot_start"]
        for verdict in slot["refused"]:
            asked, breach = verdict["nomination"], verdict["breach"] or {}
            place = (breach.get("kind", "other"), breach.get("place", ""))
            self.places[place] += 1
            self.refused_wh[place] += asked["quantity_wh"]
            if len(self.refusals) < KEPT_WORDS:
                parties = (asked["seller"], asked["buyer"], asked["quantity_wh"], verdict["max_passing_wh"])
                self.refusals.append([start, *parties, *place, verdict])
        if slot["breaches"]:
            self.breached |= {start}
        room = KEPT_WORDS - len(self.breaches)
        self.breaches += [[start, breach] for breach in slot["breaches"][:room]]

    def series(self) -> dict[str, Any]:
        """Every series packed, the extremes of the feeder among them."""
        low, high = (percentiles(part.array()[:, self.buses]) for part in (self.vm, self.high))
        extremes = {
            **dict(zip(PERCENTILES, (*low[:3], *high[3:]), strict=True)),
            "line_max": _highest(self.lines),
            "transformer_max": _highest(self.transformers),
        }
        return {name: pack(values) for name, values in {**self._sums, **extremes}.items()}

    def frames(self, every: int) -> dict[str, Any]:
        """What the map shows, every n-th slot."""
        parts = {"vm": self.shown, "lines": self.lines, "transformers": self.transformers}
        return {name: part.packed(every) for name, part in parts.items()}

    def peak_wh(self) -> int:
        """Highest exchange with the grid above in a slot, whichever way."""
        return max((*self._sums["import_wh"], *self._sums["export_wh"]), default=0)

    @property
    def stored_wh(self) -> int:
        """In all batteries after the last slot."""
        return self._sums["soc_wh"][-1] if self._sums["soc_wh"] else 0


def _live(slot: SlotData, key: str) -> list[float]:
    """Voltages; nothing at buses that an outage has cut off."""
    vm = list(slot[key])
    for bus in slot["dead_buses"]:
        vm[bus] = math.nan
    return vm


def percentiles(vm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(marks, slots) of voltages (slots, buses), over buses with supply; not a number where no bus has any."""
    unknown = np.isnan(vm)
    dark = np.logical_and.reduce(unknown, axis=1)
    known = np.where(dark.reshape(-1, 1), 0.0, vm)
    found: npt.NDArray[np.float64] = np.nanpercentile(known, list(PERCENTILES.values()), axis=1)
    found[:, dark] = np.nan
    return found


def _highest(part: Grid) -> Sequence[float]:
    values = part.array()
    return [] if not values.size else list(values.max(axis=1))


def collect(setting: Setting, slots: Iterable[SlotData]) -> Collection:
    """All slots of a run."""
    collection = Collection(setting)
    for slot in slots:
        collection.add(slot)
    return collection

"""The network while something is out of service: its power flow, and who is without supply.

What no closed branch connects to the source is dead: its voltage is 0, and homes there exchange nothing. (EN 50160
calls that an interruption of supply; it is no voltage variation, so it breaches no voltage limit.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from grid.assets import PERMILLE, Home
from grid.events.sections import Derating, GridEvent, LineOutage, TransformerOutage
from grid.flow.powerflow import PowerFlow
from grid.networks.feeder import Feeder, Line, Transformer, electrical_distances
from grid.words import Words

SHOWN = 8
"""Names in a list of what there is; more don't help."""


@dataclass(frozen=True, slots=True)
class NetworkState:
    """A feeder as it stands in some slots.

    Attributes:
        power_flow: of the network as it is switched.
        homes: per connection; those without supply can do nothing.
        dead_homes, dead_buses: indices of what is cut off from the source.
    """

    power_flow: PowerFlow
    homes: tuple[Home, ...]
    dead_homes: frozenset[int]
    dead_buses: frozenset[int]


class Networks:
    """The states of one feeder, each made once."""

    def __init__(self, feeder: Feeder, homes: Sequence[Home], solver: type[PowerFlow] = PowerFlow) -> None:
        """`feeder` and `homes` in their normal state; `solver` is balanced or by phase."""
        self._feeder, self._homes, self._solver = feeder, tuple(homes), solver
        self._states: dict[tuple[GridEvent, ...], NetworkState] = {}

    def under(self, events: tuple[GridEvent, ...]) -> NetworkState:
        """The feeder while these events last."""
        if events not in self._states:
            self._states[events] = _state(changed(self._feeder, events), self._homes, self._solver)
        return self._states[events]


def _state(feeder: Feeder, homes: tuple[Home, ...], solver: type[PowerFlow]) -> NetworkState:
    reached = electrical_distances(feeder, feeder.source_bus)
    dead_buses = frozenset(bus for bus, ohm in enumerate(reached) if math.isinf(ohm))
    dead = frozenset(i for i, cn in enumerate(feeder.connections) if cn.bus in dead_buses)
    live = tuple(without_supply(home) if i in dead else home for i, home in enumerate(homes))
    return NetworkState(solver(feeder, dead_parts=bool(dead_buses)), live, dead, dead_buses)


def without_supply(home: Home) -> Home:
    """Neither battery nor plant works without the grid: they have no switch to run as an island."""
    return msgspec.structs.replace(home, firm_export_wh=0, battery_power_wh=0)


def changed(feeder: Feeder, events: Sequence[GridEvent]) -> Feeder:
    """The feeder with its outages and deratings; positions of all elements stay."""
    lines, transformers = list(feeder.lines), list(feeder.transformers)
    for event in events:
        lines = [_line(line, event) for line in lines]
        transformers = [_transformer(feeder, trafo, event) for trafo in transformers]
    return replace(feeder, lines=tuple(lines), transformers=tuple(transformers))


def _line(line: Line, event: GridEvent) -> Line:
    if isinstance(event, LineOutage) and event.line == line.name:
        return replace(line, from_closed=False, to_closed=False)
    if isinstance(event, Derating) and event.element == line.name:
        return replace(line, max_i_ka=line.max_i_ka * event.rating_permille / PERMILLE)
    return line


def _transformer(feeder: Feeder, trafo: Transformer, event: GridEvent) -> Transformer:
    """Parallel units that are off take their share of rating, admittance and iron losses with them."""
    if isinstance(event, Derating) and event.element == trafo.name:
        return replace(trafo, derating=trafo.derating * event.rating_permille / PERMILLE)
    if not (isinstance(event, TransformerOutage) and _name_of(feeder, event) == trafo.name):
        return trafo
    left = event.remaining_permille / PERMILLE
    if not left:
        return replace(trafo, hv_closed=False, lv_closed=False)
    return replace(trafo, sn_mva=trafo.sn_mva * left, pfe_kw=trafo.pfe_kw * left)


def _name_of(feeder: Feeder, event: TransformerOutage) -> str | None:
    """Of a feeder's only transformer nobody needs to know the name."""
    only = feeder.transformers[0].name if len(feeder.transformers) == 1 else None
    return event.transformer or only


def element_faults(feeder: Feeder, events: Sequence[object]) -> tuple[Words, ...]:
    """Events about elements that the network doesn't have, with what it has."""
    faults = []
    for number, event in enumerate(events, 1):
        named, known = _named(feeder, event)
        if isinstance(event, GridEvent) and named not in known:
            shown = ", ".join(sorted(known)[:SHOWN]) + (" ..." if len(known) > SHOWN else "")
            faults.append(
                Words(
                    "[[events]] number %(number)s: %(named)s is no such element of %(name)s; name one of %(shown)s",
                    number=number,
                    named=repr(named) if named else Words("'an unnamed transformer'"),
                    name=feeder.name,
                    shown=shown or Words("none"),
                )
            )
    return tuple(faults)


def _named(feeder: Feeder, event: object) -> tuple[str | None, frozenset[str]]:
    """The element that an event names, and the names that it may be."""
    lines = frozenset(line.name for line in feeder.lines)
    transformers = frozenset(trafo.name for trafo in feeder.transformers)
    if isinstance(event, TransformerOutage):
        return _name_of(feeder, event), transformers
    if isinstance(event, LineOutage):
        return event.line, lines
    if isinstance(event, Derating):
        return event.element, lines | transformers
    return None, frozenset()

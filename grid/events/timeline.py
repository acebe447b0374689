"""Which events are in force in a slot, and what they do to loads, plants and meters. Pure: the seed is all chance."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeVar

import numpy as np
from msgspec.structs import replace as change

from grid.assets import PERMILLE, SLOTS_PER_HOUR, Needs
from grid.events.outages import NetworkState
from grid.events.sections import Behaviour, CloudFront, FlashCrowd, GridEvent, Happening, MaliciousAgents
from grid.metering import Reading

Kind = TypeVar("Kind", bound=Happening)


class Timeline:
    """The events of a scenario on a feeder with `size` connections."""

    def __init__(self, events: Sequence[Happening], seed: int, size: int) -> None:
        """Draw who is concerned: the same for the same seed and file on any machine."""
        self.events, self._size = tuple(events), size
        self._concerned = [_drawn(event, [seed, number], size) for number, event in enumerate(events)]

    def known_network(self, slot_start: int) -> tuple[GridEvent, ...]:
        """Changes of the network that agents and gate reckon with when they trade the slot."""
        return tuple(e for e in self.events if isinstance(e, GridEvent) and e.known(slot_start))

    def real_network(self, slot_start: int) -> tuple[GridEvent, ...]:
        """Changes of the network while the slot is delivered."""
        return tuple(event for event, _ in self._now(GridEvent, slot_start))

    def behaviours(self, slot_start: int) -> Mapping[int, Behaviour]:
        """Connections whose agents break the rules in this slot, and how."""
        return {
            connection: event.behaviours[turn % len(event.behaviours)]
            for event, concerned in self._now(MaliciousAgents, slot_start)
            for turn, connection in enumerate(concerned)
        }

    @property
    def malicious(self) -> Mapping[int, Behaviour]:
        """Everyone who ever breaks the rules, with what they do last."""
        return {
            connection: behaviour
            for event in self.events
            if isinstance(event, MaliciousAgents)
            for connection, behaviour in self.behaviours(int(event.start.timestamp())).items()
        }

    def stopped(self, slot_start: int, sellers: AbstractSet[int]) -> frozenset[int]:
        """Sellers who switch plant and battery off when they should deliver."""
        how = self.behaviours(slot_start)
        return frozenset(seller for seller in sellers if how.get(seller) == "never-deliver")

    def claims_wh(self, slot_start: int) -> Mapping[int, int]:
        """What oversellers offer beyond what they have, per connection."""
        return {
            connection: event.claimed_wh
            for event, concerned in self._now(MaliciousAgents, slot_start)
            for turn, connection in enumerate(concerned)
            if event.behaviours[turn % len(event.behaviours)] == "oversell"
        }

    def disturbed(self, needs: Sequence[Needs], slot_start: int) -> tuple[Needs, ...]:
        """What really comes: with what nobody expected."""
        extra = self._extra_wh(slot_start)
        clouds = [event.remaining_permille for event, _ in self._now(CloudFront, slot_start)]
        if not extra and not clouds:
            return tuple(needs)
        left = min(clouds, default=PERMILLE)
        return tuple(
            change(need, load_wh=need.load_wh + extra.get(i, 0), pv_wh=_clouded(need, left))
            for i, need in enumerate(needs)
        )

    def read(self, readings: Iterable[Reading], slot_start: int) -> tuple[Reading, ...]:
        """What the meters show: false ones less import and more export."""
        lies = {
            connection: event.lie_permille
            for event, concerned in self._now(MaliciousAgents, slot_start)
            for connection in concerned
        }
        liars = {i for i, how in self.behaviours(slot_start).items() if how == "false-meter"}
        return tuple(_lie(r, lies[r.connection]) if r.connection in liars else r for r in readings)

    def words(self, slot_start: int) -> tuple[str, ...]:
        """The kinds of what is in force, in the file's order."""
        return tuple(event.kind for event in self.events if event.covers(slot_start))

    def _extra_wh(self, slot_start: int) -> dict[int, int]:
        extra: dict[int, int] = {}
        for event, concerned in self._now(FlashCrowd, slot_start):
            for connection in concerned:
                extra[connection] = extra.get(connection, 0) + round(event.extra_kw * 1000 / SLOTS_PER_HOUR)
        return extra

    def _now(self, kind: type[Kind], slot_start: int) -> list[tuple[Kind, tuple[int, ...]]]:
        return [
            (event, concerned)
            for event, concerned in zip(self.events, self._concerned, strict=True)
            if isinstance(event, kind) and event.covers(slot_start)
        ]


def _drawn(event: Happening, seed: Sequence[int], size: int) -> tuple[int, ...]:
    """The connections that an event concerns, in the order in which they were drawn."""
    if not isinstance(event, FlashCrowd | MaliciousAgents):
        return ()
    order = np.random.default_rng(seed).permutation(size)
    return tuple(order[: round(event.share * size)].tolist())


def _lie(reading: Reading, permille: int) -> Reading:
    return replace(
        reading,
        import_wh=reading.import_wh * (PERMILLE - permille) // PERMILLE,
        export_wh=reading.export_wh * (PERMILLE + permille) // PERMILLE,
    )


def idle(needs: Sequence[Needs], state: NetworkState, stopped: Iterable[int]) -> tuple[Needs, ...]:
    """The needs without what is cut off from the grid, and without the plants that their owners switched off."""
    still = state.dead_homes.union(stopped)
    if not still:
        return tuple(needs)
    return tuple(
        need if i not in still else _still(need, dark=i in state.dead_homes) for i, need in enumerate(needs)
    )


def _still(needs: Needs, *, dark: bool) -> Needs:
    return Needs(0, 0, needs.soc_wh) if dark else change(needs, pv_wh=0, wind_wh=0)


def _clouded(needs: Needs, permille: int) -> int:
    """Wind blows on."""
    return (needs.pv_wh - needs.wind_wh) * permille // PERMILLE + needs.wind_wh

"""The kinds of `[[events]]` in a scenario file, a struct each; docs/scenarios.md explains them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec

from grid.scenarios.sections import Permille, Section, Share
from grid.words import Words

Behaviour = Literal["ignore-gate", "oversell", "never-deliver", "false-meter"]
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)
PartOfWhole = Annotated[int, msgspec.Meta(ge=0, le=999)]
PartInUse = Annotated[int, msgspec.Meta(ge=1, le=999)]


class Happening(Section, frozen=True, kw_only=True, tag_field="kind"):
    """An event's time: from the slot that starts at `start` until `end`."""

    start: datetime
    end: datetime

    @property
    def kind(self) -> str:
        """The kind's name in the file."""
        return str(self.__struct_config__.tag)

    def covers(self, slot_start: int) -> bool:
        """Whether the slot lies inside."""
        return self.start.timestamp() <= slot_start < self.end.timestamp()


class GridEvent(Happening, frozen=True, kw_only=True):
    """A change of the network. Unannounced, agents and gate learn of it after its first slot."""

    announced: bool = True

    def known(self, slot_start: int) -> bool:
        """Whether everybody reckons with it when the slot is traded."""
        return self.covers(slot_start) and (self.announced or self.start.timestamp() < slot_start)


class TransformerOutage(GridEvent, frozen=True, kw_only=True, tag="transformer-outage"):
    """A transformer is off, or some of its parallel units are: `remaining_permille` of its rating stays on."""

    transformer: str | None = None
    remaining_permille: PartOfWhole = 0


class LineOutage(GridEvent, frozen=True, kw_only=True, tag="line-outage"):
    """A line is open at both ends."""

    line: str


class Derating(GridEvent, frozen=True, kw_only=True, tag="derating"):
    """A line or transformer may carry no more than so much of its rating; its impedance stays."""

    element: str
    rating_permille: PartInUse


class FlashCrowd(Happening, frozen=True, kw_only=True, tag="flash-crowd"):
    """A share of the homes draws `extra_kw` more than anybody expected."""

    share: Share
    extra_kw: Annotated[float, msgspec.Meta(gt=0, le=1000)]


class CloudFront(Happening, frozen=True, kw_only=True, tag="cloud-front"):
    """All plants give so much of what the weather would allow, and nobody expected it."""

    remaining_permille: PartOfWhole


class MaliciousAgents(Happening, frozen=True, kw_only=True, tag="malicious-agents"):
    """A share of the connections breaks the rules; several behaviours are dealt out in turn.

    Attributes:
        share: of all connections, drawn from the scenario's seed.
        behaviours: `ignore-gate`, `oversell`, `never-deliver`, `false-meter`.
        claimed_wh: what an overseller offers in each slot beyond what it has.
        lie_permille: by how much a false meter shows less import and more export.
    """

    share: Share
    behaviours: Annotated[tuple[Behaviour, ...], msgspec.Meta(min_length=1)] = BEHAVIOURS
    claimed_wh: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    lie_permille: Permille = 300


Event = TransformerOutage | LineOutage | Derating | FlashCrowd | CloudFront | MaliciousAgents


def event_faults(events: Sequence[Happening], start: float, end: float, slot_s: int) -> list[Words]:
    """Events that can't happen in the period [start, end), epoch seconds, with remedies."""
    return [
        Words("[[events]] number %(number)s: %(fault)s", number=number, fault=fault)
        for number, event in enumerate(events, 1)
        for fault in _time_faults(event, start, end, slot_s)
    ]


def _time_faults(event: Happening, start: float, end: float, slot_s: int) -> list[Words]:
    moments = {"start": event.start, "end": event.end}
    naive = [key for key, moment in moments.items() if moment.tzinfo is None]
    if naive:
        return [
            Words("%(key)s has no offset; write it like 2016-06-15T18:00:00+02:00", key=key) for key in naive
        ]
    faults = [
        Words("%(key)s must lie on a quarter-hour", key=k)
        for k, m in moments.items()
        if m.timestamp() % slot_s
    ]
    if event.start >= event.end:
        faults.append(Words("end must lie after start"))
    elif event.start.timestamp() < start or event.end.timestamp() > end:
        faults.append(Words("must lie inside the [period]; change the event's times or the period"))
    return faults

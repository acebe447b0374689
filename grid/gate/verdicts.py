"""The gate's answer to a nomination, in figures and in words."""

from dataclasses import asdict, dataclass
from typing import Any

from grid.gate.limits import Breach
from grid.gate.nominations import Nomination
from grid.gate.remedies import Remedy

MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer. A refusal names the limit, the place, and the largest quantity that passes.

    Attributes:
        nomination: what was asked.
        accepted: whether all of it passes; where `remedies` are named, after these.
        max_passing_wh: was itself checked by an exact power flow, and one Wh more was seen to fail.
        breach: the limit that it would exceed; of an accepted one, without its remedies.
        granted_wh: what passes, and after `accept` or `accept_all` is bound under the nomination's id.
        remedies: what others do so that it passes; of a refused one, what would do but costs more than is allowed.
        cost: of the remedies together, micro-units: the seller and the buyer pay half each.
    """

    nomination: Nomination
    accepted: bool
    max_passing_wh: int
    breach: Breach | None = None
    granted_wh: int = 0
    remedies: tuple[Remedy, ...] = ()
    cost: int = 0

    @property
    def binding(self) -> tuple[Remedy, ...]:
        """The remedies that come with it: none if it is refused."""
        return self.remedies if self.accepted else ()

    @property
    def words(self) -> str:
        """What to tell the person who made the trade."""
        asked = _kwh(self.nomination.quantity_wh)
        if self.accepted and not self.remedies:
            return f"The grid has room for this trade of {asked} in this slot."
        if self.accepted:
            return f"The grid has room for this trade of {asked} after this: {self._measures}. {self._price}"
        why = f"with {asked}, {self.breach.words}" if self.breach else "others want the same room"
        return f"Refused by the grid: {why}. {self._rest}{self._too_dear}"

    @property
    def _measures(self) -> str:
        return ", ".join(remedy.words for remedy in self.remedies)

    @property
    def _price(self) -> str:
        return f"That costs {self.cost / MICRO:.4f}; seller and buyer pay half each."

    @property
    def _rest(self) -> str:
        if self.granted_wh:
            return f"{_kwh(self.granted_wh)} of it is granted."
        if self.max_passing_wh:
            return f"{_kwh(self.max_passing_wh)} of it would still fit in this slot."
        return "Nothing more fits here in this slot; another partner or a later slot may."

    @property
    def _too_dear(self) -> str:
        if not self.remedies:
            return ""
        return f" All of it would fit after this: {self._measures}; but {self.cost / MICRO:.4f} is more than may be spent on it."

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form, with the words."""
        return {**asdict(self), "words": self.words}


def _kwh(wh: int) -> str:
    return f"{wh / 1000:.3f} kWh"

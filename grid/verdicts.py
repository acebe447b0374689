"""The gate's answer to a nomination, in figures and in words."""

from dataclasses import asdict, dataclass
from typing import Any

from grid.limits import Breach
from grid.nominations import Nomination


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer. A refusal names the limit, the place, and the largest quantity that passes.

    `max_passing_wh` was itself checked by an exact power flow, and one Wh more was seen to fail.
    """

    nomination: Nomination
    accepted: bool
    max_passing_wh: int
    breach: Breach | None = None

    @property
    def words(self) -> str:
        """What to tell the person who made the trade."""
        asked = _kwh(self.nomination.quantity_wh)
        if self.breach is None:
            return f"The grid has room for this trade of {asked} in this slot."
        if self.max_passing_wh:
            remedy = f"{_kwh(self.max_passing_wh)} of it would still fit in this slot."
        else:
            remedy = "Nothing more fits here in this slot; another partner or a later slot may."
        return f"Refused by the grid: with {asked}, {self.breach.words}. {remedy}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form, with the words."""
        return {**asdict(self), "words": self.words}


def _kwh(wh: int) -> str:
    return f"{wh / 1000:.3f} kWh"

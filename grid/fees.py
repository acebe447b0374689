"""Grid fees: what a trade pays the grid operator, per kWh, by one of four models. Rates are integers.

After Baroche, Pinson, Le Goff Latimier & Ben Ahmed, Exogenous cost allocation in peer-to-peer electricity markets,
IEEE Trans. Power Systems 34 (2019) 2553-2564 (unique charge, charge by electrical distance), and Guerrero, Chapman &
Verbic, Decentralized P2P energy trading under network constraints in a low-voltage network, IEEE Trans. Smart Grid
10 (2019) 5163-5173 (charge by the trade's marginal losses).
"""

from collections.abc import Sequence
from typing import Protocol

from grid.networks.feeder import Feeder, electrical_distances
from grid.scenarios.sections import FeesSection

PERMILLE, PPM = 1000, 1_000_000


class PairFees(Protocol):
    """What a pair pays per kWh in one slot: micro-units per kWh, never negative."""

    @property
    def least(self) -> tuple[int, int]:
        """(seller's, buyer's) fee that no pair stays below."""

    def ends(self, seller: int, buyer: int) -> tuple[int, int]:
        """(seller's, buyer's) fee for a trade between two connections."""


def shared(per_kwh: int, seller_permille: int) -> tuple[int, int]:
    """(seller's, buyer's) part of a fee; together exactly the fee."""
    of_seller = per_kwh * seller_permille // PERMILLE
    return of_seller, per_kwh - of_seller


class FlatFees:
    """The same for every trade."""

    def __init__(self, per_kwh: int = 0, seller_permille: int = 500) -> None:
        """`seller_permille` of the fee are the seller's, rounded down; the buyer pays the rest."""
        self.least = shared(per_kwh, seller_permille)

    def ends(self, seller: int, buyer: int) -> tuple[int, int]:  # noqa: ARG002  a flat fee looks at nobody
        """The flat fee."""
        return self.least


NO_FEES = FlatFees()


class DistanceFees:
    """By the ohm between the two buses, along the line that joins them (`grid.networks.feeder.electrical_distances`).

    On a radial feeder with one R/X ratio that is the Thevenin impedance |Zii + Zjj - 2 Zij| between them, the usual
    electrical distance (Cuffe & Keane, IEEE Systems Journal 11 (2017) 1810-1821); it is never less than it.
    """

    def __init__(self, feeder: Feeder, section: FeesSection) -> None:
        self._feeder, self._section = feeder, section
        self._ohms: dict[int, tuple[float, ...]] = {}
        self.least = shared(section.per_kwh, section.seller_permille)

    def ends(self, seller: int, buyer: int) -> tuple[int, int]:
        """Base fee plus the ohms' price, rounded to the micro-unit."""
        one, other = (self._feeder.connections[i].bus for i in (seller, buyer))
        if one not in self._ohms:
            self._ohms[one] = electrical_distances(self._feeder, one)
        per_kwh = self._section.per_kwh + round(self._section.per_kwh_ohm * self._ohms[one][other])
        return shared(per_kwh, self._section.seller_permille)


class SensitivityFees:
    """By the losses that the trade adds at the margin: retail price times (dL/dP at the buyer - dL/dP at the seller).

    A trade that lowers the losses gets that taken off the base fee, but is never paid for it.
    """

    least = (0, 0)

    def __init__(self, loss_ppm: Sequence[int], section: FeesSection, retail_per_kwh: int) -> None:
        """`loss_ppm` per connection, as `grid.losses.loss_sensitivities` gives it for the slot's expected flows."""
        self._loss_ppm, self._section, self._retail = loss_ppm, section, retail_per_kwh

    def ends(self, seller: int, buyer: int) -> tuple[int, int]:
        """Base fee plus the marginal losses at the retail price, rounded down, at least 0."""
        added_ppm = self._loss_ppm[buyer] - self._loss_ppm[seller]
        per_kwh = max(0, self._section.per_kwh + self._retail * added_ppm // PPM)
        return shared(per_kwh, self._section.seller_permille)

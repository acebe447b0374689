"""What stands behind a meter besides load, PV and battery: electric vehicles and heat pumps, as their data sheets."""

from dataclasses import dataclass
from typing import Literal

Sink = Literal["floor", "radiator"]


@dataclass(frozen=True, slots=True)
class Session:
    """One stay of a vehicle at its charger: from the slot that starts at `arrival` up to `departure`, epoch seconds.

    `need_wh` is what its battery must take in by then.
    """

    arrival: int
    departure: int
    need_wh: int


@dataclass(frozen=True, slots=True)
class ElectricVehicle:
    """A vehicle and its charger: power in watts at the terminals, efficiency of charging in per mille.

    `flexible`: it charges as bought, and by itself only what it must; else at once with full power.
    """

    name: str
    power_w: int
    efficiency_permille: int
    flexible: bool
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class HeatPump:
    """An air-source heat pump and the house that it heats, a single zone (docs/grid.md).

    Attributes:
        name: of the asset.
        power_w: electric, at most.
        flexible: it heats as bought, and by itself only at the lower edge of the band; else it holds the middle.
        loss_w_per_k: heat that the house loses per kelvin between inside and outside.
        capacity_wh_per_k: heat that warms the house by one kelvin.
        gains_w: heat of sun, people and appliances.
        min_celsius, max_celsius: the band.
        start_permille: of the band's heat that is stored before the first slot.
        sink: what the heat goes into; sets the flow temperature.
        temperature: the profile that holds the outdoor temperature in degrees Celsius; None for `climate`.
        climate: yearly mean, seasonal and daily amplitude of a synthetic outdoor temperature, degrees Celsius.
    """

    name: str
    power_w: int
    flexible: bool
    loss_w_per_k: float
    capacity_wh_per_k: float
    gains_w: float
    min_celsius: float
    max_celsius: float
    start_permille: int
    sink: Sink
    temperature: str | None
    climate: tuple[float, float, float]

    @property
    def store_wh(self) -> int:
        """Heat that the house holds between the edges of the band, Wh thermal, rounded down."""
        return int(self.capacity_wh_per_k * (self.max_celsius - self.min_celsius))

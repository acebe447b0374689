"""Units of columns: said in the column's name or for the whole file, never guessed."""

import re
from dataclasses import dataclass
from typing import Literal

from grid.words import Words


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number means: mean power over its interval, energy of its interval, or a share of the rated power."""

    name: str
    kind: Literal["power", "energy", "relative"]
    kilo: float = 1.0
    """Times this: kW or kWh."""


RELATIVE = Unit("relative", "relative")
UNITS = {
    "W": Unit("W", "power", 1e-3),
    "kW": Unit("kW", "power"),
    "MW": Unit("MW", "power", 1e3),
    "Wh": Unit("Wh", "energy", 1e-3),
    "kWh": Unit("kWh", "energy"),
    "MWh": Unit("MWh", "energy", 1e3),
    "relative": RELATIVE,
}
_SPELLINGS = {
    **{name.lower(): unit for name, unit in UNITS.items()},
    "rel": RELATIVE,
    "pu": RELATIVE,
    "p.u.": RELATIVE,
}
_IN_NAME = re.compile(
    r"(?P<name>.*?)[\s_]*(?:\[(?P<square>[^\]]*)\]|\((?P<round>[^)]*)\)|(?:_|\s)(?P<bare>[A-Za-z.]+))$"
)
_MILLI = ("mW", "mWh")
REMEDY = Words(
    "name it like house_kW (mean power), house_kWh (energy of each interval) or house_relative (1 = rated power), or give one unit for the whole file"
)


def unit_named(word: str) -> Unit | None:
    """The unit of that spelling; None for what is no unit of energy or power. Milliwatt is not read as megawatt."""
    return None if word.strip() in _MILLI else _SPELLINGS.get(word.strip().lower())


def split_unit(header: str) -> tuple[str, Unit | None]:
    """A column's name without its unit, and the unit; `house_kwh`, `house [kWh]`, `house (W)`, `house kW`."""
    found = _IN_NAME.fullmatch(header.strip())
    word = found and (found["square"] or found["round"] or found["bare"])
    unit = unit_named(word) if word else None
    if found is None or unit is None or not found["name"].strip():
        return header.strip(), None
    return found["name"].strip(), unit

"""The few choices of a study that is made in the site, and the scenario's tables that they mean."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from grid.market.mechanisms import MECHANISMS
from grid.profiles.options import STAMPS as _STAMPS
from grid.profiles.units import UNITS
from marketplace.accounts.errors import RefusedError

UNIT_NAMES = tuple(UNITS)
STAMPS = _STAMPS
LAST_MOMENT = 7_258_118_399
"""The last second of 2199."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Files by name; period in epoch seconds; scales; the supplier's prices in micro-units per kWh."""

    network: str
    profiles: list[str]
    start: int
    end: int
    name: str = ""
    load_scale: float = 1.0
    pv_scale: float = 1.0
    firm_export_permille: int = 1000
    mechanism: str = "bilateral"
    strategy: str = "adaptive"
    retail_per_kwh: int = 320_000
    feed_in_per_kwh: int = 82_000
    imbalance_per_kwh: int = 380_000
    seed: int = 1


def mechanism_names() -> list[str]:
    """Market mechanisms to choose from."""
    return sorted(MECHANISMS)


def tables_from(choices: Choices) -> dict[str, Any]:
    """The scenario file that says the same. Raises RefusedError for times beyond the calendar."""
    if max(choices.start, choices.end) > LAST_MOMENT:
        words = _("The period lies beyond the year 2199.")
        raise RefusedError("period", words, {"end": [words]})
    start, end = (datetime.fromtimestamp(at, UTC) for at in (choices.start, choices.end))
    return {
        "name": choices.name.encode(errors="replace").decode() or Path(choices.network).stem[:80] or "study",
        "description": "A study of somebody's own files, made in the site.",
        "seed": choices.seed,
        "grid": {
            "network": choices.network,
            "profiles": list(choices.profiles),
            "load_scale": choices.load_scale,
            "pv_scale": choices.pv_scale,
            "firm_export_permille": choices.firm_export_permille,
        },
        "period": {"start": start, "end": end},
        "tariff": {
            key: getattr(choices, key) for key in ("retail_per_kwh", "feed_in_per_kwh", "imbalance_per_kwh")
        },
        "market": {"mechanism": choices.mechanism, "strategy": choices.strategy},
    }

"""The shipped scenarios, to be played as they are or with a few things changed."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from grid.scenarios.scenario import Scenario, load_scenario, parse_scenario
from marketplace.accounts.errors import RefusedError

FOLDER = Path(settings.BASE_DIR) / "fixtures" / "scenarios"
MARKET = ("mechanism", "strategy")
GRID = ("pv_scale", "load_scale", "firm_export_permille")
HEAD = ("seed",)
MOST_NAME = 80
CHANGEABLE = (*MARKET, *GRID, *HEAD)


@dataclass(frozen=True, slots=True)
class Shipped:
    """A scenario of the library."""

    key: str
    name: str
    description: str
    start: int
    end: int
    mechanism: str


def shipped() -> tuple[Shipped, ...]:
    """All of the library, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.toml")))


@cache
def _read(path: Path) -> Shipped:
    scenario = load_scenario(path)
    return Shipped(
        path.stem,
        scenario.name,
        scenario.description,
        scenario.start,
        scenario.end,
        scenario.market.mechanism,
    )


def library_tables(*, key: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A shipped scenario's tables with `changes` of the market, the grid's scales and the seed.

    Raises:
        RefusedError: there is no such scenario.
    """
    if key not in {one.key for one in shipped()}:
        words = _("%(key)s is no shipped scenario; there are %(shipped)s.") % {
            "key": f"{key!r}",
            "shipped": ", ".join(one.key for one in shipped()),
        }
        raise RefusedError("library", words, {"library": [words]})
    tables = tomllib.loads((FOLDER / f"{key}.toml").read_text(encoding="utf-8"))
    for section, names in (("market", MARKET), ("grid", GRID)):
        tables.setdefault(section, {}).update({name: changes[name] for name in names if name in changes})
    named = f"{tables['name']}{_told(changes)}"[:MOST_NAME]
    return tables | {name: changes[name] for name in HEAD if name in changes} | {"name": named}


def _told(changes: Mapping[str, Any]) -> str:
    """What is other than in the shipped scenario, so that two runs of it can be told apart."""
    words = {"pv_scale": "PV x{:g}", "load_scale": "load x{:g}", "seed": "seed {}"}
    words |= {"mechanism": "{}", "strategy": "{}"}
    said = [form.format(changes[key]) for key, form in words.items() if key in changes]
    if "firm_export_permille" in changes:
        said.append(f"firm {changes['firm_export_permille'] / 10:g} %")
    return "".join(f", {one}" for one in said)


def library_scenario(tables: Mapping[str, Any]) -> Scenario:
    """The scenario of `library_tables`. Raises ScenarioFaultError where a change does not go with it."""
    return parse_scenario(dict(tables), folder=FOLDER)

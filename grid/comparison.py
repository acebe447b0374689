"""The same scenario under several market mechanisms, played in memory and put side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as change

from grid.scenarios.scenario import Scenario
from grid.scenarios.sections import MechanismName
from grid.simulation import open_simulation
from grid.study import Study


def with_mechanism(scenario: Scenario, name: MechanismName) -> Scenario:
    """The scenario with another mechanism; everything else, chance too, is the same."""
    return replace(scenario, market=change(scenario.market, mechanism=name))


def compared(
    scenario: Scenario,
    mechanisms: Sequence[MechanismName],
    watch: Callable[[dict[str, Any]], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Per mechanism its name and its summary (`grid.results.summary`); `watch` is shown every slot on its way."""
    for name in mechanisms:
        study = Study(open_simulation(with_mechanism(scenario, name)))
        yield {"mechanism": name, **study.run(watch)}


def row_of(summary: dict[str, Any]) -> dict[str, Any]:
    """The figures of a comparison: energy in Wh, money in micro-units, None where there is nothing to divide by."""
    bills = summary["bills"]
    return {
        "mechanism": summary["mechanism"],
        "trades": summary["trades"],
        "refused": summary["refused"],
        "traded_wh": summary["energy"]["traded_wh"],
        "price_mean": summary["prices"]["mean"],
        "self_sufficiency": summary["kpis"]["self_sufficiency"],
        "self_consumption": summary["kpis"]["self_consumption"],
        "efficiency": summary["welfare"]["efficiency"],
        "welfare": summary["welfare"]["gained"],
        "bills": sum(row["bill_after"] for row in bills),
        "saved": sum(row["saved"] for row in bills),
        "worst_off": min((row["saved"] for row in bills), default=0),
        "fees": summary["grid_charges"]["fees"],
        "losses_wh": summary["energy"]["losses_wh"],
        "curtailed_wh": summary["energy"]["curtailed_wh"],
    }

"""Firm export cut back where limits would not hold otherwise: the operator's last resort (`[gate] curtail_firm`)."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from grid.assets import PERMILLE, Home
from grid.flow.powerflow import PowerFlow
from grid.gate.limits import Envelope, Limits
from grid.gate.nominations import SlotCase, nominated
from grid.gate.search import fitting, largest_passing, solve_net


def firm_permille(power_flow: PowerFlow, limits: Limits, case: SlotCase) -> int:
    """One share of everyone's firm export: the largest with which no limit is exceeded, or more so than without export.

    What inflexible load exceeds by itself stays as it is: no curtailment could prevent that.
    """
    cases = np.vstack((_net(case, 0), _net(case, PERMILLE)))
    if (cases[0] == cases[1]).all():
        return PERMILLE
    envelope = Envelope(power_flow.feeder, limits, solve_net(power_flow, cases[:1], case.q_kvar))
    if fitting(envelope, power_flow, cases[1:], case.q_kvar)[0]:
        return PERMILLE

    def test(shares: Sequence[int]) -> npt.NDArray[np.bool_]:
        tried = np.vstack([_net(case, share) for share in shares])
        return fitting(envelope, power_flow, tried, case.q_kvar)

    return largest_passing(test, PERMILLE)


def with_firm(case: SlotCase, permille: int) -> SlotCase:
    """The same slot with so much of everyone's firm export."""
    if permille == PERMILLE:
        return case
    return replace(case, homes=tuple(cut_back(home, permille) for home in case.homes))


def cut_back(home: Home, permille: int) -> Home:
    """A home with a share of its firm export, rounded down to the Wh."""
    return msgspec.structs.replace(home, firm_export_wh=home.firm_export_wh * permille // PERMILLE)


def _net(case: SlotCase, permille: int) -> npt.NDArray[np.int64]:
    homes = with_firm(case, permille).homes
    nets = [nominated(h, needs, 0, 0).net_import_wh for h, needs in zip(homes, case.needs, strict=True)]
    return np.array(nets, dtype=np.int64)

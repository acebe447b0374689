"""Networks that need no file: `simbench:CODE` and `pandapower:FUNCTION`."""

import importlib.util
import random
from collections.abc import Callable
from typing import Any

from grid.networks.feeder import Feeder, NetworkFaultError
from grid.words import Words

SIMBENCH_ATTRIBUTION = "SimBench (https://simbench.net), University of Kassel, Fraunhofer IEE, RWTH Aachen, TU Dortmund; ODbL 1.0"
KERBER = (
    "create_kerber_dorfnetz", "create_kerber_landnetz_freileitung_1", "create_kerber_landnetz_freileitung_2",
    "create_kerber_landnetz_kabel_1", "create_kerber_landnetz_kabel_2", "create_kerber_vorstadtnetz_kabel_1",
    "create_kerber_vorstadtnetz_kabel_2", "kb_extrem_dorfnetz", "kb_extrem_dorfnetz_trafo",
    "kb_extrem_landnetz_freileitung", "kb_extrem_landnetz_freileitung_trafo", "kb_extrem_landnetz_kabel",
    "kb_extrem_landnetz_kabel_trafo", "kb_extrem_vorstadtnetz_1", "kb_extrem_vorstadtnetz_2",
    "kb_extrem_vorstadtnetz_trafo_1", "kb_extrem_vorstadtnetz_trafo_2",
)  # fmt: skip
# Attack: the name comes from a file that anyone may write, so it is looked up here and never in a module.
BUILT_IN = (
    *KERBER, "case33bw", "create_cigre_network_lv", "create_cigre_network_mv", "create_cigre_network_mv_all",
    "create_cigre_network_mv_pv_wind", "create_dickert_lv_network", "create_synthetic_voltage_control_lv_network",
    "four_loads_with_branches_out", "ieee_european_lv_asymmetric", "lv_schutterwald", "mv_oberrhein",
    "panda_four_load_branch", "simple_four_bus_system", "simple_mv_open_ring_net",
)  # fmt: skip
_WITH_DER = "create_cigre_network_mv_"


def simbench_net(code: str) -> Any:
    """SimBench's pandapower net, with profiles. Raises NetworkFaultError for an unknown code or a missing package.

    Trap: `tap_changer_type` is empty in SimBench, and pandapower 3 then ignores the tap position silently.
    """
    if importlib.util.find_spec("simbench") is None:
        raise NetworkFaultError(
            (
                Words(
                    "simbench:%(code)s: needs the package simbench; run pip install 'wattnote[simbench]'",
                    code=code,
                ),
            )
        )
    import simbench  # noqa: PLC0415  an extra, and 3 s to import

    if code not in simbench.collect_all_simbench_codes():
        raise NetworkFaultError(
            (
                Words(
                    "simbench:%(code)s: is no SimBench grid; take a code such as 1-LV-rural3--2-sw from simbench.net",
                    code=code,
                ),
            )
        )
    net = simbench.get_simbench_net(code)
    net.trafo["tap_changer_type"] = "Ratio"
    return net


def simbench_feeder(code: str) -> Feeder:
    """A SimBench grid by its code; 3 s."""
    from grid.networks.pandapower_tables import feeder_from_pandapower  # noqa: PLC0415  pandapower takes 2 s to import

    return feeder_from_pandapower(simbench_net(code), name=code, attribution=SIMBENCH_ATTRIBUTION)


def built_in_net(function: str) -> Any:
    """The pandapower net of a name in `BUILT_IN`. Raises NetworkFaultError for any other."""
    if function not in BUILT_IN:
        raise NetworkFaultError(
            (
                Words(
                    "pandapower:%(function)s: is not offered; choose one of %(built_in)s",
                    function=function,
                    built_in=", ".join(sorted(BUILT_IN)),
                ),
            )
        )
    import pandapower.networks  # noqa: PLC0415  pandapower takes 2 s to import

    if function.startswith(_WITH_DER):
        return pandapower.networks.create_cigre_network_mv(with_der=function.removeprefix(_WITH_DER))
    made: Callable[[], Any] = getattr(pandapower.networks, function)
    net = _same_each_time(made)
    return net[0] if isinstance(net, tuple) else net


def _same_each_time(made: Callable[[], Any]) -> Any:
    """Trap: pandapower draws the Kerber networks' line lengths from the process's random numbers."""
    before = random.getstate()
    random.seed(0)
    try:
        return made()
    finally:
        random.setstate(before)


def built_in_feeder(function: str) -> Feeder:
    """A network of pandapower's by its function's name; CIGRE's medium voltage also with `_pv_wind` and `_all`."""
    from grid.networks.pandapower_tables import feeder_from_pandapower  # noqa: PLC0415  pandapower takes 2 s to import

    return feeder_from_pandapower(built_in_net(function), name=function.removeprefix("create_"))


SOURCES: dict[str, Callable[[str], Feeder]] = {"simbench": simbench_feeder, "pandapower": built_in_feeder}

"""Power flows by phase of a 129-bus feeder in bulk, against `pandapower.runpp_3ph` on the same slots.

    python benchmarks/unbalanced.py [--slots 2000] [--steps 10]

Ours: random slots of the fixture feeder with single-phase homes, from powers to voltages, loadings, unbalance, neutral
currents and losses. Reference: `runpp_3ph` with its default settings (numba where it is installed) on the first of
them, its best time of each step taken, and its voltages compared with ours.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import results  # noqa: E402  found through the line above

from grid.flow.phases import shares_of  # noqa: E402  as above
from grid.flow.unbalanced import NEUTRAL_RETURN, UnbalancedPowerFlow  # noqa: E402  as above
from grid.networks.feeder import Feeder  # noqa: E402  as above
from grid.networks.files import load_feeder  # noqa: E402  as above

COMMAND = "python benchmarks/unbalanced.py"
FEEDER = HERE.parent / "fixtures" / "networks" / "1-LV-rural3--2-sw.json"
GOAL = 100.0
REPEATS = 3
VM_TOLERANCE_PU = 1e-6
FloatArray = npt.NDArray[np.float64]


def pandapower_3ph(feeder: Feeder) -> Any:
    """The feeder as pandapower's three-phase net, with the zero sequences that ours assumes; one load a connection."""
    import pandapower  # noqa: PLC0415  takes 2 s to import

    from grid.flow.pandapower_reference import pandapower_net  # noqa: PLC0415  as above

    net = pandapower_net(feeder)
    net.ext_grid[["s_sc_max_mva", "rx_max", "x0x_max", "r0x0_max"]] = 1e8, 0.1, 1.0, 0.1
    net.line["r0_ohm_per_km"] = NEUTRAL_RETURN * net.line.r_ohm_per_km
    net.line["x0_ohm_per_km"] = NEUTRAL_RETURN * net.line.x_ohm_per_km
    net.line["c0_nf_per_km"] = net.line.c_nf_per_km
    net.trafo["vector_group"], net.trafo["vk0_percent"] = "Dyn", net.trafo.vk_percent
    net.trafo["vkr0_percent"], net.trafo["mag0_percent"] = net.trafo.vkr_percent, 1e9
    net.trafo["mag0_rx"], net.trafo["si0_hv_partial"] = 0.0, 0.9
    net.load = net.load.iloc[:0]
    for connection in feeder.connections:
        pandapower.create_asymmetric_load(net, connection.bus)
    return net


def seconds_of_pandapower(net: Any, powers: FloatArray, shares: FloatArray) -> tuple[float, FloatArray]:
    """Mean over the steps of each one's best time, and voltages (steps, buses, 3)."""
    import pandapower  # noqa: PLC0415  takes 2 s to import

    taken, found = [], []
    for p_kw, q_kvar in zip(*powers, strict=True):
        for i, phase in enumerate("abc"):
            net.asymmetric_load[f"p_{phase}_mw"] = p_kw * shares[:, i] / 1e3
            net.asymmetric_load[f"q_{phase}_mvar"] = q_kvar * shares[:, i] / 1e3
        tries = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            pandapower.runpp_3ph(net)
            tries.append(time.perf_counter() - began)
        taken.append(min(tries))
        found.append(net.res_bus_3ph[["vm_a_pu", "vm_b_pu", "vm_c_pu"]].to_numpy())
    return float(np.mean(taken)), np.array(found)


def main() -> None:
    """Measure, check agreement, record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, default=2000, help="slots of ours")
    parser.add_argument("--steps", type=int, default=10, help="slots of the reference")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # pandas' performance advice inside pandapower
    feeder = load_feeder(FEEDER)
    p_kw = np.random.default_rng(4).uniform(-2, 3, (options.slots, len(feeder.connections)))
    powers = np.array([p_kw, p_kw / 5])
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        solver = UnbalancedPowerFlow(feeder)
        flows = solver.run(*powers, threading=0)
        taken.append(time.perf_counter() - began)
    ours = options.slots / min(taken)
    each, voltages = seconds_of_pandapower(
        pandapower_3ph(feeder), powers[:, : options.steps], shares_of(solver.phases)
    )
    apart = np.abs(flows.phases_pu[: options.steps] - voltages).max()
    print(f"furthest apart {apart:.1e} pu")
    if apart > VM_TOLERANCE_PU:
        raise SystemExit(f"results differ by more than {VM_TOLERANCE_PU} pu")
    results.record(
        "powerflow_by_phase", ours=ours, reference=1 / each, ratio=ours * each, goal=GOAL, unit="steps/s",
        better="higher", command=COMMAND,
    )  # fmt: skip


if __name__ == "__main__":
    main()

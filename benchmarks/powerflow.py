"""A year of power flow of a 129-bus feeder, against pandapower's own time series in the same run.

    python benchmarks/powerflow.py [--steps 500] [--grid 1-LV-rural3--2-sw]

Ours: all 35,136 quarter-hours, from SimBench's relative profiles to voltages, loadings and losses of every slot.
Reference: `pandapower.timeseries.run_timeseries` on random steps of the same data, voltages and loadings only, once
with its default solver (row `powerflow_vs_default`, needs numba) and once with `lightsim2grid=True` (row
`powerflow_vs_best`, needs lightsim2grid as well). A row whose package is missing is left as it was:
`pip install numba lightsim2grid` first. Each side is the best of three. Ours uses all cores, as anyone's would; pandapower has no way to.
"""

import argparse
import importlib.util
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

from grid.flow.powerflow import PowerFlow  # noqa: E402  as above
from grid.networks.library import simbench_net  # noqa: E402  as above
from grid.networks.pandapower_tables import feeder_from_pandapower  # noqa: E402  as above

COMMAND = "python benchmarks/powerflow.py"
CHUNK = 4392
REPEATS = 3
GOALS = {"powerflow_vs_best": 50.0, "powerflow_vs_default": 120.0}
VM_TOLERANCE_PU = 1e-6
LOADING_TOLERANCE_PERCENT = 1e-3
FloatArray = npt.NDArray[np.float64]


def load(code: str) -> tuple[Any, dict[tuple[str, str], Any]]:
    """Net and absolute profiles of a year, as pandapower's time series wants them."""
    import simbench  # noqa: PLC0415  400 MB of data, only here

    net = simbench_net(code)
    tables = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    return net, {key: table for key, table in tables.items() if table.shape[1]}


def sources(net: Any) -> list[tuple[str, str, FloatArray, FloatArray, npt.NDArray[np.int64]]]:
    """Relative profiles as they come: (element, quantity, (steps, profiles), rating per element, profile per element)."""
    found = []
    for element, table, suffix, quantity in (
        ("load", "load", "_pload", "p_mw"),
        ("load", "load", "_qload", "q_mvar"),
        ("sgen", "renewables", "", "p_mw"),
        ("storage", "storage", "", "p_mw"),
    ):
        names = sorted(set(net[element].profile))
        relative = np.column_stack([net.profiles[table][name + suffix].to_numpy() for name in names])
        which = np.array([names.index(name) for name in net[element].profile])
        found.append((element, quantity, relative, net[element][quantity].to_numpy(), which))
    return found


def year_of_ours(net: Any, inputs: Any, code: str) -> tuple[float, FloatArray, FloatArray]:
    """Seconds for the whole year, voltages (steps, buses) and line loadings (steps, lines)."""
    began = time.perf_counter()
    feeder = feeder_from_pandapower(net, name=code)
    power_flow = PowerFlow(feeder)
    place = {cn.load.name: i for i, cn in enumerate(feeder.connections) if cn.load}
    place |= {cn.generator.name: i for i, cn in enumerate(feeder.connections) if cn.generator}
    place |= {cn.battery.name: i for i, cn in enumerate(feeder.connections) if cn.battery}
    steps = len(inputs[0][2])
    mix = {"p_mw": [], "q_mvar": []}
    for element, quantity, relative, rating, which in inputs:
        weights = np.zeros((relative.shape[1], len(feeder.connections)))
        columns = [place[name] for name in net[element].name]
        np.add.at(weights, (which, columns), rating * (-1e3 if element == "sgen" else 1e3))
        mix[quantity].append((relative, weights))
    vm_pu, loading, losses = (
        np.empty((steps, len(feeder.buses))),
        np.empty((steps, len(feeder.lines))),
        np.empty(steps),
    )
    for first in range(0, steps, CHUNK):
        rows = slice(first, first + CHUNK)
        p_kw, q_kvar = (
            sum(relative[rows] @ weights for relative, weights in mix[key]) for key in ("p_mw", "q_mvar")
        )
        flows = power_flow.run(p_kw, q_kvar, threading=0)
        vm_pu[rows], loading[rows], losses[rows] = flows.vm_pu, flows.line_percent, flows.losses_kw
    return time.perf_counter() - began, vm_pu, loading


def steps_of_pandapower(
    net: Any, tables: Any, steps: list[int], *, lightsim: bool
) -> tuple[float, FloatArray, FloatArray]:
    """Seconds for the given steps, voltages and line loadings.

    Outputs are named in OutputWriter's constructor: added by `log_variable`, pandapower reads them four times slower.
    Losses are left out, since asking for them costs pandapower its fast path.
    """
    from pandapower.control import ConstControl  # noqa: PLC0415  pandapower takes 2 s to import
    from pandapower.timeseries import DFData, OutputWriter, run_timeseries  # noqa: PLC0415  as above

    net.controller = net.controller.iloc[:0]
    for (element, variable), table in tables.items():
        names = list(table.columns)
        ConstControl(
            net, element, variable, element_index=names, profile_name=names, data_source=DFData(table)
        )
    wanted = [("res_bus", "vm_pu"), ("res_line", "loading_percent"), ("res_trafo", "loading_percent")]
    run = {"verbose": False, "lightsim2grid": lightsim}
    OutputWriter(net, time_steps=steps[:2], output_path=None, log_variables=list(wanted))
    run_timeseries(net, time_steps=steps[:2], **run)  # compiles numba's functions
    writer = OutputWriter(net, time_steps=steps, output_path=None, log_variables=wanted)
    began = time.perf_counter()
    run_timeseries(net, time_steps=steps, **run)
    seconds = time.perf_counter() - began
    found = writer.output
    return seconds, found["res_bus.vm_pu"].to_numpy(), found["res_line.loading_percent"].to_numpy()


def main() -> None:
    """Measure, check agreement, record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--steps", type=int, default=500, help="steps of the reference, extrapolated to the year"
    )
    parser.add_argument("--grid", default="1-LV-rural3--2-sw")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # pandas' performance advice inside pandapower
    net, tables = load(options.grid)
    inputs = sources(net)
    runs = [year_of_ours(net, inputs, options.grid) for _ in range(REPEATS)]
    seconds, vm_pu, loading = min(runs, key=lambda run: run[0])
    ours = len(vm_pu) / seconds
    print(f"ours: {len(vm_pu)} steps in {seconds:.2f} s, best of {REPEATS}")
    steps = sorted(np.random.default_rng(3).choice(len(vm_pu), options.steps, replace=False).tolist())
    for name, lightsim in (("powerflow_vs_default", False), ("powerflow_vs_best", True)):
        missing = [package for package in ("numba", *(["lightsim2grid"] * lightsim)) if not _there(package)]
        if missing:
            print(
                f"{name}: {' and '.join(missing)} missing, so pandapower would be slower than it is; row left as it was"
            )
            continue
        tries = [steps_of_pandapower(net, tables, steps, lightsim=lightsim) for _ in range(REPEATS)]
        taken, their_vm, their_loading = min(tries, key=lambda run: run[0])
        _check(name, np.abs(their_vm - vm_pu[steps]).max(), np.abs(their_loading - loading[steps]).max())
        reference = len(steps) / taken
        results.record(
            name, ours=ours, reference=reference, ratio=ours / reference, goal=GOALS[name], unit="steps/s",
            better="higher", command=COMMAND,
        )  # fmt: skip


def _check(name: str, vm_pu: float, percent: float) -> None:
    print(f"{name}: furthest apart {vm_pu:.1e} pu, {percent:.1e} % loading")
    if vm_pu > VM_TOLERANCE_PU or percent > LOADING_TOLERANCE_PERCENT:
        raise SystemExit(
            f"{name}: results differ by more than {VM_TOLERANCE_PU} pu or {LOADING_TOLERANCE_PERCENT} %"
        )


def _there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


if __name__ == "__main__":
    main()

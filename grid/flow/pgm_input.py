"""A feeder as power-grid-model's tables; `grid.flow.powerflow` and `grid.flow.unbalanced` solve them.

Model of `pandapower.runpp` with its default settings, in power-grid-model's terms.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import power_grid_model as pgm

from grid.networks.feeder import DEGREES_PER_HOUR, Feeder, Line, Transformer, has_phase_shifting_loops

FREQUENCY_HZ = 50.0
SOURCE_SK_VA = 1e20  # pandapower's ext_grid is ideal; sk 1e10 already moves voltages by 8e-6 pu
LINE_IDS, TRAFO_IDS, SOURCE_IDS, LOAD_IDS, SHUNT_IDS = range(1_000_000, 6_000_000, 1_000_000)  # global in PGM
NO_CAPACITANCE_F = 1e-15  # carries a conductance, which PGM knows only as a share of the capacitance
Tables = dict[str, npt.NDArray[Any]]
Row = Mapping[str, float]


def balanced_input(feeder: Feeder) -> Tables:
    """All tables that have rows, with one symmetrical load per connection."""
    turned = has_phase_shifting_loops(feeder)
    return common_tables(feeder) | tables_of(
        ("line", LINE_IDS, [line_row(line) for line in feeder.lines]),
        ("transformer", TRAFO_IDS, [_transformer_row(trafo, turned=turned) for trafo in feeder.transformers]),
        ("shunt", SHUNT_IDS, shunt_rows(feeder)),
        ("sym_load", LOAD_IDS, [{"node": cn.bus, "status": 1, "type": 0} for cn in feeder.connections]),
    )


def common_tables(feeder: Feeder) -> Tables:
    """Nodes and the source."""
    source = {"node": feeder.source_bus, "status": 1, "u_ref": feeder.source_vm_pu, "sk": SOURCE_SK_VA}
    return tables_of(
        ("node", 0, [{"u_rated": bus.vn_kv * 1e3} for bus in feeder.buses]), ("source", SOURCE_IDS, [source])
    )


def tables_of(*given: tuple[str, int, Sequence[Row]]) -> Tables:
    """(component, first id, rows) as input tables; components without rows are left out."""
    tables = {}
    for component, first_id, rows in given:
        if rows:
            tables[component] = pgm.initialize_array("input", component, len(rows))
            tables[component]["id"] = first_id + np.arange(len(rows))
            for key in rows[0]:
                tables[component][key] = [row[key] for row in rows]
    return tables


def line_row(line: Line) -> dict[str, float]:
    """Positive sequence of a line."""
    c1 = max(line.c_nf * 1e-9, NO_CAPACITANCE_F if line.g_us else 0.0)
    return {
        "from_node": line.from_bus, "to_node": line.to_bus,
        "from_status": line.from_closed, "to_status": line.to_closed,
        "r1": line.r_ohm, "x1": line.x_ohm, "c1": c1,
        "tan1": line.g_us * 1e-6 / (2 * math.pi * FREQUENCY_HZ * c1) if c1 else 0.0, "i_n": line.max_i_ka * 1e3,
    }  # fmt: skip


def tapped_kv(trafo: Transformer) -> tuple[float, float]:
    """Rated voltages with the taps in their side: pandapower scales the turns ratio and nothing else."""
    ratio = 1 + trafo.tap_steps * trafo.tap_step_percent / 100
    if trafo.tap_side == "hv":
        return trafo.vn_hv_kv * ratio, trafo.vn_lv_kv
    return trafo.vn_hv_kv, trafo.vn_lv_kv * ratio


def transformer_row(trafo: Transformer, *, windings: tuple[int, int], clock: int) -> dict[str, float]:
    """A transformer with given windings (`pgm.WindingType`, high side first) and clock."""
    hv_kv, lv_kv = tapped_kv(trafo)
    sn_va = trafo.sn_mva * 1e6
    series, shunt = transformer_pi(trafo)
    return {
        "from_node": trafo.hv_bus, "to_node": trafo.lv_bus,
        "from_status": trafo.hv_closed, "to_status": trafo.lv_closed,
        "u1": hv_kv * 1e3, "u2": lv_kv * 1e3, "sn": sn_va, "uk": abs(series), "pk": series.real * sn_va,
        "i0": abs(shunt), "p0": shunt.real * sn_va,
        "winding_from": windings[0], "winding_to": windings[1], "clock": clock,
        "tap_side": 0, "tap_pos": 0, "tap_min": 0, "tap_max": 0, "tap_nom": 0, "tap_size": 0.0,
    }  # fmt: skip


def _transformer_row(trafo: Transformer, *, turned: bool) -> dict[str, float]:
    """The clock is left out where it moves no power: what it turns is turned as a whole."""
    clock = hours(trafo.shift_degree) if turned else 0
    high = pgm.WindingType.delta if clock % 2 else pgm.WindingType.wye_n
    return transformer_row(trafo, windings=(high, pgm.WindingType.wye_n), clock=clock)


def hours(shift_degree: float) -> int:
    """A phase shift on the vector group's clock."""
    return round(shift_degree / DEGREES_PER_HOUR) % 12


def transformer_pi(trafo: Transformer) -> tuple[complex, complex]:
    """Series impedance and whole shunt admittance of the pi section, per unit of the rating.

    The data are those of a T section with the magnetising branch in its middle. The pi section that behaves the same
    at its ends has z (1 + zy/4) and y / (1 + zy/4), exactly (star-delta transformation).
    """
    series = complex(trafo.vkr_percent, math.sqrt(max(0.0, trafo.vk_percent**2 - trafo.vkr_percent**2))) / 100
    iron = trafo.pfe_kw / (trafo.sn_mva * 1e3)
    shunt = complex(iron, -math.sqrt(max(0.0, (trafo.i0_percent / 100) ** 2 - iron**2)))
    middle = 1 + series * shunt / 4
    return series * middle, shunt / middle


def shunt_rows(feeder: Feeder) -> list[dict[str, float]]:
    """Admittance from the power at nominal voltage, y = (p - jq) / u^2; none in the zero sequence (ungrounded)."""
    rows = []
    for shunt in feeder.shunts:
        squared = (feeder.buses[shunt.bus].vn_kv * 1e3) ** 2
        g1, b1 = shunt.p_mw * 1e6 / squared, -shunt.q_mvar * 1e6 / squared
        rows.append({"node": shunt.bus, "status": 1, "g1": g1, "b1": b1, "g0": 0.0, "b0": 0.0})
    return rows

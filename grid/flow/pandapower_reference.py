"""The same power flow by pandapower, slot by slot (about 20 ms each): to check against, not for bulk."""

from typing import Any

import numpy as np
import pandapower

from grid.flow.pgm_input import FREQUENCY_HZ
from grid.flow.powerflow import FloatArray, Flows
from grid.networks.feeder import Feeder, Line, Transformer

TOLERANCE_MVA = 1e-11


def reference(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray) -> Flows:
    """The slots by `pandapower.runpp` with its default model, each solved to 1e-11 MVA."""
    net = pandapower_net(feeder)
    rows = []
    for p_row, q_row in zip(p_kw, q_kvar, strict=True):
        net.load.p_mw, net.load.q_mvar = p_row / 1e3, q_row / 1e3
        pandapower.runpp(net, tolerance_mva=TOLERANCE_MVA, numba=False)
        rows.append(_row(net))
    return Flows(*(np.array(column) for column in zip(*rows, strict=True)))


def _row(net: Any) -> tuple[Any, ...]:
    lost_mw = net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum() + net.res_shunt.p_mw.sum()
    return (
        net.res_bus.vm_pu.to_numpy(),
        net.res_line.loading_percent.to_numpy(),
        net.res_trafo.loading_percent.to_numpy(),
        net.res_trafo.p_hv_mw.to_numpy() * 1e3,
        lost_mw * 1e3,
        net.res_ext_grid.p_mw.sum() * 1e3,
    )


def pandapower_net(feeder: Feeder) -> Any:
    """The feeder as a pandapower net: element indices are positions in the feeder, one load per connection."""
    net = pandapower.create_empty_network(f_hz=FREQUENCY_HZ)
    for bus in feeder.buses:
        pandapower.create_bus(net, vn_kv=bus.vn_kv, name=bus.name)
    pandapower.create_ext_grid(net, feeder.source_bus, vm_pu=feeder.source_vm_pu)
    for line in feeder.lines:
        _add_line(net, line)
    for trafo in feeder.transformers:
        _add_transformer(net, trafo)
    for shunt in feeder.shunts:
        pandapower.create_shunt(net, shunt.bus, q_mvar=shunt.q_mvar, p_mw=shunt.p_mw)
    for connection in feeder.connections:
        pandapower.create_load(net, connection.bus, p_mw=0.0, name=connection.name)
    return net


def _add_line(net: Any, line: Line) -> None:
    index = pandapower.create_line_from_parameters(
        net, line.from_bus, line.to_bus, length_km=1.0, r_ohm_per_km=line.r_ohm, x_ohm_per_km=line.x_ohm,
        c_nf_per_km=line.c_nf, g_us_per_km=line.g_us, max_i_ka=line.max_i_ka, name=line.name,
    )  # fmt: skip
    for bus, closed in ((line.from_bus, line.from_closed), (line.to_bus, line.to_closed)):
        if not closed:
            pandapower.create_switch(net, bus, index, et="l", closed=False)


def _add_transformer(net: Any, tr: Transformer) -> None:
    index = pandapower.create_transformer_from_parameters(
        net, tr.hv_bus, tr.lv_bus, sn_mva=tr.sn_mva, vn_hv_kv=tr.vn_hv_kv, vn_lv_kv=tr.vn_lv_kv,
        vkr_percent=tr.vkr_percent, vk_percent=tr.vk_percent, pfe_kw=tr.pfe_kw, i0_percent=tr.i0_percent,
        shift_degree=tr.shift_degree, tap_side=tr.tap_side, tap_neutral=0, tap_pos=tr.tap_steps,
        tap_step_percent=tr.tap_step_percent, tap_changer_type="Ratio", df=tr.derating, name=tr.name,
    )  # fmt: skip
    for bus, closed in ((tr.hv_bus, tr.hv_closed), (tr.lv_bus, tr.lv_closed)):
        if not closed:
            pandapower.create_switch(net, bus, index, et="t", closed=False)

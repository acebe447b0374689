"""What makes a pandapower net unusable here, said in its own tables' words: element, column, remedy. All at once."""

from collections.abc import Iterator
from typing import Any

from grid.words import Words

UNSUPPORTED = {
    "gen": Words("it holds a voltage; make it an sgen (pandapower.toolbox.replace_gen_by_sgen)"),
    "trafo3w": Words("make it two-winding transformers"),
    "xward": Words("make it a ward (pandapower.toolbox.replace_xward_by_ward)"),
    "motor": Words("make it a load"),
    "controller": Words(
        "take them out (net.controller.in_service = False); series belong into a profile file"
    ),
    **dict.fromkeys(
        ("dcline", "svc", "ssc", "tcsc", "vsc", "line_dc"),
        Words("remove it or replace it by loads and sgens"),
    ),
}
NUMBERS = {
    "bus": ("vn_kv",),
    "line": ("length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "max_i_ka"),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent"),
    "load": ("p_mw", "q_mvar"),
    "sgen": ("p_mw", "q_mvar"),
    "storage": ("p_mw",),
    "ext_grid": ("vm_pu",),
    "shunt": ("p_mw", "q_mvar"),
    "ward": ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar"),
    "impedance": ("rft_pu", "xft_pu", "rtf_pu", "xtf_pu", "sn_mva"),
    "asymmetric_load": tuple(f"{kind}_{phase}_{unit}" for kind, unit in (("p", "mw"), ("q", "mvar")) for phase in "abc"),
    "asymmetric_sgen": tuple(f"{kind}_{phase}_{unit}" for kind, unit in (("p", "mw"), ("q", "mvar")) for phase in "abc"),
}  # fmt: skip
ENDS = {"line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus"), "impedance": ("from_bus", "to_bus")}
POSITIVE = {"vn_kv", "sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "max_i_ka", "vm_pu", "length_km"}
REQUIRED = ("bus", "ext_grid", "load")


def text(value: Any) -> str:
    """Pandas holds a missing string as None, NaN or ""."""
    return value if isinstance(value, str) else ""


def number_or(value: Any, missing: float = 0.0) -> float:
    """The number, or what stands for a missing one (None, NaN or pandas' NA)."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return missing
    return missing if found != found else found  # noqa: PLR0124  NaN is what differs from itself


def in_service(net: Any, table: str) -> Any:
    """The rows of a table that take part; none where the net has no such table."""
    if table not in net or not len(net[table]):
        return net.bus.iloc[:0]
    rows = net[table]
    return rows[rows.in_service.astype(bool)] if "in_service" in rows else rows


def net_faults(net: Any) -> Iterator[Words]:
    """Every element that can't be used, or is not modelled."""
    missing = [table for table in REQUIRED if table not in net]
    if missing:
        yield from (
            Words("%(table)s: this table is missing; save the net with pandapower.to_json", table=table)
            for table in missing
        )
        return
    yield from (
        Words("%(table)s: elements of this kind are not modelled; %(remedy)s", table=table, remedy=remedy)
        for table, remedy in UNSUPPORTED.items()
        if len(in_service(net, table))
    )
    broken = [fault for table in NUMBERS for fault in _table_faults(net, table)]
    yield from broken
    if not broken:
        yield from _source_faults(net)
        yield from _special_faults(net)


def _place(table: str, index: Any, row: Any) -> Words:
    name = text(row.get("name"))
    if name:
        return Words("%(table)s %(index)s (%(name)s)", table=table, index=str(index), name=name)
    return Words("%(table)s %(index)s (no name)", table=table, index=str(index))


def _table_faults(net: Any, table: str) -> Iterator[Words]:
    rows = in_service(net, table)
    if not len(rows):
        return
    if not rows.index.is_unique:
        yield Words(
            "%(table)s: index %(index)s stands twice; renumber the rows",
            table=table,
            index=rows.index[rows.index.duplicated()][0],
        )
    ends = ENDS.get(table, () if table == "bus" else ("bus",))
    lacking = [column for column in (*NUMBERS[table], *ends) if column not in rows]
    yield from (
        Words("%(table)s: column %(column)s is missing; add it", table=table, column=column)
        for column in lacking
    )
    for index, row in rows.iterrows():
        where = _place(table, index, row)
        for column in (column for column in NUMBERS[table] if column not in lacking):
            value = number_or(row[column], float("nan"))
            if not abs(value) < float("inf"):
                yield Words("%(where)s: %(column)s is no number; give one", where=where, column=column)
            elif column in POSITIVE and value <= 0:
                yield Words(
                    "%(where)s: %(column)s is %(value)s; it must be above zero",
                    where=where,
                    column=column,
                    value=f"{value:g}",
                )
        if number_or(row.get("parallel"), 1) < 1:
            yield Words(
                "%(where)s: parallel is %(parallel)s; give 1 or more, or set in_service to False",
                where=where,
                parallel=row.parallel,
            )
        yield from (
            Words("%(where)s: %(column)s %(row)s does not exist; give a bus of table bus", where=where, column=column, row=row[column])
            for column in ends if column not in lacking and row[column] not in net.bus.index
        )  # fmt: skip


def _source_faults(net: Any) -> Iterator[Words]:
    """Ideal sources of one voltage are one source; different ones would need a network above."""
    sources = in_service(net, "ext_grid")
    if not len(sources):
        yield Words("ext_grid: none in service; keep one, that is where the feeder hangs")
    elif len({(number_or(row.vm_pu), number_or(row.get("va_degree"))) for _, row in sources.iterrows()}) > 1:
        yield Words(
            "ext_grid: %(sources)s in service at different voltages; give all one vm_pu and va_degree",
            sources=len(sources),
        )
    elif len({net.bus.vn_kv.loc[bus] for bus in sources.bus}) > 1:
        yield Words(
            "ext_grid: %(sources)s in service at different nominal voltages; keep those of one level",
            sources=len(sources),
        )
    yield from (
        Words("ext_grid %(index)s: its bus is out of service; put bus %(bus)s in service", index=index, bus=row.bus)
        for index, row in sources.iterrows() if not net.bus.in_service.loc[row.bus]
    )  # fmt: skip


def _special_faults(net: Any) -> Iterator[Words]:
    loads = in_service(net, "load")
    shares = [c for c in loads.columns if c.startswith("const_")]
    for index, row in loads[shares].fillna(0).iterrows():
        if row.any():
            yield Words(
                "load %(index)s: depends on voltage (%(shares)s); set these to 0, loads are constant power",
                index=index,
                shares=", ".join(shares),
            )
    for index, switch in net.switch.iterrows() if "switch" in net else ():
        if switch.et == "b" and switch.closed and number_or(switch.get("z_ohm")) > 0:
            yield Words(
                "switch %(index)s: has an impedance; set z_ohm to 0 or model it as a line", index=index
            )
        if switch.et == "t3" and not switch.closed:
            yield Words(
                "switch %(index)s: is at a three-winding transformer, which is not modelled; remove both",
                index=index,
            )
    for index, trafo in in_service(net, "trafo").iterrows():
        yield from _trafo_faults(index, trafo)
    for index, row in in_service(net, "impedance").iterrows():
        if not _is_line(net, row):
            yield (
                Words(
                    "impedance %(index)s: differs by direction, joins two voltage levels or is a capacitor; make it a line or a transformer",
                    index=index,
                )
            )


def _is_line(net: Any, row: Any) -> bool:
    kv = net.bus.vn_kv
    shunts = ("gf_pu", "gt_pu", "bf_pu", "bt_pu")
    return bool(
        row.rft_pu == row.rtf_pu
        and row.xft_pu == row.xtf_pu
        and row.rft_pu + row.xft_pu > 0
        and kv.loc[row.from_bus] == kv.loc[row.to_bus]
        and not any(number_or(row.get(column)) for column in shunts)
    )


def _trafo_faults(index: Any, trafo: Any) -> Iterator[Words]:
    where = _place("transformer", index, trafo)
    kind = text(trafo.get("tap_changer_type"))
    if kind not in {"", "Ratio"} or trafo.get("tap_dependency_table") is True:
        yield Words(
            "%(where)s: only ratio taps are modelled; set tap_changer_type to 'Ratio', tap_dependency_table to False",
            where=where,
        )
    if number_or(trafo.get("tap_step_degree")) and number_or(trafo.get("tap_pos")) != number_or(
        trafo.get("tap_neutral")
    ):
        yield Words("%(where)s: taps shift the phase; set tap_step_degree to 0", where=where)
    if number_or(trafo.get("tap2_pos")) != number_or(trafo.get("tap2_neutral")):
        yield Words("%(where)s: has a second tap changer; set tap2_pos to tap2_neutral", where=where)
    if trafo.vkr_percent > trafo.vk_percent:
        yield Words(
            "%(where)s: vkr_percent is above vk_percent; the resistance is a part of the impedance",
            where=where,
        )
    halves = [number_or(trafo.get(f"leakage_{part}_ratio_hv"), 0.5) for part in ("resistance", "reactance")]
    if halves != [0.5, 0.5]:
        yield Words(
            "%(where)s: leakage_resistance_ratio_hv and leakage_reactance_ratio_hv must be 0.5 (or left out)",
            where=where,
        )

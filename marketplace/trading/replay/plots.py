"""The plots of a replay report, as SVG text that needs no other file."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

SlotData = dict[str, Any]

INK = "#1d2a33"
MUTED = "#6b7a85"
ENERGY = "#0f7b6c"
IMPORT = "#b4552d"
EXPORT = "#4a6fa5"
BAND = "#9fc9c1"
WH_PER_KWH = 1000
MICRO_PER_CENT = 10_000

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "wattnote",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#cfd8dc",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6ecee",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _axes(height: float = 2.8) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, height))
    return figure, figure.subplots()


def _times(slots: Sequence[SlotData]) -> npt.NDArray[np.datetime64]:
    return np.array([slot["slot_start"] for slot in slots], dtype="datetime64[s]")


def _kwh(slots: Sequence[SlotData], key: str) -> list[float]:
    return [slot[key] / WH_PER_KWH for slot in slots]


def _finish(figure: Figure, axes: Axes, label: str, *, legend: bool = True) -> str:
    axes.set_ylabel(label)
    if legend:
        axes.legend(frameon=False, loc="upper left", ncols=4, fontsize=9)
    figure.autofmt_xdate(rotation=0, ha="center")
    return _svg(figure)


def energy(slots: Sequence[SlotData]) -> str:
    """Energy traded between neighbours, imported from and exported to the supplier, per slot in kWh."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        times = _times(slots)
        axes.fill_between(
            times, _kwh(slots, "traded_wh"), step="post", color=ENERGY, alpha=0.85, label="traded"
        )
        axes.step(times, _kwh(slots, "import_wh"), where="post", color=IMPORT, lw=1.2, label="from the grid")
        axes.step(times, _kwh(slots, "export_wh"), where="post", color=EXPORT, lw=1.2, label="to the grid")
        return _finish(figure, axes, "kWh per slot")


def voltages(slots: Sequence[SlotData], low_pu: float, high_pu: float) -> str:
    """Lowest, mean and highest bus voltage per slot against the limits, in pu."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        times = _times(slots)
        lowest, highest = [min(s["vm_pu"]) for s in slots], [max(s["vm_pu"]) for s in slots]
        means = [sum(s["vm_pu"]) / len(s["vm_pu"]) for s in slots]
        axes.fill_between(times, lowest, highest, color=BAND, alpha=0.6, lw=0, label="lowest to highest bus")
        axes.plot(times, means, color=ENERGY, lw=1.4, label="mean")
        for limit in (low_pu, high_pu):
            axes.axhline(limit, color=IMPORT, lw=1, ls="--")
        return _finish(figure, axes, "voltage in pu")


def loadings(slots: Sequence[SlotData]) -> str:
    """Loading duration curves of the transformer and of the most loaded line, in percent."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        share = [100 * (i + 0.5) / len(slots) for i in range(len(slots))]
        trafo = sorted((max(s["trafo_loading_percent"]) for s in slots), reverse=True)
        line = sorted((max(s["line_loading_percent"]) for s in slots), reverse=True)
        axes.plot(share, trafo, color=ENERGY, lw=1.6, label="transformer")
        axes.plot(share, line, color=EXPORT, lw=1.6, label="most loaded line")
        axes.set_xlabel("share of the slots in percent")
        axes.set_ylabel("loading in percent")
        axes.legend(frameon=False)
        return _svg(figure)


def prices(slots: Sequence[SlotData], feed_in: int, retail: int) -> str:
    """Mean price of each slot's trades between feed-in tariff and retail price, in cents per kWh."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        traded = [slot for slot in slots if slot["price_mean"] is not None]
        cents = [slot["price_mean"] / MICRO_PER_CENT for slot in traded]
        axes.scatter(_times(traded), cents, s=9, color=ENERGY, label="mean price of a slot")
        for tariff, name in ((feed_in, "feed-in tariff"), (retail, "retail price")):
            axes.axhline(tariff / MICRO_PER_CENT, color=MUTED, lw=1, ls="--")
            axes.annotate(
                name,
                (1, tariff / MICRO_PER_CENT),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
            )
        return _finish(figure, axes, "cents per kWh", legend=False)


def feeder(view: dict[str, Any], vm_pu: Sequence[float], low_pu: float, high_pu: float) -> str:
    """Map of the feeder, each bus coloured by its voltage in the slot with the largest deviation from 1 pu.

    Args:
        view: `nodes` (id, x, y) and `edges` (source, target), as the feeder API gives them.
        vm_pu: One voltage a node, in the order of `nodes`.
        low_pu: The lower limit, where the colours end.
        high_pu: The upper limit.
    """
    with mpl.rc_context(_STYLE | {"axes.grid": False}):
        figure, axes = _axes(5.5)
        place = {node["id"]: (node["x"], node["y"]) for node in view["nodes"]}
        for edge in view["edges"]:
            ends = (place[edge["source"]], place[edge["target"]])
            axes.plot(*zip(*ends, strict=True), color="#c3ced3", lw=1, zorder=1)
        x, y = zip(*(place[node["id"]] for node in view["nodes"]), strict=True)
        norm = TwoSlopeNorm(1.0, vmin=low_pu, vmax=high_pu)
        dots = axes.scatter(
            x,
            y,
            c=vm_pu,
            cmap="coolwarm",
            norm=norm,
            s=34,
            zorder=2,
            edgecolors="white",
            linewidths=0.5,
        )
        figure.colorbar(dots, ax=axes, shrink=0.6, label="voltage in pu")
        axes.set_axis_off()
        axes.invert_yaxis()
        return _svg(figure)

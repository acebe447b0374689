"""A replay's report: one HTML file that needs no other file and no network."""

from collections.abc import Sequence
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from grid.limits import Limits
from marketplace.trading.replay import plots

SlotData = dict[str, Any]
_ENERGY_NAMES = {
    "consumption_wh": "Consumed",
    "production_wh": "Produced",
    "traded_wh": "Traded between neighbours",
    "delivered_wh": "of it delivered",
    "import_wh": "Imported from the supplier",
    "export_wh": "Exported to the supplier",
    "losses_wh": "Lost in lines and transformer",
    "curtailed_wh": "Curtailed for want of room",
}


def render_report(
    summary: dict[str, Any], slots: Sequence[SlotData], view: dict[str, Any], limits: Limits
) -> str:
    """The report as HTML.

    Args:
        summary: From `summary.summarise`.
        slots: Stored slots, in order; at least one.
        view: The feeder's map (`grid.network.feeder_map`).
        limits: The scenario's operating limits.
    """
    strained = max(slots, key=lambda slot: max(abs(v - 1) for v in slot["vm_pu"]))
    drawn = {
        "energy": plots.energy(slots),
        "voltages": plots.voltages(slots, limits.vm_min_pu, limits.vm_max_pu),
        "loadings": plots.loadings(slots),
        "prices": plots.prices(slots, summary["prices"]["feed_in"], summary["prices"]["retail"]),
        "feeder": plots.feeder(view, strained["vm_pu"], limits.vm_min_pu, limits.vm_max_pu),
    }
    rows = [(name, summary["energy"][key]) for key, name in _ENERGY_NAMES.items()]
    context = {
        "summary": {**summary, "energy_rows": rows},
        "plots": {name: SafeString(svg) for name, svg in drawn.items()},
        "strained_at": strained["slot_start"],
    }
    return render_to_string("replay/report.html", context)

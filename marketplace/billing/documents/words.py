"""How the positions of a bill are called."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.billing import statement as kinds

NAMES = {
    kinds.IMPORT: gettext_lazy("Energy from the supplier"),
    kinds.FEED_IN: gettext_lazy("Energy fed in or left over"),
    kinds.FEES: gettext_lazy("Grid fees of trades"),
    kinds.LOSSES: gettext_lazy("Grid losses"),
    kinds.REMEDIES: gettext_lazy("Grid remedies"),
    kinds.CORRECTION: gettext_lazy("Correction of drawn energy"),
    kinds.FEED_IN_CORRECTION: gettext_lazy("Correction of energy fed in"),
    kinds.LATE_TRADE: gettext_lazy("Late correction of a trade"),
}


def position_name(kind: str) -> str:
    """The position's title."""
    return str(NAMES[kind])


def grounds(position: dict[str, Any], shown_at: str = "") -> str:
    """What a position rests on; `shown_at` is the corrected quarter-hour in words."""
    if position["about"]:
        words = _("Reading of %(slot)s, which came late") % {"slot": shown_at}
        bill = position["reference"]
        return words + (", " + _("bill %(bill)s") % {"bill": bill} if bill else "")
    if position["kind"] == kinds.FEES:
        return _("%(count)s co-signed trades") % {"count": position["count"]}
    return _("%(count)s quarter-hours by the meter") % {"count": position["count"]}

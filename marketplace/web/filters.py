"""What a person asks of the partners' list, as the page's address has it."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace import formats
from marketplace.trading.finding import HOUSES, PEOPLE, SORTS, Wanted
from marketplace.trading.live.listings import LISTED_SLOTS, listings_from
from marketplace.trading.live.view import market_view
from marketplace.trading.models import Listing

MICRO_PER_CENT = 10_000
WH_PER_KWH = 1000
NEAR_METRES = (100, 250, 500, 1000)


def slot_choices() -> list[tuple[str, str]]:
    """Quarter-hours in which somebody may list something."""
    market = market_view()
    soon = [slot for slot in market.open_slots[:LISTED_SLOTS] if slot >= listings_from()] if market else []
    return [(str(slot), formats.told(slot, "slot")) for slot in soon]


def _amount(label: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, min_value=Decimal(0), max_value=Decimal(10**6), localize=True
    )


class PartnerFilter(forms.Form):
    """Every field may be left out; one that can't be read is left out, too."""

    search = forms.CharField(label=_("Name"), required=False, max_length=40)
    side = forms.ChoiceField(
        label=_("Show"),
        required=False,
        choices=[("", _("All")), (Listing.Side.SELLS, _("Surplus")), (Listing.Side.BUYS, _("Need"))],
    )
    slot = forms.IntegerField(label=_("Quarter-hour"), required=False, min_value=0)
    price_min = _amount(_("Price from"))
    price_max = _amount(_("Price to"))
    quantity_min = _amount(_("At least"))
    who = forms.ChoiceField(
        label=_("Who"),
        required=False,
        choices=[("", _("Everybody")), (PEOPLE, _("People")), (HOUSES, _("Houses with an agent"))],
    )
    near = forms.TypedChoiceField(
        label=_("Near me"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", _("Anywhere")), *((str(m), f"{m} m") for m in NEAR_METRES)],
    )
    known = forms.BooleanField(label=_("Only partners I know"), required=False)
    sort = forms.ChoiceField(label=_("Sort"), required=False, choices=list(SORTS.items()))

    def wanted(self) -> Wanted:
        """What is asked for."""
        self.is_valid()
        found = self.cleaned_data
        slot = found.get("slot")
        return Wanted(
            search=found.get("search", "").strip(),
            side=found.get("side", ""),
            slot_from=slot,
            slot_to=slot,
            price_min=_scaled(found.get("price_min"), MICRO_PER_CENT),
            price_max=_scaled(found.get("price_max"), MICRO_PER_CENT),
            quantity_min=_scaled(found.get("quantity_min"), WH_PER_KWH),
            who=found.get("who", ""),
            known=bool(found.get("known")),
            near_m=found.get("near"),
            sort=found.get("sort") or "soonest",
        )


def _scaled(value: Decimal | None, factor: int) -> int | None:
    return None if value is None else int(value * factor)

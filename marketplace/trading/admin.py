"""Trading in the back office, for those who run the site."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from marketplace.accounts.backoffice import SiteAdmin
from marketplace.credit.money import shown
from marketplace.trading.models import GateDecision, Listing, Prosumer


class RecordAdmin(SiteAdmin):
    """Rows that the site's own services write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is added by hand."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nothing is changed by hand."""
        del request, obj
        return False


@admin.register(Prosumer)
class ProsumerAdmin(SiteAdmin):
    """Who trades at which connection."""

    list_display = ("display_name", "kind", "bus", "is_agent", "has_pv", "has_battery", "is_active")
    list_filter = ("kind", "is_agent", "is_active")
    search_fields = ("display_name", "slug", "owner")
    fields = (
        "display_name",
        "kind",
        "connection",
        "bus",
        "has_pv",
        "has_battery",
        "is_agent",
        "is_active",
        "owner",
    )
    readonly_fields = ("owner",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Prosumers come with accounts and scenarios."""
        del request
        return False


@admin.register(Listing)
class ListingAdmin(RecordAdmin):
    """Surpluses and needs."""

    list_display = ("prosumer", "side_label", "quantity_wh", "price", "slot_start", "state")
    list_filter = ("side", "state")
    list_select_related = ("prosumer",)

    @display(description=_("Side"), label={"sells": "success", "buys": "info"})  # type: ignore[untyped-decorator]  # unfold ships no types
    def side_label(self, listing: Listing) -> tuple[str, str]:
        """Coloured."""
        return listing.side, listing.get_side_display()

    @admin.display(description=_("Price per kWh"), ordering="price_per_kwh")
    def price(self, listing: Listing) -> str:
        """In units."""
        return shown(listing.price_per_kwh)


@admin.register(GateDecision)
class GateDecisionAdmin(RecordAdmin):
    """What the grid said."""

    list_display = (
        "slot_start",
        "seller",
        "buyer",
        "quantity_wh",
        "allowed",
        "limit",
        "element",
        "passes_wh",
    )
    list_filter = ("allowed", "limit")

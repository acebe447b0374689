"""Trading in the back office, for those who run the site."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from marketplace.accounts.backoffice import SiteAdmin
from marketplace.credit.money import shown
from marketplace.trading.meters.registration import faults_of, issue_token, register_meter, revoke_tokens
from marketplace.trading.models import (
    GateDecision,
    Listing,
    Meter,
    MeterFault,
    MeterToken,
    Prosumer,
    RegisterReading,
)


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
    readonly_fields = ("told",)
    exclude = ("answer",)

    @admin.display(description=_("Answer"))
    def told(self, decision: GateDecision) -> str:
        """In the reader's language."""
        return decision.words


class MeterForm(forms.ModelForm[Meter]):
    """A meter to be registered."""

    class Meta:
        """What its operator knows of it."""

        model = Meter
        fields = (
            "serial",
            "name",
            "key",
            "prosumer",
            "connection",
            "digits",
            "max_power_w",
            "installed_at",
            "installed_import_wh",
            "installed_export_wh",
            "replaces",
        )

    def clean(self) -> dict[str, Any]:
        """With the rules of `register_meter`."""
        given = super().clean() or {}
        if not self.errors:
            wrong = faults_of(Meter(**given))
            if wrong:
                raise ValidationError(wrong)
        return given


@admin.register(Meter)
class MeterAdmin(SiteAdmin):
    """Registered meters; an exchange is a new one that takes the old one's place."""

    form = MeterForm
    list_display = ("name", "prosumer", "connection", "installed_at", "removed_at", "duplicates")
    list_select_related = ("prosumer",)
    search_fields = ("name", "serial", "connection", "prosumer__display_name")
    autocomplete_fields = ("prosumer",)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Readings rest on what was registered: an exchange is registered, nothing is changed."""
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Meter, form: object, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Register it."""
        del request, form, change
        register_meter(meter=obj)


@admin.register(RegisterReading)
class RegisterReadingAdmin(RecordAdmin):
    """Valid readings."""

    list_display = ("meter", "slot_start", "sequence", "import_wh", "export_wh", "received_at")
    list_filter = ("meter",)
    list_select_related = ("meter",)


@admin.register(MeterFault)
class MeterFaultAdmin(RecordAdmin):
    """What an operator should look at."""

    list_display = ("meter", "code", "slot_start", "sequence", "told", "at")
    list_filter = ("code", "meter")
    list_select_related = ("meter",)
    readonly_fields = ("told",)
    exclude = ("said",)

    @admin.display(description=_("Reason"))
    def told(self, fault: MeterFault) -> str:
        """In the reader's language."""
        return fault.words


@admin.register(MeterToken)
class MeterTokenAdmin(SiteAdmin):
    """Who may bring readings without signing in."""

    list_display = ("label", "meter", "created_at", "revoked_at")
    list_select_related = ("meter",)
    fields = ("label", "meter")
    autocomplete_fields = ("meter",)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Only revoked, never changed."""
        del obj
        return request.method == "POST" and super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: MeterToken, form: object, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Make it, and show it this once."""
        del form, change
        secret = issue_token(token=obj)
        messages.warning(request, _("The token, shown this once: %s") % secret)

    @admin.action(description=_("Revoke"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[MeterToken]) -> None:
        """End them."""
        del request
        revoke_tokens(tokens=list(queryset))

"""The merchants' back office."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from marketplace import formats
from marketplace.accounts.backoffice import is_superuser, user_of
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import AuditEvent
from marketplace.credit import (
    decisions,
    ledger,
    list_admin,  # noqa: F401  registers the pages of the lists
    queue,
    selectors,
)
from marketplace.credit.account import account
from marketplace.credit.backoffice import PageAdmin, ScopedAdmin
from marketplace.credit.claims import cancel_note
from marketplace.credit.keystores import new_keystore
from marketplace.credit.models import Agreement, CreditApplication, CreditNote, Ledger, Merchant
from marketplace.credit.money import shown
from marketplace.credit.overview import standings
from marketplace.credit.review import review

RISKS = {"low": "success", "middle": "warning", "high": "danger"}
RISK_WORDS = {"low": _("low"), "middle": _("middle"), "high": _("high")}
STATE_LABELS = {
    "submitted": "info",
    "in_review": "primary",
    "more_info": "warning",
    "approved": "success",
    "rejected": "danger",
    "active": "success",
    "signed": "info",
    "initialising": "primary",
    "failed": "danger",
}


def moment(seconds: int) -> str:
    """Epoch seconds as a date and time of the reader's zone."""
    return formats.told(seconds)


@admin.register(CreditApplication)
class ApplicationAdmin(PageAdmin):
    """The queue, and the review page behind each row."""

    scope = staticmethod(selectors.reviewable_applications)
    list_display = ("applicant", "state_label", "requested", "proposed", "risk", "waiting", "hands")
    list_filter = (
        queue.StateFilter,
        queue.HandsFilter,
        queue.AgeFilter,
        queue.AmountFilter,
        queue.RiskFilter,
    )
    list_before_template = "admin/credit/parts/queue.html"
    search_fields = ("user__participant__display_name", "id")
    list_fullwidth = True
    actions = ("take", "hand_back")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditApplication]:
        """What needs this operator first, the longest waiting before the others."""
        return queue.ranked(self.scope(user_of(request)), user_of(request))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """As the rows come."""
        del request
        return ("rank", "submitted_at")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With counts above the list."""
        user = user_of(request)
        counts = queue.counted(selectors.reviewable_applications(user), user)
        return super().changelist_view(request, {**(extra_context or {}), "counts": counts})  # type: ignore[no-any-return]  # unfold ships no types

    def has_take_permission(self, request: HttpRequest) -> bool:
        """For operators; each application is asked about again."""
        return selectors.staffed_merchants(user_of(request)).exists()

    def _each(
        self, request: HttpRequest, rows: QuerySet[CreditApplication], verb: Callable[..., object]
    ) -> None:
        for application in rows:
            try:
                verb(application=application, operator=user_of(request))
            except RefusedError as error:
                messages.error(request, f"{application}: {error.detail}")
            else:
                messages.success(request, _("%(application)s: done.") % {"application": application})

    @admin.action(description=_("Take into my hands"), permissions=("take",))
    def take(self, request: HttpRequest, rows: QuerySet[CreditApplication]) -> None:
        """Begin to review the chosen ones; nothing is decided in bulk."""
        self._each(request, rows, decisions.start_review)

    @admin.action(description=_("Hand back to the queue"), permissions=("take",))
    def hand_back(self, request: HttpRequest, rows: QuerySet[CreditApplication]) -> None:
        """Free the chosen ones for colleagues."""
        self._each(request, rows, decisions.hand_back)

    @display(description=_("Applicant"), header=True)  # type: ignore[untyped-decorator]  # unfold ships no types
    def applicant(self, application: CreditApplication) -> list[str]:
        """Pseudonym and number."""
        participant = getattr(application.user, "participant", None)
        name = participant.display_name if participant else application.user.owner
        return [name, str(application), name[:1].upper()]

    @display(description=_("State"), label=STATE_LABELS, ordering="state")  # type: ignore[untyped-decorator]  # unfold ships no types
    def state_label(self, application: CreditApplication) -> tuple[str, Any]:
        """Coloured; a kept first approval is a state of its own to a clerk."""
        if hasattr(application, "first_approval"):
            return "more_info", _("Waits for a second approval")
        return application.state, application.get_state_display()

    @admin.display(description=_("Requested"), ordering="requested_limit")
    def requested(self, application: CreditApplication) -> str:
        """In units."""
        return shown(application.requested_limit)

    @admin.display(description=_("Proposed limit / collateral"))
    def proposed(self, application: CreditApplication) -> str:
        """In units."""
        return f"{shown(application.proposed_limit)} / {shown(application.proposed_collateral)}"

    @display(description=_("Risk"), label=RISKS, ordering="score")  # type: ignore[untyped-decorator]  # unfold ships no types
    def risk(self, application: CreditApplication) -> tuple[str, str]:
        """Band and score."""
        band = queue.risk_of(application)
        return band, f"{RISK_WORDS[band]} · {application.score if application.score is not None else '–'}"

    @admin.display(description=_("Waiting"), ordering="submitted_at")
    def waiting(self, application: CreditApplication) -> str:
        """For how long."""
        return timesince(application.submitted_at, depth=1) if application.submitted_at else "–"

    @admin.display(description=_("In the hands of"), ordering="reviewer")
    def hands(self, application: CreditApplication) -> str:
        """The operator who took it."""
        return application.reviewer.get_short_name() if application.reviewer else "–"

    def page(self, request: HttpRequest, row: CreditApplication, context: dict[str, Any]) -> HttpResponse:
        """The review page in place of a form of fields."""
        return review(request, row, context)


@admin.register(Agreement)
class AgreementAdmin(PageAdmin):
    """Agreements and their way onto the ledger."""

    scope = staticmethod(selectors.merchant_agreements)
    list_display = ("agreement", "state_label", "limit", "locked", "in_use", "overdue", "claim", "ends")
    list_filter = ("state",)
    search_fields = ("sid", "participant", "user__participant__display_name")

    @display(description=_("Agreement"), header=True)  # type: ignore[untyped-decorator]  # unfold ships no types
    def agreement(self, agreement: Agreement) -> list[str]:
        """Pseudonym and sid."""
        participant = getattr(agreement.user, "participant", None)
        return [participant.display_name if participant else agreement.user.owner, f"{agreement.sid[:18]}…"]

    @display(description=_("State"), label=STATE_LABELS, ordering="state")  # type: ignore[untyped-decorator]  # unfold ships no types
    def state_label(self, agreement: Agreement) -> tuple[str, Any]:
        """Coloured; a raise that waits is a state of its own to a clerk."""
        if hasattr(agreement, "first_raise"):
            return "more_info", _("A raise waits for a second operator")
        return agreement.state, agreement.get_state_display()

    @admin.display(description=_("Credit limit"), ordering="credit_limit")
    def limit(self, agreement: Agreement) -> str:
        """In units."""
        return shown(agreement.limit)

    @admin.display(description=_("Collateral"), ordering="collateral")
    def locked(self, agreement: Agreement) -> str:
        """In units."""
        return shown(agreement.collateral)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the books of the rows that are shown, in as many queries as for one."""
        page = super().get_changelist_instance(request)
        found = {one.agreement.pk: one for one in standings(list(page.result_list))}
        for agreement in page.result_list:
            agreement.standing = found.get(agreement.pk)
        return page

    @admin.display(description=_("In use"))
    def in_use(self, agreement: Any) -> str:
        """Reserved or owed, in units."""
        return shown(agreement.standing.used) if agreement.standing else "–"

    @admin.display(description=_("Overdue"))
    def overdue(self, agreement: Any) -> str:
        """Due and not paid, in units."""
        return shown(agreement.standing.books.payable) if agreement.standing else "–"

    @display(description=_("Claim"), label={"runs": "warning", "over": "danger"})  # type: ignore[untyped-decorator]  # unfold ships no types
    def claim(self, agreement: Any) -> tuple[str, Any] | str:
        """Whether one is open, and whether its window is over."""
        if not agreement.standing or agreement.standing.books.claim is None:
            return "–"
        return ("over", _("window over")) if agreement.standing.can_execute else ("runs", _("clock runs"))

    @admin.display(description=_("Valid until"), ordering="valid_until")
    def ends(self, agreement: Agreement) -> str:
        """As a date."""
        return moment(agreement.valid_until)

    def page(self, request: HttpRequest, row: Agreement, context: dict[str, Any]) -> HttpResponse:
        """The agreement's statement and actions in place of a form of fields."""
        return account(request, row, context)


@admin.register(CreditNote)
class NoteAdmin(ScopedAdmin):
    """Credit notes that were signed."""

    scope = staticmethod(selectors.merchant_notes)
    list_display = ("serial_short", "agreement", "holder_short", "value", "ends", "issued_at")
    actions = ("end_now",)
    search_fields = ("serial", "holder")
    fields = (
        "serial",
        "agreement",
        "holder",
        "value",
        "ends",
        "merchant_signature",
        "receipt_signature",
        "issued_at",
    )

    @admin.action(description=_("End now: fund no further channel"))
    def end_now(self, request: HttpRequest, notes: QuerySet[CreditNote]) -> None:
        """Cancel the chosen notes on the ledger."""
        for note in notes.select_related("agreement__merchant", "agreement__user"):
            try:
                cancel_note(note=note, operator=user_of(request))
            except RefusedError as error:
                messages.error(request, f"{note}: {error.detail}")
            else:
                messages.success(request, _("%(note)s is ended.") % {"note": note})

    @admin.display(description=_("Serial"), ordering="serial")
    def serial_short(self, note: CreditNote) -> str:
        """Its beginning."""
        return f"{note.serial[:18]}…"

    @admin.display(description=_("Holder"), ordering="holder")
    def holder_short(self, note: CreditNote) -> str:
        """Both ends of its address."""
        return f"{note.holder[:8]}…{note.holder[-6:]}"

    @admin.display(description=_("Amount"), ordering="amount")
    def value(self, note: CreditNote) -> str:
        """In units."""
        return shown(note.amount)

    @admin.display(description=_("Valid until"), ordering="valid_until")
    def ends(self, note: CreditNote) -> str:
        """As a date."""
        return moment(note.valid_until)


@admin.register(Merchant)
class MerchantAdmin(ScopedAdmin):
    """Merchants: their operators see them and their treasury, those who run the site change them."""

    scope = staticmethod(selectors.operated_merchants)
    list_display = ("name", "role", "msc", "is_open")
    filter_horizontal = ("operators",)
    readonly_fields = ("msc", "operator_key", "treasury", "terms")
    fields = (
        "name",
        "slug",
        "role",
        "description",
        "is_open",
        "max_limit",
        "four_eyes_above",
        "billing_period",
        "payment_term",
        "agreement_life",
        "note_life",
        "operators",
        "operator_key",
        "msc",
        "treasury",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """For those who run the site."""
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For those who run the site."""
        del obj
        return is_superuser(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Whoever can't change the terms reads them in words."""
        if self.has_change_permission(request, obj):
            return list(self.fields)
        first = self.fields.index("max_limit")
        return [*self.fields[:first], "terms", *self.fields[self.fields.index("operators") :]]

    @admin.display(description=_("Terms"))
    def terms(self, merchant: Merchant) -> str:
        """Amounts and spans as people say them."""
        return _(
            "limits up to %(most)s, above %(two)s by two operators · billed every %(period)s, paid within %(term)s · "
            "agreements for %(agreement)s, credit notes for %(note)s"
        ) % {
            "most": shown(merchant.max_limit),
            "two": shown(merchant.four_eyes_above),
            "period": formats.duration(merchant.billing_period),
            "term": formats.duration(merchant.payment_term),
            "agreement": formats.duration(merchant.agreement_life),
            "note": formats.duration(merchant.note_life),
        }

    @admin.display(description=_("Operator key"))
    def operator_key(self, merchant: Merchant) -> str:
        """Its address; the key itself never leaves the keystore."""
        return f"0x{merchant.keystore['address'].removeprefix('0x')}" if merchant.keystore else "–"

    @admin.display(description=_("Treasury on the ledger"))
    def treasury(self, merchant: Merchant) -> str:
        """Read from the contract now."""
        if not merchant.msc:
            return "–"
        try:
            held = ledger.treasury_of(merchant)
        except RefusedError as error:
            return error.detail
        return _(
            "free %(free)s · reserved %(reserved)s · earnings owed %(earnings)s · collateral %(collateral)s"
        ) % {
            "free": shown(held.free),
            "reserved": shown(held.reserved),
            "earnings": shown(held.earnings),
            "collateral": shown(held.collateral),
        }

    def save_model(self, request: HttpRequest, obj: Merchant, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Give a new merchant its key, and its contract as soon as the ledger can be reached."""
        if not obj.keystore:
            obj.keystore = new_keystore()
        super().save_model(request, obj, form, change)
        try:
            ledger.ensure_merchant_contract(merchant=obj)
        except RefusedError as error:
            messages.warning(request, error.detail)


@admin.register(Ledger)
class LedgerAdmin(ScopedAdmin):
    """Where the contracts are."""

    scope = staticmethod(selectors.ledgers)
    list_display = ("chain_id", "token", "factory", "registry", "challenge_period")


@admin.register(AuditEvent)
class AuditEventAdmin(ScopedAdmin):
    """Who did and looked at what; operators see what concerns their applicants."""

    scope = staticmethod(selectors.merchant_audit)
    list_display = ("at", "action", "actor", "subject")
    list_filter = ("action",)
    search_fields = ("subject",)
    fields = ("at", "action", "actor", "subject", "detail")
    date_hierarchy = "at"

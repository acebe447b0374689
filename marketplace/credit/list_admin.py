"""Black and grey lists, appeals and a merchant's own reasons in the back office."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from marketplace.accounts.backoffice import is_superuser, user_of
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.fields import prefetch_keys
from marketplace.credit import lists, selectors
from marketplace.credit.backoffice import PageAdmin, ScopedAdmin
from marketplace.credit.listing import Appeal, ListEntry
from marketplace.credit.models import ReasonTemplate
from marketplace.credit.reason_words import reasons_for

STANDING = {"proposed": "warning", "in_force": "danger", "lifted": "success"}
STANDING_WORDS = {
    "proposed": _("Waits for a second person"),
    "in_force": _("In force"),
    "lifted": _("Lifted"),
}
APPEALS = {"open": "warning", "granted": "success", "refused": "info"}


def standing_of(entry: ListEntry) -> str:
    """`proposed`, `in_force` or `lifted`."""
    return "lifted" if entry.lifted_at else "in_force" if entry.in_force else "proposed"


class AnswerForm(forms.Form):
    """What the listed person will read."""

    answer = forms.CharField(
        label=_("Answer, as the person will read it"),
        max_length=lists.MOST_WORDS,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )


def _confirm(request: HttpRequest, entry: ListEntry) -> None:
    lists.confirm_entry(entry=entry, operator=user_of(request))


def _lift(request: HttpRequest, entry: ListEntry) -> None:
    lists.lift_entry(entry=entry, operator=user_of(request))


def _answer(request: HttpRequest, entry: ListEntry) -> None:
    answer = request.POST.get("answer-answer", "")
    grant = request.POST["action"] == "grant"
    lists.decide_appeal(appeal=entry.appeal, operator=user_of(request), grant=grant, answer=answer)


VERBS: dict[str, tuple[Callable[[HttpRequest, ListEntry], None], Any]] = {
    "confirm": (_confirm, _("The entry is in force.")),
    "lift": (_lift, _("The entry is lifted.")),
    "grant": (_answer, _("Your answer is kept.")),
    "refuse": (_answer, _("Your answer is kept.")),
}


def entry_page(request: HttpRequest, entry: ListEntry, context: dict[str, Any]) -> HttpResponse:
    """An entry with its appeal, and what may be done about them."""
    form, status = AnswerForm(prefix="answer"), 200
    action = request.POST.get("action", "")
    if request.method == "POST" and action in VERBS:
        try:
            VERBS[action][0](request, entry)
        except RefusedError as error:
            form, status = AnswerForm(request.POST, prefix="answer"), 400
            messages.error(request, error.detail)
        else:
            messages.success(request, VERBS[action][1])
            return HttpResponseRedirect(request.path)
    shown = {**context, **_facts(request, entry), "form": form}
    return TemplateResponse(request, "admin/credit/entry.html", shown, status=status)


def _facts(request: HttpRequest, entry: ListEntry) -> dict[str, Any]:
    user, standing = user_of(request), standing_of(entry)
    mine = entry.merchant in selectors.staffed_merchants(user)
    may = mine if entry.merchant else is_superuser(request)
    found = Appeal.objects.filter(entry=entry).select_related("user", "first_by", "decided_by").first()
    appeal = found if may else None  # a person's words are for those who answer them
    if appeal is not None:
        prefetch_keys([appeal])
    is_open = appeal is not None and appeal.state == Appeal.State.OPEN
    was_first = appeal is not None and appeal.first_by_id == user.pk
    return {
        "title": str(entry),
        "entry": entry,
        "standing": STANDING_WORDS[standing],
        "standing_variant": STANDING[standing],
        "appeal": appeal,
        "appeal_variant": APPEALS[appeal.state] if appeal else "",
        "reasons": reasons_for(entry.merchant, ReasonTemplate.Use.APPEAL),
        "was_first": was_first,
        "may": {
            "confirm": may and standing == "proposed" and entry.added_by_id != user.pk,
            "lift": may and standing != "lifted",
            "answer": may and is_open,
        },
    }


class EntryForm(forms.ModelForm[ListEntry]):
    """A new entry; the verb checks the rest."""

    class Meta:
        """What is known of somebody."""

        model = ListEntry
        fields = ("merchant", "wallet", "shade", "reason")


@admin.register(ListEntry)
class ListEntryAdmin(PageAdmin):
    """Black and grey lists: operators keep their merchant's own, who runs the site those for all."""

    scope = staticmethod(selectors.merchant_list_entries)
    form = EntryForm
    list_display = ("wallet_short", "shade_label", "standing", "kept_by", "reason", "created_at")
    list_filter = ("shade", "in_force")
    search_fields = ("wallet", "reason")
    list_select_related = ("merchant",)
    actions = ("lift",)

    @admin.display(description=_("Wallet"), ordering="wallet")
    def wallet_short(self, entry: ListEntry) -> str:
        """Its beginning and end."""
        return f"{entry.wallet[:10]}…{entry.wallet[-6:]}"

    @display(description=_("List"), label={"grey": "warning", "black": "danger"}, ordering="shade")  # type: ignore[untyped-decorator]  # unfold ships no types
    def shade_label(self, entry: ListEntry) -> tuple[str, str]:
        """Coloured."""
        return entry.shade, entry.get_shade_display()

    @display(description=_("Standing"), label=STANDING)  # type: ignore[untyped-decorator]  # unfold ships no types
    def standing(self, entry: ListEntry) -> tuple[str, Any]:
        """Coloured."""
        name = standing_of(entry)
        return name, STANDING_WORDS[name]

    @admin.display(description=_("Holds for"), ordering="merchant")
    def kept_by(self, entry: ListEntry) -> Any:
        """The merchant, or all."""
        return entry.merchant or _("every merchant")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """For operators, and for who runs the site."""
        return self.has_module_permission(request)

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """As adding; each entry is asked about again."""
        return self.has_add_permission(request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Operators must choose one of their merchants; who runs the site keeps what holds for all."""
        if db_field.name == "merchant":
            kwargs["queryset"] = selectors.staffed_merchants(user_of(request))
            kwargs["required"] = not is_superuser(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ListEntry, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """By the verb, which tells the listed person."""
        del change
        made = lists.list_wallet(operator=user_of(request), **form.cleaned_data)
        obj.pk, obj.wallet = made.pk, made.wallet
        obj._state.adding = False  # noqa: SLF001  the verb has saved it

    def page(self, request: HttpRequest, row: ListEntry, context: dict[str, Any]) -> HttpResponse:
        """The entry's page in place of a form: entries are lifted, not edited."""
        return entry_page(request, row, context)

    @admin.action(description=_("Lift: take off the list"), permissions=("lift",))
    def lift(self, request: HttpRequest, entries: QuerySet[ListEntry]) -> None:
        """Lift the chosen entries that are the user's to lift."""
        for entry in entries:
            try:
                lists.lift_entry(entry=entry, operator=user_of(request))
            except (RefusedError, PermissionDenied) as error:
                messages.error(request, f"{entry}: {error}")
            else:
                messages.success(request, _("%(entry)s is lifted.") % {"entry": entry})


@admin.register(Appeal)
class AppealAdmin(PageAdmin):
    """Appeals: whoever waits longest is answered first."""

    scope = staticmethod(selectors.appeals_before)
    list_display = ("person", "state_label", "against", "created_at")
    list_filter = ("state",)
    list_display_links: ClassVar[tuple[str, ...]] = ("person",)

    @admin.display(description=_("Person"))
    def person(self, appeal: Appeal) -> str:
        """Pseudonym."""
        participant = getattr(appeal.user, "participant", None)
        return participant.display_name if participant else appeal.user.owner

    @display(description=_("State"), label=APPEALS, ordering="state")  # type: ignore[untyped-decorator]  # unfold ships no types
    def state_label(self, appeal: Appeal) -> tuple[str, str]:
        """Coloured."""
        return appeal.state, appeal.get_state_display()

    @admin.display(description=_("Against"))
    def against(self, appeal: Appeal) -> str:
        """The entry."""
        return str(appeal.entry)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """For operators, and for who runs the site."""
        return super().has_module_permission(request) or is_superuser(request)

    def page(self, request: HttpRequest, row: Appeal, context: dict[str, Any]) -> HttpResponse:
        """The page of the entry that it is about."""
        return entry_page(request, row.entry, context)


@admin.register(ReasonTemplate)
class ReasonTemplateAdmin(ScopedAdmin):
    """Words to begin from, in the merchant's own voice."""

    scope = staticmethod(selectors.merchant_reasons)
    list_display = ("title", "use", "merchant", "text")
    list_filter = ("use",)
    fields = ("merchant", "use", "title", "text")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """For operators."""
        return selectors.staffed_merchants(user_of(request)).exists()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Of the own merchant's."""
        return self.has_add_permission(request) and (obj is None or self.has_view_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As changing."""
        return self.has_change_permission(request, obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only own merchants can be chosen."""
        if db_field.name == "merchant":
            kwargs["queryset"] = selectors.staffed_merchants(user_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

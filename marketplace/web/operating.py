"""The operator's desk: what the grid gate decided and why, and shipped scenarios to play with a form."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.studies.choices import mechanism_names
from marketplace.studies.library import shipped
from marketplace.studies.services import start_shipped
from marketplace.trading.live.control import may_operate
from marketplace.trading.live.decisions import household_refusals, visible_decisions
from marketplace.trading.models import GateDecision
from marketplace.trading.selectors import prosumers_by_owner
from marketplace.web.forms import UnitInput

PAGE_SIZE = 25
PERCENT_TO_PERMILLE = 10
ANSWERS = {"refused": False, "allowed": True}


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _named(rows: list[GateDecision]) -> list[dict[str, Any]]:
    names = prosumers_by_owner(owner for row in rows for owner in (row.seller, row.buyer))
    return [{"decision": row, "seller": names.get(row.seller), "buyer": names.get(row.buyer)} for row in rows]


@login_required
@require_safe
def decisions(request: HttpRequest) -> HttpResponse:
    """The gate's decisions: all of them for the market's operators, one's own for others."""
    rows, answer = visible_decisions(_user(request)), request.GET.get("answer", "")
    if answer in ANSWERS:
        rows = rows.filter(allowed=ANSWERS[answer])
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    operates = may_operate(request.user)
    context = {
        "page": page,
        "rows": _named(list(page.object_list)),
        "answer": answer,
        "operates": operates,
        "refusals": household_refusals() if operates else [],
    }
    return render(request, "web/decisions.html", context)


class PlayForm(forms.Form):
    """A shipped scenario, and what may be changed of it."""

    scenario = forms.ChoiceField(label=_("Scenario"), widget=forms.RadioSelect)
    mechanism = forms.ChoiceField(label=_("Market"), required=False)
    pv_scale = forms.FloatField(
        label=_("PV, times what the feeder has"), min_value=0, max_value=100, required=False
    )
    load_scale = forms.FloatField(
        label=_("Load, times what it is"), min_value=0, max_value=100, required=False
    )
    firm_export = forms.FloatField(
        label=_("Export that is always allowed"),
        min_value=0,
        max_value=100,
        required=False,
        widget=UnitInput("%"),
        help_text=_(
            "Share of a plant’s rating. What goes beyond flows only if it was sold and the grid has room."
        ),
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        min_value=0,
        max_value=2**53 - 1,
        required=False,
        help_text=_("The same seed gives the same run on any machine."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._choose("scenario", [(one.key, one.name) for one in shipped()])
        mechanisms = [(name, name.replace("-", " ")) for name in mechanism_names()]
        self._choose("mechanism", [("", str(_("As in the scenario"))), *mechanisms])

    def _choose(self, name: str, among: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = among

    def changes(self) -> dict[str, Any]:
        """What was filled in, as the scenario's tables call it; after `is_valid`."""
        given = {key: value for key, value in self.cleaned_data.items() if value not in (None, "")}
        del given["scenario"]
        if "firm_export" in given:
            given["firm_export_permille"] = round(given.pop("firm_export") * PERCENT_TO_PERMILLE)
        return given


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def play(request: HttpRequest) -> HttpResponse:
    """Choose a shipped scenario, change a few things, have it played in the background."""
    form = PlayForm(request.POST or None, initial={"scenario": "june-day"})
    if request.method == "POST" and form.is_valid():
        try:
            run = start_shipped(
                user=_user(request), key=form.cleaned_data["scenario"], changes=form.changes()
            )
        except RefusedError as error:
            for words in error.fields.get("scenario", [error.detail]):
                messages.error(request, words)
        else:
            return redirect("web:own_run", pk=run.pk)
    status = 422 if request.method == "POST" else 200
    return render(request, "web/play.html", {"form": form, "shipped": shipped()}, status=status)

"""Your data: what is kept and how long, who looked at it, all of it to take along, and its erasure."""

from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods

from marketplace.accounts import export
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.credit.erasure import erase_participant, obstacles_if_known
from marketplace.credit.lookups import told, views_of

VIEWS_SHOWN = 20
DAYS_A_YEAR = 365


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _span(days: int) -> str:
    """Days as people count them."""
    years, rest = divmod(days, DAYS_A_YEAR)
    if years and not rest:
        return ngettext("%(years)s year", "%(years)s years", years) % {"years": years}
    return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}


def _kept() -> list[dict[str, Any]]:
    """What is kept and for how long, as the settings have it."""
    days = settings.RETENTION_DAYS
    return [
        {"what": _("Profile, wallet address, e-mail address"), "span": _("as long as you have an account")},
        {"what": _("An application that was begun and left"), "span": _span(days["drafts"])},
        {
            "what": _("Documents of an application that was rejected or withdrawn"),
            "span": _span(days["rejected"]),
        },
        {"what": _("Documents behind a credit agreement, after its end"), "span": _span(days["agreements"])},
        {"what": _("Who looked at your documents"), "span": _span(days["audit"])},
        {"what": _("Sign-ins: time, network address"), "span": _span(days["sign_ins"])},
    ]


@login_required
@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """The overview."""
    user = _user(request)
    page = Paginator(views_of(user), VIEWS_SHOWN).get_page(request.GET.get("page"))
    page.object_list = told(page.object_list, user)  # type: ignore[assignment]  # rows in words
    return render(request, "web/privacy.html", {"kept": _kept(), "page": page})


@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
@require_GET
def download(request: HttpRequest) -> HttpResponse:
    """All of it as one file; asks for the password or passkey again, since an open screen must not be enough."""
    user = _user(request)
    record(actor=user, action="data.exported", subject=f"user {user.owner}", person=user)
    return export_response(user)


def export_response(user: User) -> HttpResponse:
    """The ZIP, to be saved."""
    response = HttpResponse(export.archive(user), content_type="application/zip")
    name = f"wattnote-{timezone.now():%Y-%m-%d}.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


class ErasureForm(forms.Form):
    """The address once more, since there is no way back."""

    email = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        help_text=gettext_lazy("Type it once more: there is no way back."),
        widget=forms.EmailInput({"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user

    def clean_email(self) -> str:
        """It must be the account's."""
        email = str(self.cleaned_data["email"]).strip().lower()
        if email != self.user.email:
            raise forms.ValidationError(_("This is not the address of this account."))
        return email


@login_required
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]  # allauth ships no types
@require_http_methods(["GET", "POST"])
def erase(request: HttpRequest) -> HttpResponse:
    """What stands in the way, and the deed itself."""
    user = _user(request)
    form = ErasureForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid() and _erased(request, user):
        return redirect("web:landing")
    found, is_known = obstacles_if_known(user)
    context = {"form": form, "obstacles": found, "is_known": is_known}
    status = 422 if request.method == "POST" else 200
    return render(request, "web/erase.html", context, status=status)


def _erased(request: HttpRequest, user: User) -> bool:
    try:
        erase_participant(user=user, actor=user)
    except RefusedError as error:
        messages.error(request, error.detail)
        return False
    logout(request)
    messages.success(request, _("Your personal data is gone for good. Goodbye."))
    return True

"""What the black and grey lists say of oneself, and saying something against it."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.models import User
from marketplace.credit.lists import appeal as make_appeal
from marketplace.credit.selectors import own_entries


@login_required
@require_safe
def lists(request: HttpRequest) -> HttpResponse:
    """My entries, each with its reason and what came of my appeal."""
    entries = list(own_entries(cast("User", request.user)))
    prefetch_keys([entry.appeal for entry in entries if hasattr(entry, "appeal")])
    return render(request, "web/lists.html", {"entries": entries})


@login_required
@require_POST
def appeal(request: HttpRequest, entry: int) -> HttpResponse:
    """Appeal against one of them."""
    user = cast("User", request.user)
    found = get_object_or_404(own_entries(user), pk=entry)
    try:
        make_appeal(entry=found, user=user, words=request.POST.get("words", ""))
    except RefusedError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, _("Your appeal is on its way. You are told when it is answered."))
    return redirect("web:lists")

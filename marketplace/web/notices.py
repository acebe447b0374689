"""The notices of whoever is signed in, their settings, and the way out of e-mails."""

from pathlib import Path
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles import finders
from django.core import signing
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.models import User
from marketplace.notifications import services
from marketplace.notifications.kinds import KINDS
from marketplace.notifications.outlets.emailing import read_token
from marketplace.notifications.outlets.pushing import public_key
from marketplace.notifications.selectors import devices_of, notices_of, wishes_of
from marketplace.notifications.wording import worded

PAGE_SIZE = 30


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _titles() -> dict[str, str]:
    return {name: str(kind.title).format_map(_Blanks()) for name, kind in KINDS.items()}


@login_required
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """What I was told, newest first, of all kinds or one, all or unread."""
    kind, unread = request.GET.get("kind", ""), request.GET.get("unread") == "1"
    kind = kind if kind in KINDS else ""
    found = notices_of(_user(request), kind=kind, unread=unread)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    told = notices_of(_user(request)).order_by().values_list("kind", flat=True).distinct()
    titles = _titles()
    context = {
        "page": page,
        "rows": worded(page.object_list),
        "kinds": sorted(((name, titles[name]) for name in told if name in titles), key=lambda one: one[1]),
        "kind": kind,
        "unread": unread,
    }
    return render(request, "web/notices.html", context)


@login_required
@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Mark one as read and go where it can be dealt with; without one, mark all."""
    number = request.POST.get("notice", "")
    found = notices_of(_user(request), unread=False).filter(pk=number).first() if number.isdecimal() else None
    if number and found is None:
        raise Http404
    services.mark_read(user=_user(request), notice=found.pk if found else None)
    return redirect(found.url if found and found.url.startswith("/") else "web:notices")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """Where I hear of what, and which browsers show it."""
    user, titles = _user(request), _titles()
    wishes = wishes_of(user)
    if request.method == "POST":
        for name, wish in wishes.items():
            email, push = f"email-{name}" in request.POST, f"push-{name}" in request.POST
            if (email, push) != (wish.email, wish.push):
                services.prefer(user=user, kind=name, email=email, push=push)
        messages.success(request, _("Your settings are kept."))
        return redirect("web:notice_settings")
    rows = [(titles[name], wish) for name, wish in wishes.items()]
    context = {"rows": rows, "devices": devices_of(user), "key": public_key()}
    return render(request, "web/notice_settings.html", context)


@login_required
@require_POST
def drop_device(request: HttpRequest, pk: str) -> HttpResponse:
    """A browser shows no more notices."""
    if not services.drop_device(user=_user(request), pk=str(pk)):
        raise Http404
    return redirect("web:notice_settings")


@csrf_exempt  # RFC 8058: mail programs post here without a page of ours; the signed word is the permission
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """No more e-mails about a kind: asked first, since mail scanners follow links; done at once by a POST."""
    try:
        number, kind = read_token(token)
        user = User.objects.get(pk=number, is_active=True)
    except (signing.BadSignature, User.DoesNotExist):
        raise Http404 from None
    if request.method == "POST":
        services.stop_emails(user=user, kind=kind)
    title = _titles().get(kind, "")
    return render(request, "web/notice_stop.html", {"title": title, "done": request.method == "POST"})


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """`sw.js` at the root, since a service worker rules the paths below its own (Service Workers, 3.4)."""
    del request
    found = finders.find("web/js/sw.js")
    if not found:
        raise Http404
    answer = HttpResponse(Path(found).read_bytes(), content_type="text/javascript")
    answer["Cache-Control"] = "no-cache"
    answer["Service-Worker-Allowed"] = "/"
    return answer

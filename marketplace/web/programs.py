"""Tokens and webhooks of one's programs."""

from typing import Any, cast
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.programs import webhooks as hooks
from marketplace.programs.models import Webhook
from marketplace.programs.tokens import make_token, own_tokens, revoke_token
from marketplace.web.programs_forms import TokenForm, WebhookForm

DELIVERIES_SHOWN = 25
TOKENS_SHOWN = 50


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _blame(form: Form, error: RefusedError) -> None:
    for name, words in error.fields.items() or [("", [error.detail])]:
        form.add_error(name if name in form.fields else None, words)


def _tokens_page(request: HttpRequest, form: TokenForm, secret: str = "", status: int = 200) -> HttpResponse:
    shown = own_tokens(_user(request))[:TOKENS_SHOWN]
    context = {"tokens": shown, "form": form, "secret": secret, "now": timezone.now()}
    return render(request, "web/tokens.html", context, status=status)


@never_cache
@login_required
@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    """My tokens, and a form for another one."""
    return _tokens_page(request, TokenForm())


@never_cache
@login_required
@require_POST
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def add_token(request: HttpRequest) -> HttpResponse:
    """Make a token, and show its secret this once."""
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            _token, secret = make_token(user=_user(request), **form.cleaned_data)
        except RefusedError as error:
            _blame(form, error)
        else:
            return _tokens_page(request, TokenForm(), secret)
    return _tokens_page(request, form, status=422)


@login_required
@require_POST
def drop_token(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a token."""
    token = get_object_or_404(own_tokens(_user(request)), pk=pk)
    revoke_token(token=token)
    messages.success(request, _("The token “%(label)s” opens nothing any more.") % {"label": token.label})
    return redirect("web:tokens")


def _webhooks_page(request: HttpRequest, form: WebhookForm, status: int = 200) -> HttpResponse:
    found = hooks.own_webhooks(_user(request)).defer("secret", "old_secret")
    return render(request, "web/webhooks.html", {"webhooks": found, "form": form}, status=status)


@login_required
@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """My webhooks, and a form for another one."""
    return _webhooks_page(request, WebhookForm(initial={"events": ["*"]}))


@never_cache
@login_required
@require_POST
def add_webhook(request: HttpRequest) -> HttpResponse:
    """Register an address, and show its secret this once."""
    form = WebhookForm(request.POST)
    if form.is_valid():
        try:
            hook, secret = hooks.add_webhook(user=_user(request), **form.cleaned_data)
        except RefusedError as error:
            _blame(form, error)
        else:
            return _webhook_page(request, hook, secret)
    return _webhooks_page(request, form, status=422)


def _own(request: HttpRequest, pk: UUID) -> Webhook:
    return get_object_or_404(hooks.own_webhooks(_user(request)), pk=pk)


def _webhook_page(request: HttpRequest, hook: Webhook, secret: str = "") -> HttpResponse:
    page = Paginator(hooks.deliveries_of(hook), DELIVERIES_SHOWN).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"webhook": hook, "page": page, "secret": secret, "now": timezone.now()}
    return render(request, "web/webhook.html", context)


@login_required
@require_safe
def webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One of them, with what was sent there."""
    return _webhook_page(request, _own(request, pk))


@never_cache
@login_required
@require_POST
def rotate_webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change the secret, and show it this once."""
    hook = _own(request, pk)
    return _webhook_page(request, hook, hooks.rotate_secret(webhook=hook))


@login_required
@require_POST
def ping_webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send a test."""
    try:
        hooks.ping(webhook=_own(request, pk))
        messages.success(request, _("A test is on its way; it stands in the list below."))
    except RefusedError as error:
        messages.error(request, error.detail)
    return redirect("web:webhook", pk)


@login_required
@require_POST
def switch_webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Switch it off, or on again."""
    hook = _own(request, pk)
    hooks.change_webhook(webhook=hook, enabled=hook.disabled_at is not None)
    return redirect("web:webhook", pk)


@login_required
@require_POST
def drop_webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Forget it."""
    hooks.remove_webhook(webhook=_own(request, pk))
    messages.success(request, _("The webhook is gone."))
    return redirect("web:webhooks")


@login_required
@require_POST
def resend(request: HttpRequest, pk: UUID, delivery: UUID) -> HttpResponse:
    """Send one of its events once more."""
    sent = get_object_or_404(
        hooks.deliveries_of(_own(request, pk)).select_related("webhook__user"), pk=delivery
    )
    try:
        hooks.resend(delivery=sent)
        messages.success(request, _("It goes out once more."))
    except RefusedError as error:
        messages.error(request, error.detail)
    return redirect("web:webhook", pk)

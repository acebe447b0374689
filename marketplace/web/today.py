"""Today at a glance."""

import time
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketplace.accounts.models import User
from marketplace.accounts.selectors import wallet_of
from marketplace.credit.selectors import active_agreement
from marketplace.trading import selectors as trading
from marketplace.trading.outlook import outlook_of
from marketplace.web.progress import progress_of
from marketplace.web.views import named_trades, with_partners

RECENT = 6
OPEN_SHOWN = 6
DAY = 24 * 3600


def _market(user: User) -> dict[str, Any]:
    """What changes with each slot that the market plays."""
    look = outlook_of(user)
    return {"look": look, "open_slots": look.open_slots[:OPEN_SHOWN], "wallet": wallet_of(user)}


@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """My surplus and need, prices around me, what is agreed and what is open."""
    user = cast("User", request.user)
    live = list(trading.own_channels(user).exclude(phase__in=("closed", "aborted"))[:RECENT])
    channels = with_partners(live)
    since = int(time.time()) - DAY
    today = list(trading.own_trades(user).filter(at__gte=since))
    net = sum(t.amount if t.seller == user.owner else -t.amount for t in today)
    context = {
        "progress": progress_of(user),
        "agreement": active_agreement(user),
        "channels": channels,
        "in_channels": sum(row["mine"] for row in channels),
        "net": net,
        "trades": named_trades(list(trading.own_trades(user)[:RECENT]), user.owner),
    }
    return render(request, "web/dashboard.html", {**context, **_market(user)})


@login_required
@require_safe
def today_market(request: HttpRequest) -> HttpResponse:
    """The part that changes with each slot, alone."""
    return render(request, "web/parts/today_market.html", _market(cast("User", request.user)))

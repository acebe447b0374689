"""Pages of bills: the list with the period that runs, and one bill with everything that it rests on."""

import time
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from marketplace import formats
from marketplace.accounts.models import User
from marketplace.billing.documents.words import grounds, position_name
from marketplace.billing.forecast import Running, running
from marketplace.billing.gathering import SLOT_COLUMNS
from marketplace.billing.keeping import content_of
from marketplace.billing.models import Bill
from marketplace.billing.selectors import own_bills, own_supply
from marketplace.credit.books import statement_of

SLOT_PARTS = {
    "from_supplier_wh": "residual_import_wh",
    "from_neighbours_wh": "bought_wh",
    "to_supplier_wh": "surplus_wh",
    "to_neighbours_wh": "sold_wh",
}
WORDS = {
    "paid": gettext_lazy("Paid"),
    "credit": gettext_lazy("Is paid to you"),
    "overdue": gettext_lazy("Overdue"),
    "open": gettext_lazy("To be paid"),
}
PAGE_SIZE, CHART_WIDTH, CHART_HEIGHT = 25, 1000, 260
TRADES_SHOWN, ONE_DAY = 12, 1
DAY, HOUR = 24 * 3600, 3600


def _running(user: User) -> Running | None:
    supply = own_supply(user)
    return None if supply is None else running(supply)


def standing(bill: Bill, now: int) -> str:
    """The word of a bill's chip."""
    if bill.paid_at is not None:
        return "paid"
    if bill.due_cents < 0:
        return "credit"
    return "overdue" if now > bill.due_at else "open"


@login_required
@require_safe
def bills(request: HttpRequest) -> HttpResponse:
    """My bills, the newest first, and what the running period will come to."""
    user, now = cast("User", request.user), int(time.time())
    page = Paginator(own_bills(user), PAGE_SIZE).get_page(request.GET.get("page"))
    standings = [standing(bill, now) for bill in page.object_list]
    rows = [
        {"bill": bill, "standing": word, "word": WORDS[word]}
        for bill, word in zip(page.object_list, standings, strict=True)
    ]
    return render(request, "web/bills.html", {"page": page, "rows": rows, "running": _running(user)})


@login_required
@require_safe
def bill(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One of my bills."""
    user, now = cast("User", request.user), int(time.time())
    found = get_object_or_404(
        Bill.objects.filter(user=user).select_related("merchant", "supply__agreement"), pk=pk
    )
    content = content_of(found)
    if content is None:
        raise Http404
    payments = list(found.payments.all())
    received = sum(payment.amount for payment in payments)
    context = {
        "bill": found,
        "standing": standing(found, now),
        "word": WORDS[standing(found, now)],
        "amount": abs(found.due),
        "content": content,
        "positions": [_named(one, "gross") for one in content["positions"]],
        "offsets": [_named(one, "amount") for one in content["offsets"]],
        "totals": _in_micro(content["totals"]),
        "chart": chart(_spans(content)) if content["days"] else None,
        "corrects": content.get("corrects", ()),
        "corrected_by": found.corrected_by.only("reference"),
        "days": content["days"],
        "by_hour": len(content["days"]) == ONE_DAY,
        "signed": sum(1 for trade in content["trades"] if trade["version"] is not None),
        "trades": content["trades"][:TRADES_SHOWN],
        "more_trades": max(0, len(content["trades"]) - TRADES_SHOWN),
        "payments": payments,
        "rest": found.due - received,
        "claim": _claim(found),
    }
    return render(request, "web/bill.html", context)


def _claim(bill: Bill) -> dict[str, Any] | None:
    """Debts of credit notes as the ledger has them now, and the clock of a claim."""
    agreement = bill.supply.agreement
    if agreement is None or not agreement.block_number:
        return None
    books = statement_of(agreement)
    return {"books": books, "agreement": agreement, "term_days": max(1, agreement.payment_term // DAY)}


def _named(position: dict[str, Any], key: str) -> dict[str, Any]:
    slot = formats.told(position["about"], "slot") if position["about"] else ""
    return {
        **position,
        "name": position_name(position["kind"]),
        "grounds": grounds(position, slot),
        "money": position[key],
    }


def _in_micro(totals: dict[str, int]) -> dict[str, Any]:
    """Cents as the micro-units that the pages format; the rate in percent."""
    found: dict[str, Any] = {
        name.removesuffix("_cents"): value * 10_000
        for name, value in totals.items()
        if name.endswith("_cents")
    }
    return {**found, "owed": totals["owed"], "cut": totals["cut"], "vat_percent": totals["vat_permille"] / 10}


def _spans(content: dict[str, Any]) -> list[dict[str, Any]]:
    """What the chart has bars of: days, or the hours of a single one."""
    days: list[dict[str, Any]] = content["days"]
    if len(days) > ONE_DAY or not content["slots"]:
        return days
    hours: dict[int, dict[str, Any]] = {}
    for row in content["slots"]:
        slot = dict(zip(SLOT_COLUMNS, row, strict=True))
        hour = hours.setdefault(slot["slot_start"] // HOUR, dict.fromkeys(SLOT_PARTS, 0))
        for name, column in SLOT_PARTS.items():
            hour[name] += slot[column]
    return list(hours.values())


def chart(days: list[dict[str, Any]]) -> dict[str, Any]:
    """Bars of each day in whole pixels: drawn upwards, fed in downwards, the supplier's part first."""
    most_in = max(day["from_supplier_wh"] + day["from_neighbours_wh"] for day in days)
    most_out = max(day["to_supplier_wh"] + day["to_neighbours_wh"] for day in days)
    scale = CHART_HEIGHT / max(1, most_in + most_out)
    middle, step = round(most_in * scale), CHART_WIDTH // len(days)
    rows = [_bars(day, at * step, step, middle, scale) for at, day in enumerate(days)]
    return {"bars": rows, "middle": middle, "width": CHART_WIDTH, "height": CHART_HEIGHT}


def _bars(day: dict[str, Any], x: int, step: int, middle: int, scale: float) -> list[dict[str, Any]]:
    parts = []
    names = (
        ("from_supplier_wh", True),
        ("from_neighbours_wh", True),
        ("to_supplier_wh", False),
        ("to_neighbours_wh", False),
    )
    above = below = middle
    for name, up in names:
        height = round(day[name] * scale)
        y = above - height if up else below
        above, below = (y, below) if up else (above, below + height)
        parts.append(
            {
                "kind": name.removesuffix("_wh"),
                "x": x + step // 6,
                "y": y,
                "width": max(1, step * 2 // 3),
                "height": height,
            }
        )
    return [part for part in parts if part["height"]]

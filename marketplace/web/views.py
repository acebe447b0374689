"""The pages around trading: thin over the selectors of the domain apps."""

import time
from typing import Any, TypeVar, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_safe

from channels_engine.codec import to_hex
from channels_engine.core.types import Side
from channels_engine.store.models import Endpoint, LedgerEvent, TradeRecord
from marketplace.accounts.models import User
from marketplace.accounts.selectors import wallet_of
from marketplace.credit.selectors import active_agreement
from marketplace.trading import selectors as trading
from marketplace.trading.disputes import penalty_of, story_of
from marketplace.trading.finding import partners_of
from marketplace.trading.live.control import USUAL, hand, may_operate
from marketplace.trading.live.listings import listings_from
from marketplace.trading.meters.selectors import latest_slots
from marketplace.trading.nearby import with_distances
from marketplace.trading.reputation import with_reputations
from marketplace.trading.standings import standing_with, with_standings
from marketplace.web.filters import PartnerFilter, slot_choices
from marketplace.web.ledger_words import spoken

PAGE_SIZE = 25
LISTINGS_SHOWN = 3
RECENT = 6
DAY = 24 * 3600
SPEEDS = (250, 500, 1000, 2000, 5000, 10_000)
SWATCHES = ("paper", "surface", "sunken", "ink", "brand", "energy", "need", "money", "danger")

M = TypeVar("M", bound=Model)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _now() -> int:
    return int(time.time())


def _page(request: HttpRequest, rows: QuerySet[M]) -> Page[M]:
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


def _part(request: HttpRequest, whole: str, part: str) -> str:
    """The list alone where htmx asks for it, else the page around it."""
    return part if request.headers.get("HX-Request") == "true" else whole


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """What this is, for those who are not signed in."""
    if request.user.is_authenticated:
        return redirect("web:dashboard")
    return render(request, "web/landing.html")


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Where browsers look for an icon wherever a page, such as a document, names none."""
    return redirect(static("web/img/mark.svg"))


@require_safe
def feeder(request: HttpRequest) -> HttpResponse:
    """The live replay on the map, and its controls for its operators."""
    context = {"may_operate": may_operate(request.user), "hand": hand(), "speeds": _speeds()}
    return render(request, "web/feeder.html", context)


def _speeds() -> list[tuple[int, str]]:
    """What an operator may choose, per mille of the pace, in words; the present one among them."""
    offered = sorted({*SPEEDS, hand().speed_permille})
    return [
        (value, _("Usual") if value == USUAL else _("%(speed)s times") % {"speed": f"{value / USUAL:g}"})
        for value in offered
    ]


def named_trades(records: list[TradeRecord], owner: str) -> list[dict[str, Any]]:
    """Trades as their reader sees them: role, partner by name, money in or out."""
    partners = trading.prosumers_by_owner(r.buyer if r.seller == owner else r.seller for r in records)
    rows = []
    for record in records:
        sells = record.seller == owner
        partner = record.buyer if sells else record.seller
        rows.append(
            {"record": record, "sells": sells, "partner": partners.get(partner), "partner_id": partner}
        )
    return rows


def with_partners(endpoints: list[Endpoint]) -> list[dict[str, Any]]:
    """Channels with their partners and the balances of both sides."""
    partners = trading.prosumers_by_owner(row.peer for row in endpoints)
    return [
        {
            "view": view,
            "row": view.row,
            "partner": partners.get(view.row.peer),
            "mine": view.mine(view.balance.balance_a, view.balance.balance_b),
            "theirs": view.theirs(view.balance.balance_a, view.balance.balance_b),
            "energy_to_me": view.energy_to_me,
            "energy_to_them": view.energy_to_them,
        }
        for view in trading.channel_views(endpoints)
    ]


def _share(mine: int, theirs: int) -> int:
    """The own part of a channel in percent, for the bar."""
    return round(100 * mine / (mine + theirs)) if mine + theirs else 0


@login_required
@require_safe
def partners(request: HttpRequest) -> HttpResponse:
    """Who trades here, with what they have or need."""
    user, asked = _user(request), PartnerFilter(request.GET)
    wanted = asked.wanted()
    page = _page(request, partners_of(user, wanted, now=listings_from()))
    page.object_list = with_distances(user, with_reputations(with_standings(user, page.object_list)))
    context = {"page": page, "asked": asked, "wanted": wanted, "slots": slot_choices()}
    return render(request, _part(request, "web/partners.html", "web/parts/partner_list.html"), context)


@login_required
@require_safe
def trade(request: HttpRequest, slug: str) -> HttpResponse:
    """The negotiation with one partner."""
    user = _user(request)
    partner = get_object_or_404(trading.prosumers(), slug=slug)
    if partner.owner == user.owner:
        raise Http404
    with_partner = trading.own_channels(user).filter(peer=partner.owner)
    current = with_partner.exclude(phase__in=("closed", "aborted")).first()
    listed = list(trading.open_listings(now=listings_from()).filter(prosumer=partner))
    listed.sort(
        key=lambda one: str(one.slot_start) != request.GET.get("slot")
    )  # the one that was pressed comes first
    with_distances(user, with_reputations([partner]))
    context = {
        "partner": partner,
        "listings": listed[:LISTINGS_SHOWN],
        "channel": current.channel if current else "",
        "agreement": active_agreement(user),
        "wallet": wallet_of(user),
        "standing": standing_with(user, partner.owner),
    }
    return render(request, "web/trade.html", context)


@login_required
@require_safe
def channels(request: HttpRequest) -> HttpResponse:
    """All channels of the user."""
    page = _page(request, trading.own_channels(_user(request)))
    rows = with_partners(list(page.object_list))
    for row in rows:
        row["share"] = _share(row["mine"], row["theirs"])
    return render(request, "web/channels.html", {"page": page, "rows": rows})


def _state_rows(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Co-signed states, the newest first, with figures as the user's side sees them."""
    side_a = endpoint.side == 0
    return [
        {
            "state": state,
            "mine": state.balance_a if side_a else state.balance_b,
            "theirs": state.balance_b if side_a else state.balance_a,
            "signature_mine": "0x" + bytes(state.signature_a if side_a else state.signature_b).hex(),
            "signature_theirs": "0x" + bytes(state.signature_b if side_a else state.signature_a).hex(),
        }
        for state in trading.states_of(endpoint.channel)
    ]


def _name_of(row: dict[str, Any]) -> str:
    return str(row["partner"].display_name if row["partner"] else row["row"].peer)


def _signatures(view: trading.ChannelView) -> tuple[str, str]:
    """The user's and the partner's signature under the balance; empty where the ledger proves it."""
    both = (to_hex(view.balance.signature_a), to_hex(view.balance.signature_b))
    return both if view.side is Side.A else both[::-1]


@login_required
@require_safe
def channel(request: HttpRequest, channel: str) -> HttpResponse:
    """One channel: every state, signature, trade and ledger event behind its balance."""
    user = _user(request)
    endpoint = get_object_or_404(trading.own_channels(user), channel=channel)
    (row,) = with_partners([endpoint])
    events = trading.ledger_events_of(channel=channel, scid=endpoint.scid)
    context = {
        **row,
        "share": _share(row["mine"], row["theirs"]),
        "states": _state_rows(endpoint),
        "trades": named_trades(list(trading.trades_of(channel)), user.owner),
        "events": [spoken(event) for event in events],
        "opening": row["view"].state.opening,
        "terms": row["view"].state.terms,
        "terms_nonce": to_hex(row["view"].state.terms.nonce),
        "story": story_of(row["view"].state, partner=_name_of(row)),
        "penalty": penalty_of(row["view"].state, events),
        "sums": trading.sums_of(row["view"], user.owner),
        "proof": row["view"].balance,
        "signatures": _signatures(row["view"]),
    }
    return render(request, "web/channel.html", context)


@login_required
@require_safe
def trades(request: HttpRequest) -> HttpResponse:
    """Every co-signed trade of the user."""
    page = _page(request, trading.own_trades(_user(request)))
    rows = named_trades(list(page.object_list), _user(request).owner)
    context = {"page": page, "rows": rows, "meters": latest_slots(_user(request))}
    return render(request, _part(request, "web/trades.html", "web/parts/trade_list.html"), context)


def _found_events(request: HttpRequest) -> QuerySet[LedgerEvent]:
    rows = LedgerEvent.objects.order_by("-block_number", "-log_index")
    wanted, name = request.GET.get("search", "").strip().lower(), request.GET.get("name", "")
    if wanted:
        rows = rows.filter(Q(channel=wanted) | Q(scid=wanted) | Q(transaction_hash=wanted))
    return rows.filter(name=name) if name else rows


@require_safe
def ledger(request: HttpRequest) -> HttpResponse:
    """What the ledger recorded; it names session keys only, so everybody may read it."""
    page = _page(request, _found_events(request))
    context = {
        "page": page,
        "rows": [spoken(event) for event in page.object_list],
        "search": request.GET.get("search", ""),
        "name": request.GET.get("name", ""),
    }
    return render(request, _part(request, "web/ledger.html", "web/parts/event_list.html"), context)


@login_required
@require_safe
def wallet(request: HttpRequest) -> HttpResponse:
    """The wallet of this browser: make, restore, unlock, back up."""
    return render(request, "web/wallet.html", {"wallet": wallet_of(_user(request))})


@require_GET
def design(request: HttpRequest) -> HttpResponse:
    """The design language's components, for those who build pages."""
    if not settings.DEBUG and not _user(request).is_staff:
        raise Http404
    return render(request, "web/design.html", {"now": _now(), "swatches": SWATCHES})

"""My agent: the rules as a sentence, their dry run, whether it is live, and what it did."""

from datetime import date
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from grid.scenarios.sections import Tariff
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.accounts.selectors import wallet_of
from marketplace.trading.live.view import market_view
from marketplace.trading.models import AgentRules, OwnAgent
from marketplace.trading.own_agent import selectors, services
from marketplace.trading.own_agent.holding import holding_of
from marketplace.trading.own_agent.moment import open_channels
from marketplace.trading.own_agent.rules import Partners, Rules, rules_from
from marketplace.trading.own_agent.words import KINDS, REASONS
from marketplace.trading.selectors import prosumers_by_owner
from marketplace.web.agent_form import RulesForm, typed
from marketplace.words import protocol

PAGE_SIZE = 20
WHOLE = 100
PARTS = ("state", "log")


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _usual_rules(tariff: Tariff | None) -> Rules:
    """Where somebody begins: a price in the middle of the supplier's two, a small budget."""
    low, high = (tariff.feed_in_per_kwh, tariff.retail_per_kwh) if tariff else (80_000, 300_000)
    third = (high - low) // 3 // 10_000 * 10_000
    return Rules(
        sells=True,
        sell_from=low + third,
        buys=True,
        buy_up_to=low + third,
        reserve_wh=100,
        budget=1_000_000,
        most_wh=1000,
        partners=Partners.ALL.value,
        from_minute=0,
        to_minute=0,
        zone=settings.FEEDER_ZONE,
    )


def _tariff() -> Tariff | None:
    market = market_view()
    return market.simulation.scenario.tariff if market else None


def _state(user: User) -> dict[str, Any]:
    """Where the agent stands, in words and figures."""
    agent = selectors.agent_of(user)
    context: dict[str, Any] = {"agent": agent, "states": OwnAgent.State, "wallet": wallet_of(user)}
    if agent is None or agent.live is None:
        return context
    rules = rules_from(agent.live.rules)
    day, spent = selectors.spent_today(user, rules)
    return context | {
        "live": rules,
        "day": date.fromisoformat(day),
        "spent": spent,
        "at_work": selectors.is_at_work(agent),
        "acts": holding_of(agent, "").acts,
        "doing": REASONS.get(agent.doing, ""),
        "channels": len(open_channels(user)),
    }


def _trial(row: AgentRules | None) -> dict[str, Any]:
    """The dry run of one version, each day with its bar in percent of the largest."""
    result = row.dry_run if row else None
    if row is None or result is None:
        return {"row": row}
    most = max([1, *(abs(day["saved"]) for day in result["days"])])
    days = [
        {
            **day,
            "date": date.fromisoformat(day["day"]),
            "share": max(1, abs(day["saved"]) * WHOLE // most),
            "gains": day["saved"] >= 0,
        }
        for day in result["days"]
    ]
    trial = {**result, "net": result["earned"] - result["spent"]}
    return {"row": row, "trial": trial, "days": days, "tried": rules_from(row.rules)}


def _log(request: HttpRequest) -> dict[str, Any]:
    page = Paginator(selectors.decisions_of(_user(request)), PAGE_SIZE).get_page(request.GET.get("page"))
    steps = selectors.steps_of(list(page.object_list))
    names = prosumers_by_owner(step.decision.partner for step in steps)
    rows = [
        {
            "step": step.decision,
            "trade": step.trade,
            "partner": names.get(step.decision.partner),
            "kind": KINDS.get(step.decision.kind, ""),
            "why": REASONS.get(step.decision.reason, ""),
            "detail": protocol.reason(step.decision.detail),
        }
        for step in steps
    ]
    return {"page": page, "rows": rows}


@login_required
@require_safe
def agent(request: HttpRequest) -> HttpResponse:
    """My agent."""
    user = _user(request)
    newest, tariff = selectors.versions_of(user).first(), _tariff()
    rules = rules_from(newest.rules) if newest else _usual_rules(tariff)
    context = {"form": RulesForm(initial=typed(rules)), "is_new": newest is None, "tariff": tariff}
    return render(request, "web/agent.html", {**context, **_state(user), **_trial(newest), **_log(request)})


@login_required
@require_safe
def agent_part(request: HttpRequest, part: str) -> HttpResponse:
    """The state or the log alone, as the page asks for it again."""
    if part not in PARTS:
        raise Http404
    context = _state(_user(request)) if part == "state" else _log(request)
    return render(request, f"web/parts/agent_{part}.html", context)


@login_required
@require_POST
def try_rules(request: HttpRequest) -> HttpResponse:
    """Keep the rules of the form as a version, and try them on the person's own past."""
    user, form = _user(request), RulesForm(request.POST)
    context: dict[str, Any] = {"form": form, "tariff": _tariff(), "wallet": wallet_of(user)}
    try:
        if form.is_valid():
            row = services.save_rules(user=user, rules=form.rules())
            context |= _trial(row)
            context |= _trial(services.try_rules(user=user, version=row.version))
    except RefusedError as error:
        form.blame(error.fields or {"__all__": [error.detail]})
    is_good = form.is_valid()
    if request.headers.get("HX-Request") == "true":
        return render(request, "web/parts/agent_rules.html", context)
    if is_good:
        return redirect("web:agent")
    return render(request, "web/agent.html", context | _state(user) | _log(request), status=422)

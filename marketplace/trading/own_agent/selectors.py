"""Reads around a person's own agent."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from channels_engine.store.models import TradeRecord
from marketplace.accounts.models import User
from marketplace.trading.live.view import market_view
from marketplace.trading.models import AgentDecision, AgentRules, OwnAgent
from marketplace.trading.own_agent.holding import ELSEWHERE, holding_of
from marketplace.trading.own_agent.moment import moment_of, open_channels, promises, spent_by_day
from marketplace.trading.own_agent.planner import Moment, Plan, plan
from marketplace.trading.own_agent.rules import Rules, rules_from

SEEN_WITHIN_S = 60
LOOK_AGAIN_S = (2, 15)


def agent_of(user: User) -> OwnAgent | None:
    """A person's agent; None where it never wrote rules."""
    return OwnAgent.objects.filter(user=user).select_related("live").first()


def versions_of(user: User) -> QuerySet[AgentRules]:
    """All versions of a person's rules, the newest first."""
    return AgentRules.objects.filter(user=user)


def decisions_of(user: User) -> QuerySet[AgentDecision]:
    """What a person's agent did, the newest first."""
    return AgentDecision.objects.filter(user=user)


def is_at_work(agent: OwnAgent) -> bool:
    """Whether it asked what to do a moment ago, somewhere."""
    return agent.seen_at is not None and time.time() - agent.seen_at.timestamp() < SEEN_WITHIN_S


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the log: what was done, and the co-signed trade that came of it."""

    decision: AgentDecision
    trade: TradeRecord | None


def steps_of(decisions: Sequence[AgentDecision]) -> list[Step]:
    """Lines of the log with their trades, by one query."""
    hashes = {decision.trade for decision in decisions if decision.trade}
    rows = TradeRecord.objects.filter(trade__in=hashes, channel__in={one.channel for one in decisions})
    trades = {(row.channel, row.trade): row for row in rows}
    return [Step(one, trades.get((one.channel, one.trade))) for one in decisions]


@dataclass(frozen=True, slots=True)
class NextStep:
    """What an agent is to do now: the plan, the moment that it was made for, and the rules with their mandate."""

    plan: Plan
    moment: Moment | None = None
    rules: AgentRules | None = None
    look_again_s: int = LOOK_AGAIN_S[1]
    imbalance_per_kwh: int = 0


def next_step(user: User, holder: str = "") -> NextStep:
    """What a person's agent is to do now; nothing while it is paused, its mandate is over, or another holder acts."""
    agent = agent_of(user)
    if agent is None or agent.live is None or agent.state == OwnAgent.State.DRAFT:
        return NextStep(Plan(None, "draft"))
    row, rests = agent.live, _rests(agent, agent.live, holder)
    if rests:
        return NextStep(Plan(None, rests), rules=row)
    market = market_view()
    if market is None:
        return NextStep(Plan(None, "no_market"), rules=row)
    index = market.connections().get(user.owner)
    if index is None:
        return NextStep(Plan(None, "not_connected"), rules=row)
    rules = rules_from(row.rules)
    moment = moment_of(user, rules, market, index)
    pace = round(market.simulation.scenario.replay.seconds_per_slot)
    look = min(max(pace, LOOK_AGAIN_S[0]), LOOK_AGAIN_S[1])
    imbalance = market.simulation.scenario.tariff.imbalance_per_kwh
    return NextStep(plan(rules, moment), moment, row, look, imbalance)


def _rests(agent: OwnAgent, rules: AgentRules, holder: str) -> str:
    """Why this holder is to do nothing at all, whatever the market has; else nothing."""
    if agent.state != OwnAgent.State.LIVE:
        return "paused"
    if rules.mandate_until <= time.time():
        return "mandate"
    held = holding_of(agent, holder)
    return "" if held.mine else ELSEWHERE[held.acts]


def spent_today(user: User, rules: Rules) -> tuple[str, int]:
    """The market's day of delivery, and what purchases for it cost so far, open offers included."""
    market = market_view()
    if market is None:
        return rules.day_of(int(time.time())), 0
    day = rules.day_of(market.playing)
    return day, spent_by_day(rules, promises(user, market, open_channels(user))).get(day, 0)

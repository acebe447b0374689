"""Writes around a person's own agent: its rules, its dry run, going live, pausing, and what it did."""

import time
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_engine.core.amounts import amount_of
from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import recover
from channels_engine.store.models import Endpoint
from marketplace.accounts.errors import ConflictError, MissingError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import User
from marketplace.accounts.selectors import wallet_of
from marketplace.accounts.services import record
from marketplace.accounts.siwe import personal_digest
from marketplace.notifications.services import notify
from marketplace.trading.live.view import MarketView, market_view
from marketplace.trading.models import AgentDecision, AgentRules, OwnAgent
from marketplace.trading.own_agent.dry_run import Prices, dry_run, summary
from marketplace.trading.own_agent.moment import open_channels
from marketplace.trading.own_agent.past import own_past
from marketplace.trading.own_agent.rules import MANDATE_SECONDS, Rules, faults_of, mandate_text, rules_from
from marketplace.trading.own_agent.words import fault_in_words
from marketplace.words import protocol

MOST_VERSIONS = 500
MANDATE_LEEWAY_S = 3600
PAGE = "/agent/"


@transaction.atomic
def save_rules(*, user: User, rules: Rules) -> AgentRules:
    """Keep rules as a new version; the newest version's very rules again are that version.

    Raises:
        RefusedError: they contradict themselves, or a figure is out of bounds.
    """
    wrong: dict[str, list[str]] = {}
    for fault in faults_of(rules):
        wrong.setdefault(fault.field, []).append(fault_in_words(fault))
    if wrong:
        raise RefusedError("agent_rules", _("The rules can't be kept as they are."), wrong)
    _agent(user)
    newest = AgentRules.objects.filter(user=user).first()
    if newest is not None and newest.rules == rules.as_dict():
        return newest
    version = newest.version + 1 if newest else 1
    if version > MOST_VERSIONS:
        raise ConflictError("many_versions", _("There are too many versions of your rules."))
    return AgentRules.objects.create(user=user, version=version, rules=rules.as_dict())


def _agent(user: User) -> OwnAgent:
    """The person's agent, made where there is none, and locked until the transaction ends."""
    OwnAgent.objects.get_or_create(user=user)
    return OwnAgent.objects.select_for_update().get(user=user)


def connection_of(user: User, market: MarketView) -> int:
    """The person's connection on the live market's feeder.

    Raises:
        MissingError: it has none yet.
    """
    index = market.connections().get(user.owner)
    if index is None:
        raise MissingError(
            "not_connected", _("You have no connection on this feeder yet. Link a wallet first.")
        )
    return index


def running_market() -> MarketView:
    """The live market.

    Raises:
        MissingError: none is running.
    """
    market = market_view()
    if market is None:
        raise MissingError("no_replay", _("The market is not running yet; try again in a minute."))
    return market


def try_rules(*, user: User, version: int) -> AgentRules:
    """Play a version of the rules over the person's own past, and keep the result with it.

    Raises:
        MissingError: no such version, no market, or no connection.
        ConflictError: there is no past slot yet.
    """
    row = rules_row(user, version)
    market = running_market()
    index = connection_of(user, market)
    past = own_past(user, market, index, _partner_connections(user, market))
    if not past.slots:
        raise ConflictError("no_past", _("No slot of yours is over yet. Try again when the first one is."))
    tariff = market.simulation.scenario.tariff
    prices = Prices(tariff.retail_per_kwh, tariff.feed_in_per_kwh)
    least = market.simulation.scenario.market.min_trade_wh
    days = dry_run(rules_from(row.rules), past.slots, prices, least_wh=least)
    row.dry_run, row.dry_run_at = {"source": past.source, **summary(days)}, timezone.now()
    row.save(update_fields=["dry_run", "dry_run_at"])
    return row


def _partner_connections(user: User, market: MarketView) -> frozenset[int]:
    at = market.connections()
    return frozenset(at[one.partner] for one in open_channels(user) if one.partner in at)


def rules_row(user: User, version: int) -> AgentRules:
    """One version of a person's rules.

    Raises:
        MissingError: there is none.
    """
    row = AgentRules.objects.filter(user=user, version=version).first()
    if row is None:
        raise MissingError("no_rules", _("There is no such version of your rules."))
    return row


def mandate_for(row: AgentRules, *, now: int | None = None) -> tuple[str, int]:
    """The text to sign for a version, and until when it would hold."""
    until = int(now or time.time()) + MANDATE_SECONDS
    return mandate_of(row, until), until


def mandate_of(row: AgentRules, until: int) -> str:
    """The text of a version's mandate."""
    return mandate_text(rules_from(row.rules), version=row.version, owner=row.user.owner, until=until)


@transaction.atomic
def go_live(*, user: User, version: int, until: int, signature: bytes) -> OwnAgent:
    """Let the agent work by a version of the rules, for which the wallet signed.

    Raises:
        MissingError: no such version.
        ConflictError: these very rules had no dry run, or there is no wallet.
        RefusedError: the signature is not the wallet's under this mandate, or it would hold too long.
    """
    agent, row, wallet = _agent(user), rules_row(user, version), wallet_of(user)
    if row.dry_run is None:
        raise ConflictError("no_dry_run", _("Try these rules on your own past first."))
    if wallet is None:
        raise ConflictError("no_wallet", _("Link a wallet first: it signs for what the agent may do."))
    now = time.time()
    if not now < until <= now + MANDATE_SECONDS + MANDATE_LEEWAY_S:
        problem = _("A mandate holds for 30 days at most.")
        raise RefusedError("mandate_until", problem, {"until": [problem]})
    if _signer(mandate_of(row, until), signature) != wallet.address:
        problem = _("The signature is not your wallet's under this mandate.")
        raise RefusedError("wrong_signer", problem, {"signature": [problem]})
    row.mandate, row.mandate_until = to_hex(signature), until
    row.save(update_fields=["mandate", "mandate_until"])
    agent.state, agent.live, agent.paused_because, agent.doing = OwnAgent.State.LIVE, row, "", ""
    agent.save()
    record(actor=user, action="agent.live", subject=f"agent rules {version}", person=user)
    return agent


def _signer(text: str, signature: bytes) -> str:
    try:
        return to_hex(recover(personal_digest(text), signature))
    except SignatureError as error:
        words = protocol.refusal(error)
        raise RefusedError(error.code, words, {"signature": [words]}) from error


@transaction.atomic
def pause(*, user: User, because: str = "person") -> OwnAgent:
    """Stop the agent: from now on it gets no plan. Repeating it is harmless."""
    agent = _agent(user)
    if agent.state == OwnAgent.State.LIVE:
        agent.state, agent.paused_because = OwnAgent.State.PAUSED, because
        agent.save()
        record(actor=user, action="agent.paused", subject="agent", person=user, because=because)
    return agent


@transaction.atomic
def resume(*, user: User) -> OwnAgent:
    """Let a paused agent go on by the rules that it had; its mandate must still hold.

    Raises:
        ConflictError: it was never live, or the mandate ran out.
    """
    agent = _agent(user)
    if agent.live is None:
        raise ConflictError(
            "never_live", _("The agent has not been live yet. Go live with your rules first.")
        )
    if agent.live.mandate_until <= time.time():
        raise ConflictError("mandate_over", _("The mandate ran out. Sign it once more to go on."))
    if agent.state != OwnAgent.State.LIVE:
        agent.state, agent.paused_because = OwnAgent.State.LIVE, ""
        agent.save()
        record(actor=user, action="agent.resumed", subject="agent", person=user)
    return agent


@transaction.atomic
def note_presence(*, user: User, doing: str, day: str = "") -> OwnAgent:
    """The agent says where it stands: `doing` is a reason of `words.REASONS`. Tells of a budget that is used up."""
    agent = _agent(user)
    agent.seen_at, agent.doing = timezone.now(), doing
    agent.save(update_fields=["seen_at", "doing"])
    if doing == "budget" and agent.state == OwnAgent.State.LIVE and agent.live:
        notify(user=user, kind="agent_budget", key=f"{agent.live.version}/{day}", url=PAGE, day=day)
    return agent


@transaction.atomic
def note_step(
    *, user: User, version: int, kind: str, reason: str, detail: str = "", **step: Any
) -> AgentDecision:
    """Keep what the agent did; the same step again is the first one.

    Args:
        user: Whose agent.
        version: Of the rules by which it did.
        kind: `offer`, `accept`, `counter`, `declined` (by the partner) or `refused` (by gate, relay or browser).
        reason: The rule, one of `words.REASONS`.
        detail: What was answered: a code (`marketplace.words.protocol`), or words.
        step: channel, offer, trade, sells, slot_start, quantity_wh, price_per_kwh.

    Raises:
        MissingError: the channel is not the user's, or there are no such rules.
    """
    rules_row(user, version)
    peer = (
        Endpoint.objects.filter(owner=user.owner, channel=step["channel"])
        .values_list("peer", flat=True)
        .first()
    )
    if peer is None:
        raise MissingError("no_channel", _("This channel is not yours."))
    key = {name: step[name] for name in ("channel", "offer", "slot_start", "sells")}
    values = {
        "version": version,
        "reason": reason,
        "detail": detail[:300],
        "partner": peer,
        "trade": step["trade"],
        "quantity_wh": step["quantity_wh"],
        "price_per_kwh": step["price_per_kwh"],
        "amount": amount_of(step["quantity_wh"], step["price_per_kwh"]),
        "at": int(time.time()),
    }
    row, _made = AgentDecision.objects.get_or_create(user=user, kind=kind, **key, defaults=values)
    return row


def end_mandates(*, now: int | None = None) -> int:
    """Pause the agents whose mandate ran out, and tell their people; how many."""
    over = OwnAgent.objects.filter(
        state=OwnAgent.State.LIVE, live__mandate_until__lte=int(now or time.time())
    )
    people = [agent.user for agent in over.select_related("user")]
    for user in people:
        _end_mandate(user)
    return len(people)


@transaction.atomic
def _end_mandate(user: User) -> None:
    agent = pause(user=user, because="mandate")
    if agent.live is not None:
        key = f"{agent.live.version}/{agent.live.mandate_until}"
        notify(user=user, kind="agent_mandate", key=key, url=PAGE)


def forget_agent(user: User) -> None:
    """Drop everything of a person's agent, inside the transaction of its erasure."""
    AgentDecision.objects.filter(user=user).delete()
    OwnAgent.objects.filter(user=user).delete()
    AgentRules.objects.filter(user=user).delete()

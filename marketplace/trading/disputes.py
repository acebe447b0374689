"""A dispute as its party sees it: where it stands, until when, who is next, and what this side can do.

The protocol's machine acts by itself (docs/protocol.md, Disputes); this only tells. Words for people are made here, so
that pages and programs say the same.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from channels_engine.core.rules import current_of, disputed_version
from channels_engine.core.state import Endpoint as EndpointState
from channels_engine.core.state import Phase
from channels_engine.core.types import Side
from channels_engine.store.models import LedgerEvent
from contracts.records import Disputer

EVENTS = ("ChannelDisputed", "OfferEnforced", "DisputeResolved", "DeliveryEnforced", "DisputeFinalised")
ME, PARTNER, NOBODY = "me", "partner", "nobody"
LEDGER, ANYONE = "ledger", "anyone"
MAY_RAISE = (Phase.OPEN, Phase.STAGED, Phase.CHANGING)


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next: `who` is `me`, `partner`, `ledger` or `anyone`; `does` says it in words."""

    who: str
    does: str


@dataclass(frozen=True, slots=True)
class Story:
    """Where a dispute stands.

    Attributes:
        stage: `none`, `asked` (the partner, not yet the ledger), `sending`, `running`, `answering` (a newer state is on
            its way), `behind` (the ledger knows more than we do), `due` (the time is over), `resolved`, `paid`.
        raised_by: `me`, `partner`, `nobody` (after an expiry), or empty.
        until: When this stage ends by itself, epoch seconds; None where it has no clock.
        version: What the ledger knows, in dispute; None where there is no dispute.
        mine: Version of our own newest co-signed state.
        enforced: Whether the ledger applied an accepted offer.
        title: What it is, in a few words.
        words: What it means.
        steps: What comes next, by whom.
        actions: What this side can do now: `raise`, `evidence`, `finalise`, `deliveries`, `checkpoint`.
    """

    stage: str
    raised_by: str = ""
    until: int | None = None
    version: int | None = None
    mine: int = 0
    enforced: bool = False
    title: str = ""
    words: str = ""
    steps: tuple[Step, ...] = ()
    actions: tuple[str, ...] = field(default=())


def story_of(endpoint: EndpointState, *, partner: str, now: int | None = None) -> Story:
    """Where the dispute of a channel stands for one side.

    Args:
        endpoint: The side's state.
        partner: The other one's name.
        now: Epoch seconds.
    """
    at = int(time.time()) if now is None else now
    if endpoint.current is None:
        return Story("none")
    last = LedgerEvent.objects.filter(channel="0x" + endpoint.channel.hex(), name__in=EVENTS)
    events = list(last.order_by("-block_number", "-log_index")[:8])
    if endpoint.phase is Phase.CLOSED:
        return _closed(endpoint, events)
    if endpoint.phase is Phase.DISPUTED:
        return _on_ledger(endpoint, partner, at, _raiser(endpoint, events))
    if endpoint.dispute_due is not None:
        return _asked(endpoint, partner)
    if _enforces(endpoint, at):
        return _bringing(endpoint, partner)
    return _quiet(endpoint, events, partner)


def _raiser(endpoint: EndpointState, events: list[LedgerEvent]) -> str:
    """Who answers for the newest dispute."""
    for event in events:
        if event.name == "ChannelDisputed":
            who = Disputer(int(event.arguments["disputer"]))
            if who is Disputer.NOBODY:
                return NOBODY
            return ME if (who is Disputer.PARTY_A) == (endpoint.me is Side.A) else PARTNER
        if event.name == "OfferEnforced" and endpoint.enforcing is not None:
            return PARTNER if endpoint.enforcing.offeror is endpoint.me else ME
    return ""


def penalty_of(endpoint: EndpointState, events: Iterable[LedgerEvent]) -> int:
    """What the ledger moves to this side for old states when the channel ends, in micro-units; below zero: from it.

    Args:
        endpoint: The side's state.
        events: The channel's, the oldest first.
    """
    who, stale = "", {ME: 0, PARTNER: 0}
    for event in events:
        if event.name in ("ChannelDisputed", "OfferEnforced"):
            who = _raiser(endpoint, [event])
        elif event.name == "DisputeResolved" and event.arguments.get("stale") and who in stale:
            stale[who] += 1
    return (stale[PARTNER] - stale[ME]) * endpoint.terms.stale_penalty


def _mine(endpoint: EndpointState) -> int:
    return int(current_of(endpoint).state.version)


def _closed(endpoint: EndpointState, events: list[LedgerEvent]) -> Story:
    if not events or events[0].name != "DisputeFinalised":
        return Story("none", mine=_mine(endpoint))
    paid = int(events[0].arguments.get("version", 0))
    words = _(
        "The time to answer is over, and the ledger has paid out both sides by state %(version)s. "
        "What is yours lies at your own key; bring it back to your wallet."
    ) % {"version": paid}
    return Story(
        "paid",
        _raiser(endpoint, events),
        version=paid,
        mine=_mine(endpoint),
        title=_("Paid out after a dispute"),
        words=words,
    )


def _quiet(endpoint: EndpointState, events: list[LedgerEvent], partner: str) -> Story:
    may = endpoint.phase in MAY_RAISE
    newer = _mine(endpoint) > endpoint.ledger_version
    actions = (*(("raise",) if may else ()), *(("checkpoint",) if may and newer else ()), "evidence")
    if not events or events[0].name != "DisputeResolved":
        return Story(
            "none", mine=_mine(endpoint), title=_("No dispute"), words=_no_dispute(partner), actions=actions
        )
    stale = bool(events[0].arguments.get("stale"))
    who = _raiser(endpoint, events[1:])
    return Story(
        "resolved",
        who,
        version=int(events[0].arguments.get("version", 0)),
        mine=_mine(endpoint),
        title=_("Answered: the channel goes on"),
        words=_resolved_words(who, partner, stale=stale),
        actions=actions,
    )


def _no_dispute(partner: str) -> str:
    return _(
        "If %(partner)s no longer answers, or refuses what you both agreed to, the ledger can decide. It asks for the "
        "newest state that both have signed, waits for anybody to show a newer one, and pays out by it."
    ) % {"partner": partner}


def _resolved_words(who: str, partner: str, *, stale: bool) -> str:
    if stale and who == PARTNER:
        return _(
            "%(partner)s showed an old state. A newer one was shown in time, and %(partner)s pays the penalty when "
            "the channel ends."
        ) % {"partner": partner}
    if stale:
        return _(
            "You disputed with an old state. A newer one was shown in time, and you pay the penalty when the channel "
            "ends."
        )
    return _("A newer state was shown in time. Nobody pays a penalty, and you can go on trading.")


def _asked(endpoint: EndpointState, partner: str) -> Story:
    names = {"partner": partner}
    return Story(
        "asked",
        ME,
        until=endpoint.dispute_due,
        mine=_mine(endpoint),
        title=_("%(partner)s is being asked") % names,
        words=_(
            "You raised a dispute. Before the ledger is troubled, %(partner)s is asked once more for its signature or a "
            "newer state. If one comes, the dispute is over and nobody pays anything."
        )
        % names,
        steps=(
            Step(PARTNER, _("%(partner)s can answer until then.") % names),
            Step(LEDGER, _("Without an answer your newest state goes to the ledger by itself.")),
        ),
        actions=("evidence",),
    )


def _enforces(endpoint: EndpointState, now: int) -> bool:
    """Whether an offer that we accepted is on its way to the ledger, and may still come there."""
    live = endpoint.enforcing
    return (
        live is not None
        and live.offeror is endpoint.peer
        and live.offer.base_version == _mine(endpoint)
        and now <= live.offer.valid_until + endpoint.policy.expiry_grace_s
    )


def _bringing(endpoint: EndpointState, partner: str) -> Story:
    return Story(
        "sending",
        ME,
        mine=_mine(endpoint),
        title=_("On its way to the ledger"),
        words=_(
            "The offer of %(partner)s that you accepted is being brought to the ledger. This takes a few seconds."
        )
        % {"partner": partner},
        steps=(
            Step(
                LEDGER,
                _(
                    "The ledger applies the offer, and starts the time in which anybody may show a newer state."
                ),
            ),
        ),
    )


def _on_ledger(endpoint: EndpointState, partner: str, now: int, who: str) -> Story:
    dispute, mine = endpoint.dispute, _mine(endpoint)
    if dispute is None:
        return Story(
            "sending",
            ME,
            version=disputed_version(endpoint),
            mine=mine,
            title=_("On its way to the ledger"),
            words=_("Your newest state is being brought to the ledger. This takes a few seconds."),
            steps=(Step(LEDGER, _("The ledger starts the time in which anybody may show a newer state.")),),
        )
    stage, title, words, steps = _running(endpoint, partner, now, who)
    over = now >= dispute.deadline
    own = ("finalise",) if over else ("evidence", "deliveries")
    return Story(
        stage,
        who,
        until=None if over else dispute.deadline,
        version=dispute.version,
        mine=mine,
        enforced=bool(dispute.enforced),
        title=title,
        words=words,
        steps=steps,
        actions=own,
    )


Telling = tuple[str, str, str, tuple[Step, ...]]


def _running(endpoint: EndpointState, partner: str, now: int, who: str) -> Telling:
    dispute, mine = endpoint.dispute, _mine(endpoint)
    if dispute is None:
        raise ValueError("there is no dispute on the ledger")
    values = {"partner": partner, "version": dispute.version, "mine": mine}
    if now >= dispute.deadline:
        words = _("Nobody showed a newer state in time. The ledger pays out by state %(version)s.") % values
        step = Step(ANYONE, _("The site asks for the payout by itself; you can do it too."))
        return "due", _("The time to answer is over"), words, (step,)
    if mine >= dispute.version + (not dispute.enforced):
        words = (
            _("The ledger was shown state %(version)s, and you hold state %(mine)s: the newer one counts.")
            % values
        )
        step = Step(LEDGER, _("The site shows your newer state by itself. You need to do nothing."))
        return "answering", _("An old state is being answered"), words, (step,)
    if mine < dispute.version and not dispute.enforced:
        words = _(
            "The ledger knows state %(version)s, which both of you signed, and this site holds only state %(mine)s. "
            "If this browser keeps a newer one, show it."
        )
        step = Step(PARTNER, _("%(partner)s is asked for its state.") % values)
        return "behind", _("The ledger knows a newer state"), words % values, (step,)
    return (
        "running",
        _raised_title(who, values),
        _running_words(who, values, enforced=bool(dispute.enforced)),
        _waits(),
    )


def _raised_title(who: str, values: dict[str, object]) -> str:
    if who == ME:
        return _("Your dispute is on the ledger")
    if who == PARTNER:
        return _("%(partner)s disputes this channel") % values
    return _("This channel is being wound up")


def _running_words(who: str, values: dict[str, object], *, enforced: bool) -> str:
    if enforced and who == ME:
        return (
            _(
                "The ledger applied the offer of %(partner)s that you accepted. Only a state that both signed later can "
                "take its place. You lose nothing by waiting."
            )
            % values
        )
    if enforced:
        return (
            _(
                "%(partner)s accepted an offer of yours, and the ledger applied it. Only a state that both signed later can "
                "take its place."
            )
            % values
        )
    if who == ME:
        return (
            _(
                "It stands on state %(version)s, the newest that both signed. You hold that one too: there is nothing newer "
                "that could take something from you."
            )
            % values
        )
    return (
        _(
            "It stands on state %(version)s, which is also your newest: the ledger pays what is yours, whoever asked for it. "
            "You need to do nothing."
        )
        % values
    )


def _waits() -> tuple[Step, ...]:
    return (
        Step(ANYONE, _("Until then anybody may show a newer state; this site watches for you.")),
        Step(LEDGER, _("After that the ledger pays out both sides and closes the channel.")),
    )

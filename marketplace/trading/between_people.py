"""Two people and one channel: what waits for whom, what each side will bring, and what was metered."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext as _

from channels_engine.agreements import AgreementPhase
from channels_engine.core.messages import SignedDelivery
from channels_engine.core.state import Phase
from channels_engine.core.types import ZERO_ADDRESS, ZERO_HASH
from channels_engine.store.models import Contract, Endpoint
from channels_engine.store.repository import stored_endpoint
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import User
from marketplace.credit.issuing import raw
from marketplace.credit.selectors import active_agreement
from marketplace.trading.engine import domain
from marketplace.trading.metered import signed_deliveries
from marketplace.trading.models import PromisedFunding, Prosumer

ANSWERED = (AgreementPhase.ACCEPTED.value, AgreementPhase.AGREED.value)
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for a person's word.

    `kind` is `terms` (somebody proposes), `answer` (the partner accepted; the opening is to be signed), or `opening`
    (the partner signed it); `id` is the conversation's or the channel's.
    """

    kind: str
    id: str
    peer: str
    at: int


def waiting_for(user: User) -> list[Waiting]:
    """What other people ask of this one, the newest first; agents see to themselves."""
    found = [*_proposed(user), *_answered(user), *_requested(user)]
    agents = Prosumer.objects.filter(is_agent=True, owner__in={one.peer for one in found})
    others = set(agents.values_list("owner", flat=True))
    return sorted((one for one in found if one.peer not in others), key=lambda one: -one.at)[:SHOWN]


def _proposed(user: User) -> Iterable[Waiting]:
    rows = Contract.objects.filter(owner_b=user.owner, phase=AgreementPhase.PROPOSED.value)
    for name, peer, at in rows.values_list("conversation", "owner_a", "updated_at"):
        yield Waiting("terms", name, peer, at)


def _answered(user: User) -> Iterable[Waiting]:
    used = Endpoint.objects.filter(owner=user.owner).values("scid")
    rows = Contract.objects.filter(owner_a=user.owner, phase__in=ANSWERED).exclude(scid__in=used)
    for name, peer, at in rows.values_list("conversation", "owner_b", "updated_at"):
        yield Waiting("answer", name, peer, at)


def _requested(user: User) -> Iterable[Waiting]:
    rows = Endpoint.objects.filter(owner=user.owner, phase=Phase.REQUESTED.value)
    for row in rows.select_related("channel_row"):
        state = stored_endpoint(row)
        if not state.opening_signatures[state.me] and state.opening.open_by > time.time():
            yield Waiting("opening", row.channel, row.peer, row.updated_at)


def _contract(user: User, conversation: str) -> Contract | None:
    mine = Q(owner_a=user.owner) | Q(owner_b=user.owner)
    return Contract.objects.filter(mine, conversation=conversation).first()


def promise_funding(*, user: User, conversation: str, source: bytes, note: bytes, amount: int) -> bool:
    """Say how this side of the channel will be funded; False where the conversation is not the user's.

    Raises:
        RefusedError: nothing is brought in, or the note has no source or a deposit has one.
        ConflictError: the source is not the merchant of an active agreement of the user.
    """
    if _contract(user, conversation) is None:
        return False
    if amount <= 0:
        raise RefusedError("nothing", _("Each side brings something."), {"amount": [_("Must be above 0.")]})
    if (source == ZERO_ADDRESS) != (note == ZERO_HASH):
        problem = _("A deposit has neither source nor note, a note has both.")
        raise RefusedError("funding", problem, {"note": [problem]})
    agreement = active_agreement(user)
    if source != ZERO_ADDRESS and (agreement is None or raw(agreement.msc) != source):
        raise ConflictError("no_agreement", _("You have no active agreement with this merchant."))
    values = {"source": to_hex(source), "note": to_hex(note), "amount": amount}
    PromisedFunding.objects.update_or_create(conversation=conversation, owner=user.owner, defaults=values)
    return True


def partners_promise(user: User, conversation: str) -> PromisedFunding | None:
    """What the other side of one of the user's conversations said it would bring."""
    if _contract(user, conversation) is None:
        return None
    return PromisedFunding.objects.filter(conversation=conversation).exclude(owner=user.owner).first()


def deliveries_of(channel: str) -> list[SignedDelivery]:
    """What was metered of a channel's trades and is not settled yet, signed by the metering operator."""
    return signed_deliveries(channel, domain())

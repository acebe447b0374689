"""A person's session keys and the money that lies with them: before a deposit, and after a channel was paid out."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from channels_engine.agreements import Agreement
from channels_engine.codec import to_hex
from channels_engine.core.state import Phase
from channels_engine.core.types import ZERO_ADDRESS, Side
from channels_engine.store import conversations
from channels_engine.store.models import Contract, Endpoint
from contracts.bindings import Stablecoin
from marketplace.accounts.models import User
from marketplace.credit.issuing import raw
from marketplace.credit.ledger import balance_of, read, the_ledger
from marketplace.credit.models import CreditNote
from marketplace.credit.transfers import account_of, withdrawal_nonce

SHOWN = 50
OPENING = (Phase.REQUESTED.value, Phase.FUNDING.value)


@dataclass(frozen=True, slots=True)
class Earnings:
    """What a note earned and its holder may withdraw."""

    serial: str
    msc: str
    amount: int
    nonce: int


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The key of one entity contract, as the ledger sees it.

    `in_use` while a channel is being opened: its tokens are about to be locked then.
    """

    nonce: str
    address: str
    peer: str
    balance: int
    permit_nonce: int
    in_use: bool
    earnings: tuple[Earnings, ...]


def own_contracts(user: User) -> list[Agreement]:
    """The newest entity contracts of a person, also those that are not agreed yet."""
    rows = Contract.objects.filter(Q(owner_a=user.owner) | Q(owner_b=user.owner)).order_by("-updated_at")
    wanted = [raw(name) for name in rows.values_list("conversation", flat=True)[:SHOWN]]
    found = conversations.load(wanted, lock=False)
    return [found[name] for name in wanted if name in found]


def own_contract(user: User, nonce: str) -> Agreement | None:
    """One conversation of the person; None where there is none, or it is others'."""
    found = conversations.load([raw(nonce)], lock=False).get(raw(nonce))
    return found if found is not None and user.owner in found.owners else None


def session_keys(user: User, agreements: Iterable[Agreement]) -> list[SessionKey]:
    """The keys of these contracts with what the ledger holds for them.

    Raises:
        AwayError: the ledger can't be reached.
    """
    keys = [(one, _address(one, user)) for one in agreements]
    return [_session_key(user, one, address) for one, address in keys if address != ZERO_ADDRESS]


def _address(agreement: Agreement, user: User) -> bytes:
    side = Side(agreement.owners.index(user.owner))
    return agreement.terms.party(side)


def _session_key(user: User, agreement: Agreement, address: bytes) -> SessionKey:
    scid = agreement.scid
    opening = Endpoint.objects.filter(owner=user.owner, scid=to_hex(scid) if scid else "", phase__in=OPENING)
    token, text = Stablecoin(raw(the_ledger().token)), to_hex(address)
    return SessionKey(
        nonce=to_hex(agreement.conversation),
        address=text,
        peer=next(owner for owner in agreement.owners if owner != user.owner),
        balance=balance_of(text),
        permit_nonce=int(read(token.permit_nonce, address)),
        in_use=opening.exists(),
        earnings=tuple(_earnings(user, text)),
    )


def _earnings(user: User, holder: str) -> Iterable[Earnings]:
    notes = CreditNote.objects.filter(agreement__user=user, holder=holder).select_related("agreement")
    for note in notes:
        if amount := account_of(note).earnings:
            yield Earnings(note.serial, note.agreement.msc, amount, withdrawal_nonce(note))

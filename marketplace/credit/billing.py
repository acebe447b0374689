"""What a participant spent, earned, paid and owes under a credit agreement, by billing period.

A pure function over the ledger's events and the notes that the participant gave receipts for: merchant and
participant compute the same statement, and nobody else can, for the ledger links no note to an agreement.

Money is in micro-units, time in epoch seconds. A note's account is the merchant contract's: earnings first
pay the note's own spending, so `position` is the holder's money above zero and its debt below.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from contracts import claim_events as claims
from contracts import events
from contracts.claim_events import ClaimEvent

BookEvent: TypeAlias = (
    events.AgreementInitialised
    | events.CollateralToppedUp
    | events.CollateralReleased
    | events.CollateralWithdrawn
    | events.DebtPaid
    | events.NoteAdmitted
    | events.NoteReserved
    | events.NoteSettled
    | events.EarningsWithdrawn
    | ClaimEvent
)


@dataclass(frozen=True, slots=True)
class Fact:
    """An event of the merchant contract and when its block was made."""

    at: int
    event: BookEvent


@dataclass(frozen=True, slots=True)
class Terms:
    """What the statement needs of an agreement."""

    sid: bytes
    started_at: int
    billing_period: int
    payment_term: int
    valid_until: int
    credit_limit: int
    collateral: int


@dataclass(frozen=True, slots=True)
class HeldNote:
    """A note that the participant has signed a receipt for."""

    serial: bytes
    holder: bytes
    amount: int
    valid_until: int


@dataclass(slots=True)
class NoteStanding:
    """A note's account; `available` is what further channels may reserve."""

    note: HeldNote
    ends_at: int
    reserved: int = 0
    position: int = 0
    last_settled: int = 0

    @property
    def debt(self) -> int:
        """What the holder owes for it."""
        return max(0, -self.position)

    @property
    def earnings(self) -> int:
        """What the holder may withdraw."""
        return max(0, self.position)

    @property
    def available(self) -> int:
        """What further channels may reserve, while the note is good."""
        return self.note.amount - self.reserved - self.debt

    def due_at(self, terms: Terms) -> int:
        """When its debt falls due, as the contract has it."""
        return min(max(self.ends_at, self.last_settled), terms.valid_until) + terms.payment_term

    def exposure(self, now: int) -> int:
        """What the merchant may still come to be owed for it."""
        return self.note.amount if now <= self.ends_at else self.reserved + self.debt


@dataclass(slots=True)
class Period:
    """One billing period; `debt` is what was owed at its end, or now if it still runs."""

    number: int
    starts_at: int
    ends_at: int
    spent: int = 0
    earned: int = 0
    withdrawn: int = 0
    paid: int = 0
    claimed: int = 0
    debt: int = 0


@dataclass(frozen=True, slots=True)
class ClaimStanding:
    """A claim that waits for its window: pay `to_pay` until `deadline`, and the collateral stays."""

    due: int
    deadline: int
    to_pay: int
    notes: tuple[claims.NoteClaimed, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """An agreement's books.

    Attributes:
        locked_until: Last second at which the collateral can't be withdrawn; 0 once released. A claim locks it beyond.
        debt: Owed for all notes, due or not, before payments are set against it.
        due: The part of it that the merchant may claim now.
        paid: Payments that no claim has used up.
        payable: What the participant should pay now: what is due less what was paid.
        exposure: What notes may still come to cost, less what was paid; the limit bounds it.
    """

    terms: Terms
    limit: int
    collateral: int
    released: bool
    locked_until: int
    debt: int
    due: int
    paid: int
    earnings: int
    exposure: int
    notes: tuple[NoteStanding, ...]
    periods: tuple[Period, ...]
    claim: ClaimStanding | None

    @property
    def payable(self) -> int:
        """What is due and not paid."""
        return max(0, self.due - self.paid)

    @property
    def owed(self) -> int:
        """Debt that no payment covers yet."""
        return max(0, self.debt - self.paid)

    @property
    def available(self) -> int:
        """What a further note may be worth."""
        return max(0, self.limit - self.exposure)


@dataclass(slots=True)
class _Books:
    """The statement while events are read."""

    terms: Terms
    notes: dict[bytes, NoteStanding]
    limit: int
    collateral: int
    paid: int = 0
    released: bool = False
    held_until: int = 0
    deadline: int = 0
    claimed: list[claims.NoteClaimed] = field(default_factory=list)
    periods: dict[int, Period] = field(default_factory=dict)

    @property
    def debt(self) -> int:
        return sum(note.debt for note in self.notes.values())

    @property
    def locked_until(self) -> int:
        ordinary = self.terms.valid_until + 2 * self.terms.payment_term
        return 0 if self.released else max(ordinary, self.held_until)

    def period(self, at: int) -> Period:
        """The period of a moment; those before it that saw nothing are made too, with the debt as it was."""
        length = self.terms.billing_period
        number = max(0, at - self.terms.started_at) // length
        for missing in range(len(self.periods), number + 1):
            start = self.terms.started_at + missing * length
            self.periods[missing] = Period(missing, start, start + length, debt=self.debt)
        return self.periods[number]

    def take(self, fact: Fact) -> None:
        """Book an event, if it concerns this agreement or its notes."""
        period, event = self.period(fact.at), fact.event
        serial = getattr(event, "serial", None)
        sid = getattr(event, "sid", self.terms.sid if serial in self.notes else None)
        if sid != self.terms.sid:
            return
        if isinstance(event, claims.NoteClaimed):
            self.claimed.append(event)
        elif serial in self.notes:
            _book_note(self.notes[serial], period, fact)
        else:
            _book_agreement(self, period, event)
        period.debt = self.debt


def _book_note(note: NoteStanding, period: Period, fact: Fact) -> None:
    match fact.event:
        case events.NoteAdmitted(valid_until=until):
            note.ends_at = until
        case claims.NoteCancelled():
            note.ends_at = min(note.ends_at, fact.at - 1)
        case events.NoteReserved(amount=amount):
            note.reserved += amount
        case events.NoteSettled(released=released, gain=gain):
            note.reserved -= released
            note.position += gain
            note.last_settled = fact.at
            period.earned += max(0, gain)
            period.spent += max(0, -gain)
        case events.EarningsWithdrawn(amount=amount):
            note.position -= amount
            period.withdrawn += amount
        case claims.NoteRepaid(amount=amount):
            note.position += amount


def _book_agreement(books: _Books, period: Period, event: BookEvent) -> None:
    match event:
        case events.DebtPaid(amount=amount):
            books.paid += amount
            period.paid += amount
        case claims.ClaimExecuted(moved=moved, paid=paid):
            books.paid -= paid
            books.collateral -= moved
            period.claimed += moved
            _end_claim(books)
        case claims.ClaimStarted(deadline=deadline):
            books.deadline = deadline
        case claims.ClaimCancelled():
            _end_claim(books)
        case events.CollateralToppedUp(amount=amount):
            books.collateral += amount
        case events.CollateralWithdrawn(amount=amount):
            books.collateral -= amount
        case events.CollateralReleased():
            books.released = True
        case claims.CollateralHeld(until=until):
            books.held_until = until
        case claims.LimitChanged(credit_limit=limit):
            books.limit = limit


def _end_claim(books: _Books) -> None:
    books.deadline = 0
    books.claimed.clear()


def statement(terms: Terms, notes: Iterable[HeldNote], facts: Iterable[Fact], now: int) -> Statement:
    """The statement of an agreement.

    Args:
        terms: The agreement.
        notes: Every note that the participant signed a receipt for under it.
        facts: Events of the merchant contract in the ledger's order; others' are passed over.
        now: Epoch seconds; decides what is due.
    """
    standings = {note.serial: NoteStanding(note, note.valid_until) for note in notes}
    books = _Books(terms, standings, terms.credit_limit, terms.collateral)
    for fact in facts:
        books.take(fact)
    books.period(min(now, terms.valid_until - 1))
    exposure = sum(note.exposure(now) for note in standings.values()) - books.paid
    due = sum(note.debt for note in standings.values() if now > note.due_at(terms))
    return Statement(
        terms=terms,
        limit=books.limit,
        collateral=books.collateral,
        released=books.released,
        locked_until=books.locked_until,
        debt=books.debt,
        due=due,
        paid=books.paid,
        earnings=sum(note.earnings for note in standings.values()),
        exposure=exposure,
        notes=tuple(standings.values()),
        periods=tuple(books.periods[number] for number in sorted(books.periods)),
        claim=_claim(books, standings),
    )


def _claim(books: _Books, notes: Mapping[bytes, NoteStanding]) -> ClaimStanding | None:
    if not books.deadline:
        return None
    owed = sum(min(notes[one.serial].debt, one.due) for one in books.claimed if one.serial in notes)
    return ClaimStanding(
        due=sum(one.due for one in books.claimed),
        deadline=books.deadline,
        to_pay=max(0, owed - books.paid),
        notes=tuple(books.claimed),
    )

"""Statements: what is owed, due, paid and earned, by billing period, from the ledger's events alone."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import claim_events as claims
from contracts import events
from marketplace.credit.billing import BookEvent, Fact, HeldNote, Statement, Terms, statement

DAY = 86_400
START = 1_800_000_000
SID, OTHER = b"\x01" * 32, b"\x02" * 32
TERMS = Terms(SID, START, 30 * DAY, 14 * DAY, START + 365 * DAY, 500, 100)
HOLDER = b"\x09" * 20


def note(number: int = 1, amount: int = 100, days: int = 30) -> HeldNote:
    return HeldNote(bytes([number]) * 32, HOLDER, amount, START + days * DAY)


def at(days: float, event: BookEvent) -> Fact:
    return Fact(START + int(days * DAY), event)


def opened(held: HeldNote, amount: int) -> events.NoteReserved:
    return events.NoteReserved(held.serial, amount)


def closed(held: HeldNote, released: int, gain: int) -> events.NoteSettled:
    return events.NoteSettled(held.serial, released, gain)


def books(days: float, notes: list[HeldNote], *facts: Fact) -> Statement:
    return statement(TERMS, notes, facts, START + int(days * DAY))


def test_spending_is_a_debt_that_falls_due_a_term_after_the_notes_end() -> None:
    held = note()
    facts = (at(1, opened(held, 60)), at(2, closed(held, 60, -40)))
    now = books(3, [held], *facts)
    assert (now.debt, now.due, now.payable, now.owed) == (40, 0, 0, 40)
    assert now.notes[0].available == 60
    assert books(44, [held], *facts).due == 0
    assert books(44.1, [held], *facts).due == 40


def test_a_settlement_after_the_end_starts_the_term_anew_but_not_beyond_the_agreement() -> None:
    held = note()
    late = (at(1, opened(held, 60)), at(100, closed(held, 60, -40)))
    assert books(113, [held], *late).due == 0
    assert books(115, [held], *late).due == 40
    later = (at(1, opened(held, 60)), at(375, closed(held, 60, -40)))
    assert books(379.1, [held], *later).due == 40


def test_earnings_pay_the_notes_own_debt_first_and_the_rest_is_the_holders() -> None:
    held = note()
    now = books(3, [held], at(1, closed(held, 0, -40)), at(2, closed(held, 0, 70)))
    assert (now.debt, now.earnings, now.notes[0].position) == (0, 30, 30)
    other = note(2)
    now = books(3, [held, other], at(1, closed(held, 0, -40)), at(2, closed(other, 0, 70)))
    assert (now.debt, now.earnings) == (40, 70)


def test_periods_carry_their_own_figures_and_the_debt_at_their_end() -> None:
    first, second = note(1, days=30), note(2, days=60)
    now = books(
        95,
        [first, second],
        at(2, closed(first, 0, -40)),
        at(31, closed(second, 0, -20)),
        at(40, events.DebtPaid(SID, HOLDER, 40, 40)),
        at(61, closed(second, 0, 50)),
        at(62, events.EarningsWithdrawn(second.serial, HOLDER, HOLDER, 30)),
    )
    shown = [(p.number, p.spent, p.earned, p.withdrawn, p.paid, p.debt) for p in now.periods]
    assert shown == [(0, 40, 0, 0, 0, 40), (1, 20, 0, 0, 40, 60), (2, 0, 50, 30, 0, 40), (3, 0, 0, 0, 0, 40)]
    assert (now.debt, now.paid, now.payable, now.owed) == (40, 40, 0, 0)
    assert now.periods[1].starts_at == START + 30 * DAY == now.periods[0].ends_at


def test_another_agreements_events_are_passed_over() -> None:
    held, foreign = note(), note(7)
    now = books(3, [held], at(1, closed(foreign, 0, -40)), at(2, events.DebtPaid(OTHER, HOLDER, 40, 40)))
    assert (now.debt, now.paid, now.exposure) == (0, 0, 100)


def test_a_claim_its_remedy_and_its_end() -> None:
    held = note()
    facts = [
        at(1, closed(held, 0, -40)),
        at(50, claims.ClaimStarted(SID, 40, START + 64 * DAY)),
        at(50, claims.NoteClaimed(SID, held.serial, HOLDER, 40)),
    ]
    running = books(51, [held], *facts).claim
    assert running is not None
    assert (running.due, running.to_pay, running.deadline) == (40, 40, START + 64 * DAY)
    part = [*facts, at(52, events.DebtPaid(SID, HOLDER, 15, 15))]
    running = books(53, [held], *part).claim
    assert running is not None
    assert running.to_pay == 25
    repaid = at(65, claims.NoteRepaid(held.serial, SID, 40))
    done = books(66, [held], *part, repaid, at(65, claims.ClaimExecuted(SID, 25, 15, 0)))
    assert (done.claim, done.debt, done.paid, done.collateral) == (None, 0, 0, 75)
    assert done.periods[2].claimed == 25
    assert books(55, [held], *facts, at(54, claims.ClaimCancelled(SID))).claim is None


def test_collateral_and_limit_follow_the_ledger() -> None:
    now = books(
        3,
        [],
        at(1, events.CollateralToppedUp(SID, HOLDER, 20, 120)),
        at(1, claims.LimitChanged(SID, 700)),
        at(2, events.CollateralReleased(SID)),
        at(2, events.CollateralWithdrawn(SID, HOLDER, 120)),
    )
    assert (now.collateral, now.limit, now.available, now.released) == (0, 700, 700, True)
    assert now.locked_until == 0


def test_collateral_is_locked_for_two_terms_after_the_agreement_and_as_long_as_it_is_held() -> None:
    assert books(3, []).locked_until == START + (365 + 28) * DAY
    held = at(370, claims.CollateralHeld(SID, START + 500 * DAY))
    assert books(371, [], held).locked_until == START + 500 * DAY


def test_a_renewed_note_counts_what_the_old_one_left_behind() -> None:
    """Else each billing period would grant the whole limit again, whatever is still owed."""
    old, new = note(1, 300, 30), note(2, 200, 60)
    spent = (at(1, opened(old, 250)), at(2, closed(old, 100, -90)))
    assert books(3, [old], *spent).available == 200
    assert books(31, [old], *spent).available == 500 - 90 - 150
    assert books(31, [old, new], *spent).available == 60
    paid = at(32, events.DebtPaid(SID, HOLDER, 90, 90))
    assert books(33, [old, new], *spent, paid).available == 150


def test_a_cancelled_note_ends_at_once() -> None:
    held = note()
    now = books(3, [held], at(1, closed(held, 0, -40)), at(2, claims.NoteCancelled(held.serial, HOLDER)))
    assert now.exposure == 40
    assert books(
        16.1, [held], at(1, closed(held, 0, -40)), at(2, claims.NoteCancelled(held.serial, HOLDER))
    ).due


def test_the_ledgers_admission_tells_the_notes_end() -> None:
    """The merchant alone signs the note: what counts is the one that the ledger took."""
    held = note(days=30)
    admitted = events.NoteAdmitted(held.serial, HOLDER, 100, START + 10 * DAY)
    assert books(25, [held], at(1, admitted), at(1, closed(held, 0, -40))).due == 40


GAINS = st.lists(st.tuples(st.integers(0, 3), st.integers(-50, 50), st.integers(0, 200)), max_size=20)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # other work may hold the machine
@given(GAINS, st.integers(0, 300))
def test_figures_add_up(gains: list[tuple[int, int, int]], paid: int) -> None:
    notes = [note(number + 1, 10_000) for number in range(4)]
    facts = [at(day, closed(notes[which], 0, gain)) for which, gain, day in sorted(gains, key=lambda g: g[2])]
    facts.append(at(200, events.DebtPaid(SID, HOLDER, paid, paid)))
    now = statement(TERMS, notes, facts, START + 200 * DAY)
    assert sum(p.earned - p.spent for p in now.periods) == now.earnings - now.debt
    assert sum(p.paid for p in now.periods) == paid == now.paid
    assert now.periods[-1].debt == now.debt
    assert 0 <= now.due <= now.debt
    assert now.owed == max(0, now.debt - paid)
    assert [p.number for p in now.periods] == list(range(len(now.periods)))


@pytest.mark.parametrize("period", [DAY, 7 * DAY, 365 * DAY])
def test_every_moment_lies_in_one_period(period: int) -> None:
    terms = replace(TERMS, billing_period=period)
    now = statement(terms, [], [], START + 100 * DAY)
    assert now.periods[-1].starts_at <= START + 100 * DAY < now.periods[-1].ends_at
    assert statement(terms, [], [], START + 9000 * DAY).periods[-1].starts_at < terms.valid_until

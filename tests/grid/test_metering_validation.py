"""Validation and estimation of register readings: each rule by hand, and a stream of an attacker's making."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from grid.metering import (
    BalanceError,
    Device,
    FaultCode,
    Mark,
    Quality,
    Reading,
    Report,
    SettlementError,
    TradeTerms,
    correct,
    settle,
    unaccounted_wh,
)
from grid.metering.estimation import EstimationError, slot_values
from grid.metering.faults import Draw, Misbehaviour, draws, sent
from grid.metering.validation import Known, Outcome, Span, judge, mark_of, span
from grid.scenarios.sections import MeteringSection

SLOT = 900
DEVICE = Device("meter", 5, 2_000)  # rolls over after 99,999 Wh; 8 kW at most
PRICES = {"retail_per_kwh": 320_000, "feed_in_per_kwh": 82_000}


def mark(slot: int, imported: int, exported: int = 0, sequence: int | None = None) -> Mark:
    return Mark(slot * SLOT, imported, exported, slot if sequence is None else sequence)


def report(slot: int, imported: int, exported: int = 0, sequence: int | None = None) -> Report:
    """At the end of the slot before number `slot`."""
    number = slot if sequence is None else sequence
    return Report((slot - 1) * SLOT, slot * SLOT, imported, exported, number)


MARKS = [mark(1, 50_000, 10), mark(2, 51_000, 10), mark(5, 54_000, 40)]


@pytest.mark.parametrize(
    ("given", "outcome", "code"),
    [
        (report(6, 55_000, 40), Outcome.ACCEPTED, None),
        (report(3, 51_500, 10), Outcome.ACCEPTED, None),
        (report(2, 51_000, 10), Outcome.DUPLICATE, FaultCode.DUPLICATE),
        (report(2, 51_000, 11), Outcome.REFUSED, FaultCode.CONFLICT),
        (report(6, 55_000, 40, sequence=5), Outcome.REFUSED, FaultCode.CONFLICT),
        (report(6, 55_000, 40, sequence=4), Outcome.REFUSED, FaultCode.SEQUENCE),
        (report(3, 51_500, 10, sequence=9), Outcome.REFUSED, FaultCode.SEQUENCE),
        (report(9, 55_000, 40), Outcome.REFUSED, FaultCode.FUTURE),
        (Report(5 * SLOT, 7 * SLOT, 55_000, 40, 6), Outcome.REFUSED, FaultCode.OFF_GRID),
        (Report(5 * SLOT + 1, 6 * SLOT + 1, 55_000, 40, 6), Outcome.REFUSED, FaultCode.OFF_GRID),
        (report(6, -55_000, 40), Outcome.REFUSED, FaultCode.NEGATIVE),
        (report(6, 155_000, 40), Outcome.REFUSED, FaultCode.OVERFLOW),
        (report(6, 53_999, 40), Outcome.REFUSED, FaultCode.BACKWARDS),
        (report(4, 54_001, 10), Outcome.REFUSED, FaultCode.BACKWARDS),
        (report(6, 56_001, 40), Outcome.REFUSED, FaultCode.IMPLAUSIBLE),
        (report(3, 53_500, 10), Outcome.REFUSED, FaultCode.IMPLAUSIBLE),
        (report(0, 49_000, 10), Outcome.REFUSED, FaultCode.TOO_OLD),
        (report(6, 300, 0), Outcome.ACCEPTED, FaultCode.RESET),
        (report(3, 300, 0), Outcome.REFUSED, FaultCode.BACKWARDS),
    ],
)
def test_each_reading_is_judged_by_those_around_it(
    given: Report, outcome: Outcome, code: FaultCode | None
) -> None:
    judged = judge(DEVICE, Known.among(MARKS, given), given, now=8 * SLOT)
    assert judged.outcome is outcome
    assert (judged.fault.code if judged.fault else None) is code
    if judged.fault:
        said = judged.fault.as_dict()
        assert (said["meter"], said["slot_start"]) == ("meter", given.slot_start)
        assert said["words"]
        assert said["remedy"]


def test_what_was_counted_between_two_readings() -> None:
    assert span(DEVICE, mark(1, 100, 5), mark(2, 300, 5)) == Span(200, 0)
    assert span(DEVICE, mark(1, 99_900, 5), mark(2, 300, 6)) == Span(400, 1, FaultCode.ROLLOVER)
    assert span(DEVICE, mark(1, 50_000, 5), mark(2, 300, 6)) == Span(300, 6, FaultCode.RESET)
    assert span(DEVICE, mark(1, 50_000), mark(2, 49_000)) is FaultCode.BACKWARDS
    assert span(DEVICE, mark(1, 0), mark(2, 2_001)) is FaultCode.IMPLAUSIBLE


def test_a_gap_is_shared_out_by_what_was_expected_with_the_largest_remainder() -> None:
    marks = [mark(0, 0), mark(1, 70), mark(4, 170, 8)]
    expected = [(9, 9), (10, 0), (10, 0), (10, 0), (7, 3)]
    values = slot_values(DEVICE, marks, expected)
    assert [value.energy for value in values] == [(70, 0), (34, 3), (33, 3), (33, 2), (7, 3)]
    assert [value.quality for value in values] == [Quality.MEASURED, *[Quality.ESTIMATED] * 4]
    assert [value.closed for value in values] == [True] * 4 + [False]


def test_a_reset_in_a_gap_keeps_the_estimates_and_counts_anew() -> None:
    values = slot_values(DEVICE, [mark(0, 50_000), mark(3, 30, 1)], [(100, 0), (120, 0), (99, 0)])
    assert [value.energy for value in values] == [(100, 0), (120, 0), (30, 1)]
    assert {value.quality for value in values} == {Quality.ESTIMATED}


def test_what_was_not_validated_is_no_ground_for_estimates() -> None:
    for marks in ([mark(1, 5), mark(1, 5)], [mark(0, 50_000), mark(1, 49_000)], [mark(0, 0), mark(9, 5)]):
        with pytest.raises(EstimationError):
            slot_values(DEVICE, marks, [(0, 0)] * 3)


def test_energy_that_no_reading_accounts_for() -> None:
    sure = [Reading(0, 0, 500, 0), Reading(1, 0, 0, 200)]
    assert unaccounted_wh(sure, source_wh=300, slot_start=0) == 0
    with pytest.raises(BalanceError, match="leave 10 Wh"):
        unaccounted_wh(sure, source_wh=310, slot_start=0)
    unsure = [sure[0], Reading(1, 0, 0, 200, Quality.ESTIMATED)]
    assert unaccounted_wh(unsure, source_wh=310, slot_start=0) == 10


def test_a_correction_by_hand() -> None:
    """The seller is estimated to have fed in 500 Wh and fed in 400: one trade lacks 100 Wh, its buyer draws them."""
    trades = [TradeTerms("a", 0, 1, 300, 200_000, 380_000), TradeTerms("b", 0, 2, 200, 390_000, 380_000)]
    settled = settle(
        trades,
        [Reading(0, 900, 0, 500, Quality.ESTIMATED), Reading(1, 900, 300, 0), Reading(2, 900, 150, 0)],
        **PRICES,
    )
    assert [item.estimated for item in settled.trades] == [True, True]
    assert [bill.estimated for bill in settled.bills] == [True, True, True]
    correction = correct(settled, [Reading(0, 900, 0, 400, Quality.CORRECTED)])
    assert [(t.trade, t.delivered_wh, t.refund) for t in correction.trades] == [
        ("a", -60, 22_800),
        ("b", -40, 15_600),
    ]
    money = {bill.connection: (bill.charge, bill.credit) for bill in correction.bills}
    assert money == {0: (0, 0), 1: (19_200, 0), 2: (0, -3_280)}
    assert correction.balances() == {0: -38_400, 1: 3_600, 2: 12_320}
    assert correction.supplier == 22_480
    assert (correction.net_import_wh, correction.delivered_wh) == (100, -100)
    back = correct(correction.settlement, [Reading(0, 900, 0, 500)])
    assert [(t.delivered_wh, t.refund) for t in back.trades] == [(60, -22_800), (40, -15_600)]
    assert not correct(settled, [settled.readings[0]]).bills
    for stranger in (Reading(5, 900, 0, 0), Reading(0, 1800, 0, 0)):
        with pytest.raises(SettlementError, match="correct the slot it belongs to"):
            correct(settled, [stranger])


def test_faults_come_by_seed_and_slot_alone_and_by_their_shares() -> None:
    section = MeteringSection(gap_permille=100, late_permille=200, reset_permille=50, late_slots=3)
    first = draws(section, 7, 900, 4_000)
    assert first == draws(section, 7, 900, 4_000)
    assert first != draws(section, 8, 900, 4_000)
    kinds = [draw.kind for draw in first]
    for kind, share in ((Misbehaviour.GAP, 400), (Misbehaviour.LATE, 800), (Misbehaviour.RESET, 200)):
        assert abs(kinds.count(kind) - share) < 100
    assert kinds.count(Misbehaviour.NEGATIVE) == kinds.count(Misbehaviour.DUPLICATE) == 0
    assert {draw.delay for draw in first} == {1, 2, 3}
    late = sent(Draw(Misbehaviour.LATE, 3), 0, report(1, 5), last_slot=SLOT)
    assert [one.arrives for one in late] == [SLOT]


class Stream(RuleBasedStateMachine):
    """A meter, and whoever has its key and its line: true, old, changed and made-up readings in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = [(99_000, 98_000)]
        self.counted: list[tuple[int, int]] = []
        self.marks = [mark(0, *self.shown[0])]
        self.first: dict[int, Mark] = {0: self.marks[0]}
        self.honest = self.whole = True

    @property
    def now(self) -> int:
        return len(self.shown) - 1

    @rule(energy=st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)), slots=st.integers(1, 3))
    def time_passes(self, energy: tuple[int, int], slots: int) -> None:
        for _ in range(slots):
            self.counted.append(energy)
            self.shown.append(
                tuple((old + more) % 10**5 for old, more in zip(self.shown[-1], energy, strict=True))
            )  # type: ignore[arg-type]  # two of them

    @precondition(lambda self: self.whole and self.now)
    @rule()
    def the_meter_is_reset(self) -> None:
        self.whole = False
        self.shown[-1] = self.counted[-1]

    @precondition(lambda self: self.now)
    @rule(data=st.data())
    def a_true_reading_comes(self, data: st.DataObject) -> None:
        slot = data.draw(st.integers(max(1, self.now - 6), self.now))
        self.take(report(slot, *self.shown[slot]))

    @precondition(lambda self: self.now)
    @rule(data=st.data(), off=st.integers(-3_000, 3_000), number=st.integers(-3, 3))
    def a_changed_reading_comes(self, data: st.DataObject, off: int, number: int) -> None:
        slot = data.draw(st.integers(1, self.now + 1))
        drawn, fed = self.shown[min(slot, self.now)]
        self.take(report(slot, drawn + off, fed, slot + number))

    @rule(
        numbers=st.tuples(*[st.integers(-1, 10) | st.integers(0, 10**5)] * 3),
        length=st.sampled_from([0, 1, 900, 1800]),
    )
    def nonsense_comes(self, numbers: tuple[int, int, int], length: int) -> None:
        self.take(Report(self.now * SLOT, self.now * SLOT + length, *numbers))

    def take(self, given: Report) -> None:
        judged = judge(DEVICE, Known.among(self.marks, given), given, now=self.now * SLOT)
        if judged.outcome is not Outcome.ACCEPTED:
            assert judged.fault is not None
            assert judged.fault.words
            return
        slot = given.slot_end // SLOT
        self.honest &= (given.import_wh, given.export_wh) == self.shown[slot]
        assert slot not in self.first
        self.first[slot] = mark_of(given)
        self.marks = sorted((*self.marks, mark_of(given)), key=lambda one: one.slot_end)
        again = judge(DEVICE, Known.among(self.marks, given), given, now=self.now * SLOT)
        assert again.outcome is Outcome.DUPLICATE

    @invariant()
    def the_first_reading_of_a_slot_stays_and_all_are_in_order(self) -> None:
        assert self.marks == [self.first[slot] for slot in sorted(self.first)]
        assert sorted({one.sequence for one in self.marks}) == [one.sequence for one in self.marks]

    @invariant()
    def every_watt_hour_between_two_readings_is_in_a_slot(self) -> None:
        last = self.marks[-1].slot_end // SLOT
        values = slot_values(DEVICE, self.marks, [(1, 0)] * last)
        assert len(values) == last
        assert all(min(value.energy) >= 0 for value in values)
        for before, after in zip(self.marks, self.marks[1:], strict=False):
            part = values[before.slot_end // SLOT : after.slot_end // SLOT]
            counted = span(DEVICE, before, after)
            assert isinstance(counted, Span)
            if counted.kind is not FaultCode.RESET:
                assert sum(value.import_wh for value in part) == counted.import_wh
                assert sum(value.export_wh for value in part) == counted.export_wh
            assert max(counted.import_wh, counted.export_wh) <= DEVICE.max_wh * len(part)
            certain = len(part) == 1 and counted.kind is not FaultCode.RESET
            assert {value.quality for value in part} == {Quality.MEASURED if certain else Quality.ESTIMATED}

    @precondition(lambda self: self.honest and self.whole)
    @invariant()
    def true_readings_give_the_truth(self) -> None:
        last = self.marks[-1].slot_end // SLOT
        values = slot_values(DEVICE, self.marks, [(1, 0)] * last)
        for value, true in zip(values, self.counted, strict=False):
            assert value.quality is Quality.ESTIMATED or value.energy == true
        for place in (0, 1):
            metered = sum(value.energy[place] for value in values)
            assert metered == sum(energy[place] for energy in self.counted[:last])


TestStream = Stream.TestCase
TestStream.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

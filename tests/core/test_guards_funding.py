"""Checks of openings, fundings and keepers, each by itself and at its boundary; see test_guards.py."""

from typing import Any

import pytest
from msgspec.structs import replace
from pair import (
    DEPOSIT,
    DOMAIN,
    FUNDING,
    KEYS,
    PERMIT,
    START,
    STRANGER,
    TERMS,
    Party,
    open_pair,
    opening_of,
    pair,
    settle_down,
    trade,
)

from channels_engine.core import effects as fx
from channels_engine.core import (
    funding,
    inputs,
    merkle,
    negotiation,
    offers,
    opening,
    reorganisation,
    rules,
    signing,
)
from channels_engine.core.errors import LocalProtocolError, Violation
from channels_engine.core.keeper import Keeper
from channels_engine.core.messages import NoteFunding, UpdateAbort
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.types import ChannelOpen, CreditNote, FundingChange, Side

A, B = open_pair()
trade(A, B)
ENDPOINT = A.endpoint
STATE = A.state
VERSION = STATE.version
SOURCE, SERIAL = b"\x05" * 20, b"\x06" * 32
MORE = 1_000_000


def refused(code: str) -> Any:
    """What is within raises a `Violation` with this code."""
    return pytest.raises(Violation, check=lambda violation: violation.code == code)


def by(party: Party, value: Any) -> inputs.Verified[Any]:
    return signing.sign_value(DOMAIN, value, party.key)


def top_up(party: Party, **changes: Any) -> FundingChange:
    """A change that puts more in on this party's side."""
    state = party.state
    to_a, to_b = state.balance_a, state.balance_b
    fundings = (to_a + MORE, to_b) if party.side is Side.A else (to_a, to_b + MORE)
    return replace(negotiation.next_change(party.endpoint, *fundings, START + 600), **changes)


def asked(party: Party, wanted: FundingChange) -> inputs.ReceiveFundingRequest:
    return inputs.ReceiveFundingRequest(by(party, wanted), PERMIT)


def agreed() -> tuple[Party, Party, FundingChange]:
    """A asked for a top-up and B agreed; the ledger has not spoken."""
    a, b = open_pair()
    trade(a, b)
    a.feed(inputs.ActionRequestFunding(a.sign(top_up(a)), PERMIT))
    settle_down(a, b)
    b.agree()
    pledge = a.endpoint.pledge
    assert pledge is not None
    return a, b, pledge.change


def landed(change: FundingChange) -> inputs.LedgerFundingChanged:
    return inputs.LedgerFundingChanged(
        change.version, change.balance_a, change.balance_b, change.funding_a, change.funding_b
    )


# A change of the funding: what we ask for.


def test_a_wish_is_signed_by_us_with_a_version_of_ours() -> None:
    wanted = top_up(A)
    assert funding.request(ENDPOINT, inputs.ActionRequestFunding(by(A, wanted), PERMIT), START)[1]
    with refused("wrong_signer"):
        funding.request(ENDPOINT, inputs.ActionRequestFunding(by(B, wanted), PERMIT), START)
    for version, code in ((VERSION, "version_used"), (wanted.version + 1, "version_parity")):
        wrong = replace(wanted, version=version)
        with refused(code):
            funding.request(ENDPOINT, inputs.ActionRequestFunding(by(A, wrong), PERMIT), START)


@pytest.mark.parametrize(("seconds", "fits"), [(60, False), (61, True), (3600, True), (3601, False)])
def test_a_change_is_valid_neither_too_short_nor_too_long(seconds: int, *, fits: bool) -> None:
    wanted = top_up(A, valid_until=START + seconds)
    if fits:
        funding._require_draft(ENDPOINT, wanted, START)
        return
    with refused("too_late"):
        funding._require_draft(ENDPOINT, wanted, START)


def test_a_change_ends_before_its_channel() -> None:
    soon = replace(ENDPOINT, opening=replace(ENDPOINT.opening, expiry=START + 600))
    funding._require_draft(soon, top_up(A, valid_until=START + 599), START)
    with refused("too_late"):
        funding._require_draft(soon, top_up(A, valid_until=START + 600), START)


def noted(side: Side) -> Endpoint:
    """An endpoint whose `side` is funded by a note."""
    names = ("source_a", "note_a") if side is Side.A else ("source_b", "note_b")
    return replace(ENDPOINT, opening=opening_of(**dict(zip(names, (SOURCE, SERIAL), strict=True))))


def note_of(side: Side, amount: int, **changes: Any) -> NoteFunding:
    note = CreditNote(SERIAL, TERMS.party(side), amount, START + 86400)
    return NoteFunding(replace(note, **changes), bytes(65))


@pytest.mark.parametrize("side", list(Side))
def test_a_permit_is_shown_for_a_deposit_that_grows_and_for_nothing_else(side: Side) -> None:
    grows, stays = top_up((A, B)[side]), top_up((A, B)[side.other])
    funding._require_proof(ENDPOINT, grows, PERMIT, side)
    funding._require_proof(ENDPOINT, stays, None, side)
    funding._require_proof(noted(side), grows, None, side)
    for endpoint, wanted, wrong in (
        (ENDPOINT, grows, None),
        (ENDPOINT, stays, PERMIT),
        (noted(side), grows, PERMIT),
    ):
        with refused("bad_funding"):
            funding._require_proof(endpoint, wanted, wrong, side)


# What the peer asks for.


def test_a_peers_wish_is_of_its_key_its_versions_and_this_channel() -> None:
    wanted = top_up(B)
    after, _ = funding.receive(ENDPOINT, asked(B, wanted), START)
    assert after.staged is not None
    with refused("wrong_signer"):
        funding.receive(ENDPOINT, asked(A, wanted), START)
    with refused("wrong_channel"):
        funding.receive(ENDPOINT, asked(B, replace(wanted, channel=bytes(32))), START)
    with refused("version_parity"):
        funding.receive(ENDPOINT, asked(B, replace(wanted, version=wanted.version + 1)), START)


def test_a_repeated_wish_changes_nothing() -> None:
    wanted = top_up(B)
    staged, _ = funding.receive(ENDPOINT, asked(B, wanted), START)
    assert funding.receive(staged, asked(B, wanted), START) == (staged, ())
    confirm = inputs.ActionConfirmFunding(by(A, wanted), None)
    pledged, _ = funding.confirm(staged, confirm, START)
    assert funding.receive(pledged, asked(B, wanted), START) == (pledged, ())
    other = replace(wanted, version=wanted.version + 2)
    assert refusal(funding.receive(pledged, asked(B, other), START)) == "changing"
    assert refusal(funding.receive(staged, asked(B, replace(wanted, funding_b=1)), START)) == "superseded"


def refusal(step: tuple[Endpoint, tuple[fx.Effect, ...]]) -> str:
    (effect,) = step[1]
    assert isinstance(effect, fx.SendMessage)
    assert isinstance(effect.body, UpdateAbort)
    return effect.body.reason


@pytest.mark.parametrize("version", [VERSION, VERSION - 2])
def test_a_wish_that_is_overtaken_gets_the_newest_state(version: int) -> None:
    after, effects = funding.receive(ENDPOINT, asked(B, top_up(B, version=version)), START)
    assert after is ENDPOINT
    assert len(effects) == 1
    assert not isinstance(effects[0].body, UpdateAbort)  # type: ignore[union-attr]  a message


def test_a_wish_that_does_not_fit_is_answered() -> None:
    wanted = top_up(B)
    farewell = replace(ENDPOINT, farewell=replace(STATE, is_final=True))
    assert refusal(funding.receive(farewell, asked(B, wanted), START)) == "closing_down"
    for phase in (Phase.CLOSING, Phase.DISPUTED):
        elsewhere = replace(ENDPOINT, phase=phase)
        assert refusal(funding.receive(elsewhere, asked(B, wanted), START)) == "closing_down"
    ending = replace(ENDPOINT, opening=replace(ENDPOINT.opening, expiry=START))
    assert refusal(funding.receive(ending, asked(B, wanted), START)) == "closing_down"
    assert refusal(funding.receive(ENDPOINT, asked(B, replace(wanted, base=0)), START)) == "stale_base"
    bare = inputs.ReceiveFundingRequest(by(B, wanted), None)
    assert refusal(funding.receive(ENDPOINT, bare, START)) == "bad_funding"


def test_only_a_staged_change_is_agreed_to_and_only_when_nothing_is_unanswered() -> None:
    wanted = top_up(B)
    confirm = inputs.ActionConfirmFunding(by(A, wanted), None)
    staged, _ = funding.receive(ENDPOINT, asked(B, wanted), START)
    assert staged.staged is not None
    assert funding.confirm(staged, confirm, START)[1]
    with refused("wrong_signer"):
        funding.confirm(staged, inputs.ActionConfirmFunding(by(B, wanted), None), START)
    with refused("not_staged"):
        funding.confirm(ENDPOINT, confirm, START)
    with refused("not_staged"):
        funding.confirm(replace(staged, staged=replace(staged.staged, change=None)), confirm, START)
    with refused("dispute_outstanding"):
        funding.confirm(replace(staged, outstanding=((VERSION, None),)), confirm, START)
    with refused("unanswered_proposal"):
        funding.confirm(replace(staged, dropped=staged.staged), confirm, START)


def test_the_peers_agreement_is_signed_and_shows_its_permit() -> None:
    a, b = open_pair()
    trade(a, b)
    wanted = replace(top_up(a), funding_b=b.state.balance_b + MORE)
    a.feed(inputs.ActionRequestFunding(a.sign(wanted), PERMIT))
    assert funding.confirmed(a.endpoint, inputs.ReceiveFundingConfirm(by(b, wanted), PERMIT), START)[1]
    with refused("wrong_signer"):
        funding.confirmed(a.endpoint, inputs.ReceiveFundingConfirm(by(a, wanted), PERMIT), START)
    with refused("bad_funding"):
        funding.confirmed(a.endpoint, inputs.ReceiveFundingConfirm(by(b, wanted), None), START)
    with refused("not_staged"):
        funding.confirmed(ENDPOINT, inputs.ReceiveFundingConfirm(by(b, wanted), PERMIT), START)


def test_agreement_to_a_second_change_counts_and_to_the_first_is_late() -> None:
    a, b, first = agreed()
    settle_down(a, b)
    for party in (a, b):
        party.feed(landed(first))
    late = inputs.ReceiveFundingConfirm(by(b, first), None)
    assert funding.confirmed(a.endpoint, late, START) == (a.endpoint, ())
    a.feed(inputs.ActionRequestFunding(a.sign(top_up(a)), PERMIT))
    settle_down(a, b)
    b.agree()
    settle_down(a, b)
    assert a.endpoint.pledge is not None
    assert all(a.endpoint.pledge.signatures)


# What the ledger says.


@pytest.mark.parametrize("negative", [{"funding_a": -1}, {"funding_b": -1}])
def test_the_ledger_funds_nobody_below_zero(negative: dict[str, int]) -> None:
    a, _, change = agreed()
    none = replace(landed(change), funding_a=0, funding_b=0)
    assert funding.changed(a.endpoint, none, START)[1]
    with refused("not_conserved"):
        funding.changed(a.endpoint, replace(landed(change), **negative), START)


def test_an_old_change_told_again_does_not_end_the_wait_for_a_new_one() -> None:
    a, b, first = agreed()
    settle_down(a, b)
    for party in (a, b):
        party.feed(landed(first))
    a.feed(inputs.ActionRequestFunding(a.sign(top_up(a)), PERMIT))
    waiting = a.endpoint
    assert funding.changed(waiting, landed(first), START) == (waiting, ())


def test_of_a_state_and_a_change_the_newer_counts() -> None:
    made = CoSigned(replace(STATE, version=9), b"", b"")
    for version, counts in ((8, False), (9, False), (10, True)):
        before = CoSigned(replace(STATE, version=version), b"a", b"b")
        assert (funding._newer(before, made) is before) is counts
    poorer = CoSigned(replace(STATE, version=10, balance_a=1), b"a", b"b")
    assert funding._newer(poorer, made) is made


@pytest.mark.parametrize(("newest", "kept"), [(8, False), (9, False), (10, True)])
def test_what_is_older_than_a_change_is_over(newest: int, *, kept: bool) -> None:
    _, b = open_pair()
    a = b.peer
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    staged = b.endpoint.staged
    assert staged is not None
    proposal = replace(staged, state=replace(staged.state, version=newest))
    farewell = replace(staged.state, version=newest)
    before = replace(ENDPOINT, dropped=proposal, refused=(proposal,), farewell=farewell)
    change = replace(top_up(A), version=9)
    after = funding._refunded(before, change, before.current, lost=False)  # type: ignore[arg-type]  current is set
    assert (after.dropped, after.refused, after.farewell) == (
        (proposal, (proposal,), farewell) if kept else (None, (), None)
    )


@pytest.mark.parametrize(("known", "highest"), [(3, 9), (99, 99)])
def test_a_change_moves_the_known_versions_up_only(known: int, highest: int) -> None:
    before = replace(ENDPOINT, highest_version=known, ledger_version=known)
    change = replace(top_up(A), version=9)
    after = funding._refunded(before, change, before.current, lost=False)  # type: ignore[arg-type]  current is set
    assert (after.highest_version, after.ledger_version) == (highest, highest)


def test_time_ends_a_change_only_when_there_is_one_and_it_is_past() -> None:
    a, _, change = agreed()
    assert funding.time_passed(ENDPOINT, inputs.LedgerTimePassed(2**40), START) == (ENDPOINT, ())
    at = inputs.LedgerTimePassed(change.valid_until)
    assert funding.time_passed(a.endpoint, at, START) == (a.endpoint, ())
    later = inputs.LedgerTimePassed(change.valid_until + 1)
    assert funding.time_passed(a.endpoint, later, START)[0].pledge is None


# The peer shows the change on which its channel stands.


def shown(change: FundingChange, **changes: Any) -> inputs.ReceiveFundingAnswer:
    return replace(inputs.ReceiveFundingAnswer(by(A, change), by(B, change)), **changes)


def lost() -> tuple[Endpoint, FundingChange]:
    """A view that learned of a change from the ledger alone."""
    a, _, change = agreed()
    view = replace(a.endpoint, phase=Phase.OPEN, pledge=None)
    after, _ = funding.changed(view, landed(change), START)
    assert after.history_lost
    return after, change


def test_a_shown_change_is_taken_where_it_was_lost() -> None:
    view, change = lost()
    after, _ = funding.answered(view, shown(change), START)
    assert after.funded == change
    assert not after.history_lost
    assert funding.answered(after, shown(change), START) == (after, ())
    assert funding.answered(after, shown(change), START)[0] is after
    for missing in ("signature_a", "signature_b"):
        assert after.current is not None
        half = replace(after, current=replace(after.current, **{missing: b""}))
        assert funding.answered(half, shown(change), START)[0] == after
    assert view.current is not None
    signed = replace(view, current=replace(view.current, signature_a=b"a", signature_b=b"b"))
    assert funding.answered(signed, shown(change), START)[0] == after


@pytest.mark.parametrize("side", list(Side))
def test_a_shown_change_needs_both_keys(side: Side) -> None:
    view, change = lost()
    name = ("by_a", "by_b")[side]
    stranger = signing.sign_value(DOMAIN, change, STRANGER)
    with refused("wrong_signer"):
        funding.answered(view, shown(change, **{name: stranger}), START)


def test_a_shown_change_is_one_of_this_channel() -> None:
    view, change = lost()
    with refused("wrong_state"):
        funding.answered(view, shown(change, by_b=by(B, replace(change, valid_until=1))), START)
    with refused("wrong_state"):
        funding.answered(view, shown(replace(change, channel=bytes(32))), START)


@pytest.mark.parametrize("other", [{"version": 99}, {"funding_a": 5}, {"funding_b": 5}])
def test_another_change_than_the_ledgers_is_not_taken(other: dict[str, int]) -> None:
    view, change = lost()
    assert funding.answered(view, shown(replace(change, **other)), START) == (view, ())


def test_a_shown_change_is_no_news_to_who_never_changed_or_went_on() -> None:
    view, change = lost()
    assert view.current is not None
    fresh = open_pair()[0].endpoint
    for unchanged in (ENDPOINT, fresh):
        assert funding.answered(unchanged, shown(change), START) == (unchanged, ())
    newer = replace(view.current, state=replace(view.current.state, version=change.version + 1))
    went_on = replace(view, current=newer)
    assert funding.answered(went_on, shown(change), START) == (went_on, ())


# Keepers.


def test_a_keeper_stands_on_a_change_however_late_it_is() -> None:
    change = replace(top_up(A), version=5, base=VERSION, valid_until=START)
    keeper = Keeper(5, None, change)
    good = replace(STATE, version=7, base=5, balance_a=change.funding_a, balance_b=change.funding_b)
    assert keeper.after(good, START + 1).change == change
    with pytest.raises(LocalProtocolError, check=lambda error: error.code == "not_conserved"):
        keeper.after(replace(good, balance_a=0), START + 1)
    beside = replace(STATE, version=7, base=4)
    with pytest.raises(LocalProtocolError, check=lambda error: error.code == "changing"):
        keeper.after(beside, START)
    assert keeper.after(beside, START + 1).change is None


@pytest.mark.parametrize(("version", "free"), [(6, True), (5, False), (4, False)])
def test_only_a_change_after_a_farewell_makes_free(version: int, *, free: bool) -> None:
    change = replace(top_up(A), version=version, base=VERSION)
    keeper = Keeper(6, replace(STATE, version=5, is_final=True), change)
    state = replace(STATE, version=9, base=version, balance_a=change.funding_a, balance_b=change.funding_b)
    if free:
        assert keeper.after(state).highest == 9
        return
    with pytest.raises(LocalProtocolError, check=lambda error: error.code == "closing_down"):
        keeper.after(state)


def test_without_a_change_a_farewell_is_final() -> None:
    keeper = Keeper(5, replace(STATE, version=5, is_final=True))
    with pytest.raises(LocalProtocolError, check=lambda error: error.code == "closing_down"):
        keeper.after(replace(STATE, version=7))


# Openings.


@pytest.mark.parametrize(
    "changes",
    [
        {"open_by": START},
        {"open_by": START + 10, "expiry": START + 10},
        {"open_by": START + 10, "expiry": START + 9},
        {"funding_a": 0, "funding_b": 0},
        {"funding_a": 2**96 - 1, "funding_b": 1},
    ],
)
def test_an_opening_outside_its_limits_is_refused(changes: dict[str, int]) -> None:
    code = "bad_times" if "open_by" in changes else "bad_funding"
    with refused(code):
        opening._check_opening(TERMS, opening_of(**changes), START)


@pytest.mark.parametrize(
    "changes",
    [
        {"open_by": START + 1, "expiry": START + 2},
        {"funding_a": 1, "funding_b": 0},
        {"funding_a": 2**96 - 2, "funding_b": 1},
    ],
)
def test_an_opening_at_its_limits_is_fine(changes: dict[str, int]) -> None:
    opening._check_opening(TERMS, opening_of(**changes), START)


@pytest.mark.parametrize("side", list(Side))
def test_a_deposit_has_neither_source_nor_note(side: Side) -> None:
    letter = "ab"[side]
    opening._check_funding(TERMS, opening_of(), DEPOSIT, side)
    for changes in ({f"source_{letter}": SOURCE}, {f"note_{letter}": SERIAL}):
        with refused("bad_funding"):
            opening._check_funding(TERMS, opening_of(**changes), DEPOSIT, side)


@pytest.mark.parametrize("side", list(Side))
def test_a_notes_source_serial_holder_and_amount_fit(side: Side) -> None:
    letter = "ab"[side]
    fit = {f"source_{letter}": SOURCE, f"note_{letter}": SERIAL}
    opening._check_funding(TERMS, opening_of(**fit), note_of(side, FUNDING), side)
    misfits: list[tuple[ChannelOpen, NoteFunding]] = [
        (opening_of(**{f"note_{letter}": SERIAL}), note_of(side, FUNDING)),
        (opening_of(**fit), note_of(side, FUNDING, serial=bytes(32))),
        (opening_of(**fit), note_of(side, FUNDING, holder=STRANGER.address)),
        (opening_of(**fit), note_of(side, FUNDING - 1)),
    ]
    for one, note in misfits:
        with refused("bad_funding"):
            opening._check_funding(TERMS, one, note, side)


def test_a_confirmation_of_an_opening_is_signed_and_funded() -> None:
    a, _ = pair()
    a.request()
    proof = signing.sign_value(DOMAIN, a.opening, KEYS[1])
    assert opening.confirm(a.endpoint, inputs.ReceiveOpenConfirm(proof, DEPOSIT), START)[1]
    stranger = signing.sign_value(DOMAIN, a.opening, STRANGER)
    with refused("wrong_signer"):
        opening.confirm(a.endpoint, inputs.ReceiveOpenConfirm(stranger, DEPOSIT), START)
    with refused("bad_funding"):
        opening.confirm(a.endpoint, inputs.ReceiveOpenConfirm(proof, note_of(Side.B, FUNDING)), START)


# Offers, the history, and what a reorganisation leaves.


def test_a_repeated_offer_of_the_peer_is_ignored_and_another_with_its_id_refused() -> None:
    made = B.offer_of()
    once, _ = offers.offer(ENDPOINT, inputs.ReceiveOffer(by(B, made)), START)
    assert offers.offer(once, inputs.ReceiveOffer(by(B, made)), START) == (once, ())
    with refused("offer_known"):
        offers.offer(once, inputs.ReceiveOffer(by(B, replace(made, quantity_wh=1))), START)
    own = A.offer_of()
    mine, _ = offers.offer(ENDPOINT, inputs.ActionOffer(by(A, own)), START)
    with refused("offer_known"):
        offers.offer(mine, inputs.ActionOffer(by(A, own)), START)
    with refused("wrong_signer"):
        offers.offer(ENDPOINT, inputs.ReceiveOffer(by(A, made)), START)


def test_while_a_dispute_is_raised_the_peer_may_still_offer() -> None:
    raised = replace(ENDPOINT, dispute_due=START + 30)
    after, _ = offers.offer(raised, inputs.ReceiveOffer(by(B, B.offer_of())), START)
    assert after.offers
    with refused("dispute_pending"):
        offers.offer(raised, inputs.ActionOffer(by(A, A.offer_of())), START)


@pytest.mark.parametrize("index", [-1, 3])
def test_no_leaf_outside_the_tree_is_proven(index: int) -> None:
    with pytest.raises(IndexError):
        merkle.prove([bytes((number,)) * 32 for number in range(3)], index)


def test_before_the_ledgers_first_word_nothing_can_be_taken_back() -> None:
    a, _ = pair()
    a.request()
    assert reorganisation.rolled_back(a.endpoint, inputs.LedgerRolledBack(), START) == (a.endpoint, ())


def test_a_reorganisation_makes_wait_for_a_known_change_only() -> None:
    view, change = lost()
    for nothing in (replace(view, funded=None), replace(view, current=None)):
        assert reorganisation._pledged_again(nothing) is None
    pledge = reorganisation._pledged_again(view)
    assert pledge is not None
    assert pledge.change.version == change.version


def test_a_view_without_a_state_stands_on_nothing() -> None:
    assert not rules.is_as_funded(replace(ENDPOINT, current=None))

"""A view restored from a backup: newer states may exist, so that its user signs nothing until that is cleared."""

from typing import Any

import pytest
from msgspec.structs import replace
from pair import START, open_pair, settle_down, trade

from channels_engine.core import inputs, restoring
from channels_engine.core.errors import LocalProtocolError
from channels_engine.core.rules import earliest_due
from channels_engine.core.state import Phase
from channels_engine.core.transition import apply

A, B = open_pair()
trade(A, B)
DOUBTFUL = restoring.restored(A.endpoint)
VERSION = A.state.version


def restored_refusal() -> Any:
    return pytest.raises(LocalProtocolError, check=lambda error: error.code == "restored")


def test_versions_go_on_far_above_what_may_have_been_signed() -> None:
    assert DOUBTFUL.doubtful
    assert DOUBTFUL.highest_version == A.endpoint.highest_version + restoring.VERSIONS_SIGNED_SINCE
    assert DOUBTFUL.wake_at == earliest_due(DOUBTFUL)


@pytest.mark.parametrize("phase", [Phase.CLOSED, Phase.ABORTED])
def test_what_is_over_is_beyond_doubt(phase: Phase) -> None:
    over = replace(A.endpoint, phase=phase)
    assert restoring.restored(over) is over


def test_our_own_staged_proposal_may_still_be_completed_and_the_peers_is_gone() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    proposal = b.endpoint.staged
    settle_down(a, b)
    assert restoring.restored(b.endpoint).refused == (proposal,)
    assert restoring.restored(a.endpoint).refused == ()
    for party in (a, b):
        view = restoring.restored(party.endpoint)
        assert (view.phase, view.staged, view.offers) == (Phase.OPEN, None, ())


def test_while_in_doubt_our_user_signs_nothing_and_the_ledger_is_heard() -> None:
    offer = inputs.ActionOffer(A.sign(A.offer_of()))
    with restored_refusal():
        apply(DOUBTFUL, offer, START)
    assert apply(restoring.trusted(DOUBTFUL), offer, START)[1]
    assert apply(DOUBTFUL, inputs.LedgerDisputed(0, START + 600), START)[0].phase is Phase.DISPUTED


@pytest.mark.parametrize(
    ("version", "doubtful"), [(VERSION - 1, True), (VERSION, False), (VERSION + 1, False)]
)
def test_what_both_signed_ends_the_doubt_if_it_is_no_older_than_ours(version: int, *, doubtful: bool) -> None:
    assert restoring.certain(DOUBTFUL, version).doubtful is doubtful


def test_without_a_state_of_ours_anything_co_signed_ends_the_doubt() -> None:
    assert not restoring.certain(replace(DOUBTFUL, current=None), 0).doubtful


def test_who_is_certain_stays_so() -> None:
    assert restoring.certain(A.endpoint, VERSION) is A.endpoint

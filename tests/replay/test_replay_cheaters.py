"""Households that send the ledger an old state while nobody looks: the watchtower answers, the old state loses."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from checks import check_all, endpoints, essence, ledger_of, to_text
from replays import SMALL, Stage
from test_replay_kill import OPENED, Ordeal, kill

from channels_engine.core.state import Endpoint
from channels_engine.core.types import ChannelState, Domain, Side
from contracts.bindings import EntityContracts, SignedState
from contracts.calls import Receipt
from contracts.connection import LedgerClient
from contracts.consents import dispute_request
from contracts.devnode.accounts import dev_key
from contracts.gateway import Sender
from grid.scenarios.scenario import load_scenario
from grid.simulation import open_simulation
from marketplace.trading.replay.cast import Couple, cast_of


@dataclass
class Cheat:
    """An old state of a channel in which the buyer still has what it has paid since."""

    couple: Couple
    endpoint: Endpoint
    stale: ChannelState
    signatures: tuple[bytes, bytes]

    @property
    def channel(self) -> str:
        return to_text(self.endpoint)

    def send(self, client: LedgerClient, registry: EntityContracts) -> Receipt:
        """The buyer disputes with it, through an account of its own."""
        domain = Domain(31337, registry.address)
        asked = dispute_request(domain, channel=self.endpoint.channel, version=self.stale.version)
        consent = self.couple.signers[Side.B].sign(asked)
        terms, opening = self.endpoint.terms, self.endpoint.opening
        if self.stale.version:
            call = registry.dispute(SignedState(terms, opening, self.stale, *self.signatures), consent)
        else:
            call = registry.dispute_known(terms, opening, consent)
        cheater = Sender(client, dev_key(3))
        return cheater.wait(cheater.send(call))


def cheats(stage: Stage) -> list[Cheat]:
    """Two buyers' best chances: one shows an old state, the other the opening."""
    run = UUID(str(stage.value("SELECT id FROM grid_replayrun")))
    cast = cast_of(run, UUID(ledger_of(stage)["population"]), open_simulation(load_scenario(Path(SMALL))))
    couples = {couple.signers[Side.A].address: couple for couple in cast.couples}
    states = stage.states()
    traded = [
        view for view in endpoints(stage) if view.current is not None and view.current.state.version > 4
    ]
    losers = sorted(traded, key=lambda view: view.current.state.balance_b if view.current else 0)[:2]
    found = []
    for view, of_opening in zip(losers, (False, True), strict=True):
        oldest = min(version for channel, version in states if channel == to_text(view) and version)
        version = 0 if of_opening else oldest
        *numbers, root, is_final, sign_a, sign_b = (
            states[to_text(view), version] if version else _opening(view)
        )
        stale = ChannelState(view.channel, version, *numbers, root, is_final=bool(is_final))
        found.append(Cheat(couples[view.terms.party_a], view, stale, (sign_a, sign_b)))
    return found


def _opening(view: Endpoint) -> tuple[Any, ...]:
    return 0, view.opening.funding_a, view.opening.funding_b, 0, 0, bytes(32), False, *view.opening_signatures


@pytest.mark.kill
def test_a_stale_state_is_answered_and_loses(
    stage: Stage, whole_day: tuple[Stage, dict[str, Any]], settings: Any
) -> None:
    undisturbed, expected = whole_day
    middle = (OPENED + undisturbed.entries()) // 2
    with Ordeal(stage, (SMALL,), Random(0)) as ordeal:  # noqa: S311  nothing is drawn
        ordeal.wait_for(middle)
        kill(ordeal.replay)
        settings.KEYSTORE_PASSPHRASE = (stage.folder / "keystore_passphrase").read_text()
        registry = EntityContracts(bytes.fromhex(ledger_of(stage)["registry"][2:]))
        tried = cheats(stage)
        with LedgerClient(stage.ledger_url) as client:
            for cheat in tried:
                assert cheat.send(client, registry).succeeded
                shown = registry.record_of(client.call, cheat.endpoint.channel)
                assert shown.version == cheat.stale.version
                assert shown.deadline > 0
        ordeal.start()
        content = ordeal.finish()
    for cheat in tried:
        _lost(stage, cheat)
    check_all(stage, content, slots=96)
    assert essence(content) == essence(expected)


def _lost(stage: Stage, cheat: Cheat) -> None:
    names = f"SELECT name FROM engine_ledgerevent WHERE channel = '{cheat.channel}' ORDER BY block_number, log_index"  # noqa: S608  our own channel
    assert [name for (name,) in stage.rows(names)] == [
        "ChannelOpened",
        "ChannelDisputed",
        "DisputeResolved",
        "ChannelFinalised",
    ]
    view = next(view for view in endpoints(stage) if view.channel == cheat.endpoint.channel)
    assert view.payout is not None
    assert view.payout[1] < cheat.stale.balance_b, "the lie would have paid"
    assert view.current is not None
    assert view.current.state.is_final
    assert view.payout == (view.current.state.balance_a, view.current.state.balance_b)

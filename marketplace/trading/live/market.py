"""The live market's loop: agents answer people, slots pass at the scenario's pace, meters settle."""

import logging
import threading
from pathlib import Path

from django.conf import settings
from django.db import connection

from channels_engine import service
from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.errors import ProtocolError
from channels_engine.core.negotiation import next_state_for_settlement
from channels_engine.core.state import Endpoint as EndpointState
from channels_engine.core.state import Phase
from channels_engine.core.typed_data import digest
from channels_engine.frames import message_of
from channels_engine.runtime import Runtime
from channels_engine.store.models import TradeRecord
from channels_engine.submissions import Refused, Said
from contracts.connection import LedgerError
from grid.models import ReplayRun
from grid.scenarios.scenario import load_scenario
from marketplace.trading.live.control import Pace
from marketplace.trading.live.desk import agents_for
from marketplace.trading.live.listings import list_households
from marketplace.trading.live.view import market_view
from marketplace.trading.models import Prosumer
from marketplace.trading.replay.cast import Cast
from marketplace.trading.replay.files import report_data
from marketplace.trading.replay.play import PlayedSlot
from marketplace.trading.replay.run import Engine, Replay, find_or_start
from marketplace.trading.runs import keep_report
from marketplace.trading.services import connect_people

logger = logging.getLogger(__name__)
SPARE_CHANNELS = 200
LOOK_EVERY_S = 0.25
AFTER_A_FAULT_S = 5.0
LONGEST_PAUSE = 7
"""Between proposals to somebody who is away: 2 to the power of it, in slots."""


class LiveMarket:
    """Plays a scenario over and over, each time as a run of its own.

    Args:
        scenario: Name in fixtures/scenarios.
        engine: The engine with which the households trade.
        people: The runtime that people's sockets use: with the gate.
    """

    def __init__(self, scenario: str, engine: Engine, people: Runtime) -> None:
        self._path = Path(settings.BASE_DIR) / "fixtures" / "scenarios" / f"{scenario}.toml"
        self._engine, self._people = engine, people
        self._stop = threading.Event()

    def stop(self) -> None:
        """End soon, at the edge of a slot."""
        self._stop.set()

    def run(self) -> None:
        """Run until stopped. A ledger that is away, or any other fault, is logged and tried again."""
        while not self._stop.is_set():
            try:
                self._play_run()
            except LedgerError as error:
                logger.warning("The live market waits for the ledger: %s", error)
            except Exception:
                logger.exception("The live market stumbled; it goes on from where it is stored.")
            finally:
                connection.close()
            self._stop.wait(AFTER_A_FAULT_S)

    def _play_run(self) -> None:
        scenario = load_scenario(self._path)
        run = find_or_start(scenario, self._path, self._engine.contracts.registry, live=True)
        replay = Replay(run, scenario, self._engine, _log_progress)
        settle_in(replay.cast, replay)
        if run.status == ReplayRun.Status.PREPARING:
            replay.prepare(spare_channels=SPARE_CHANNELS)
        floor = _Floor(replay, self._people)
        floor.list_energy()
        pace = Pace(scenario.replay.seconds_per_slot)
        while run.status == ReplayRun.Status.RUNNING and not replay.finished_slots:
            while not pace.due():
                if self._stop.wait(LOOK_EVERY_S):
                    return
                self._look(floor)
            floor.play()
        summary = replay.settle_up()
        keep_report(run=run, data=report_data(replay, summary))
        replay.finish()

    def _look(self, floor: "_Floor") -> None:
        floor.agents.tick()
        self._engine.pump()


class _Floor:
    """One run's trading, with people in it."""

    def __init__(self, replay: Replay, people: Runtime) -> None:
        self.replay, self._people = replay, people
        self.agents, _, self._keys = agents_for(people, replay.cast, replay.purse)
        self._households = replay.cast.by_owner()
        self._proposed: dict[str, int] = {}

    def play(self) -> None:
        """Play the next slot, then settle people's trades as far as they are there to countersign."""
        self.welcome()
        played = self.replay.play_slot(residents(self.replay))
        self._remember(played)
        self._settle_people()
        self.list_energy()

    def list_energy(self) -> None:
        """Show what the households have and need in the slots that are open now."""
        market = market_view()
        if market is not None:
            list_households(market)

    def welcome(self) -> None:
        """Give people a connection; the agent of a household rests where somebody moves in."""
        at = {connection.name: connection for connection in self.replay.simulation.feeder.connections}
        with_pv = {name for name, connection in at.items() if connection.generator is not None}
        moved_in = connect_people(connections={name: cn.bus for name, cn in at.items()}, preferred=with_pv)
        if moved_in:
            rest_agents()

    def _remember(self, played: PlayedSlot) -> None:
        delivered = played.metered.delivered
        for trade in played.final:
            if not {trade.seller, trade.buyer} <= self._households.keys():
                TradeRecord.objects.filter(pk=trade.pk).update(delivered_wh=delivered[trade.trade])

    def _settle_people(self) -> None:
        """Propose what is metered and not settled; who is away is asked again more and more seldom."""
        rows = TradeRecord.objects.filter(delivered_wh__isnull=False, settled_version__isnull=True)
        ours = [row for row in rows if (row.seller in self._households) != (row.buyer in self._households)]
        by_channel: dict[str, list[TradeRecord]] = {}
        for row in ours:
            by_channel.setdefault(row.channel, []).append(row)
        self._proposed = {channel: n for channel, n in self._proposed.items() if channel in by_channel}
        due = {channel: trades for channel, trades in by_channel.items() if self._may_ask(channel, trades[0])}
        said = [line for channel, trades in due.items() for line in self._proposal(channel, trades)]
        for one, outcome in zip(said, self._people.process(said), strict=True):
            if isinstance(outcome, Refused):
                logger.info("Settlement in %s waits: %s", to_hex(one.channel), outcome.message)
            else:
                self._proposed[to_hex(one.channel)] = self._proposed.get(to_hex(one.channel), 0) + 1

    def _may_ask(self, channel: str, trade: TradeRecord) -> bool:
        """Each proposal that nobody answers fills the log: at once for who is here, else after more and more slots."""
        person = trade.buyer if trade.seller in self._households else trade.seller
        pause = 2 ** min(self._proposed.get(channel, 0), LONGEST_PAUSE)
        return service.transport().hears(person) or self.replay.run.next_slot % pause == 0

    def _proposal(self, channel: str, trades: list[TradeRecord]) -> list[Said]:
        owner = trades[0].seller if trades[0].seller in self._households else trades[0].buyer
        hosting = self._people.hosting(bytes.fromhex(channel[2:]))
        side = hosting.side_of(owner) if hosting else None
        if hosting is None or side is None or hosting.endpoint(side).phase is not Phase.OPEN:
            return []
        endpoint = hosting.endpoint(side)
        try:
            return [self._settlement(owner, endpoint, trades)]
        except ProtocolError as error:
            logger.info("Settlement in %s waits: %s", channel, error.message)
            return []

    def _settlement(self, owner: str, endpoint: EndpointState, trades: list[TradeRecord]) -> Said:
        signed = tuple(self.replay.market.delivery(trade, trade.delivered_wh or 0) for trade in trades)
        state = next_state_for_settlement(endpoint, [item.delivery for item in signed])
        signer = self._keys(endpoint.terms.party(endpoint.me))
        signature = signer.sign(digest(self._people.domain, state))
        body = m.SettleRequest(signed, state, signature)
        return Said(owner, message_of(f"settle:{state.version}", endpoint.channel, body))


def residents(replay: Replay) -> dict[str, int]:
    """People on this feeder: connection by owner."""
    names = {household.name: household.index for household in replay.cast.households}
    rows = Prosumer.objects.filter(user__isnull=False, connection__in=names)
    return {owner: names[name] for owner, name in rows.values_list("owner", "connection")}


def rest_agents() -> None:
    """Take the households in whose place a person trades off the list of partners."""
    inhabited = Prosumer.objects.filter(user__isnull=False).exclude(connection="").values("connection")
    Prosumer.objects.filter(is_agent=True, connection__in=inhabited).update(is_active=False)


def settle_in(cast: Cast, replay: Replay) -> None:
    """Give every household of the run its entry among the partners; those of earlier runs rest."""
    connections = replay.simulation.feeder.connections
    Prosumer.objects.filter(is_agent=True).exclude(owner__in=cast.by_owner()).update(is_active=False)
    for household in cast.households:
        at = connections[household.index]
        Prosumer.objects.update_or_create(
            owner=household.owner,
            defaults={
                "slug": f"house-{household.index + 1}-{cast.population.hex[:6]}",
                "display_name": household.title,
                "connection": household.name,
                "bus": at.bus,
                "has_pv": at.generator is not None,
                "has_battery": at.battery is not None,
                "is_agent": True,
                "agent_rules": {"strategy": replay.simulation.scenario.market.strategy},
                "is_active": True,
            },
        )
    rest_agents()


def _log_progress(label: str, done: int, total: int) -> None:
    if done in (0, total):
        logger.info("%s: %d of %d", label, done, total)

"""The life of one replay run: open the channels, play slot by slot, close, audit.

Every step can be interrupted anywhere and is simply taken again: what stands in the run's row, in the engine's
store and on the ledger says how far it came.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID, uuid4, uuid5

from django.db import transaction

from channels_engine.codec import to_hex
from channels_engine.drivers import Closing, Floor
from channels_engine.runtime import Runtime
from channels_engine.stopwatch import phase
from channels_engine.store.models import Endpoint
from contracts.bindings import EntityContracts
from contracts.connection import LedgerError
from contracts.gateway import Sender
from contracts.records import ChannelStatus
from grid.market.bilateral import first_beliefs
from grid.models import ReplayRun, SlotResult
from grid.results.groups import Groups
from grid.results.record import PlayedSlot as Played
from grid.results.record import slot_data
from grid.results.summary import summarise
from grid.scenarios.scenario import Scenario, load_scenario
from grid.simulation import open_simulation
from marketplace.trading.replay.audit import Auditor
from marketplace.trading.replay.cast import Couple, cast_of
from marketplace.trading.replay.opening import channel_of_couple, openings, pairings
from marketplace.trading.replay.patience import (
    LEDGER_PATIENCE_S,
    Progress,
    insist,
    is_passing,
    patiently,
    waiting_for,
)
from marketplace.trading.replay.play import (
    Checkpoint,
    Market,
    PlayedSlot,
    ReplayError,
    raise_refusals,
)
from marketplace.trading.replay.purse import Contracts, Purse

LIVE_NAMESPACE = UUID("6c1c5a0e-33c5-5c7e-9d0b-0d6f6a6f0b11")
OPEN_WITHIN_S = 7 * 86_400
EXPIRES_AFTER_S = 400 * 86_400
PAUSE_S = 0.05
PUMP_EVERY_S = 0.5
"""Between slots: a stale close is answered within its challenge period, an hour."""


class Engine(Protocol):
    """What a replay needs of the site's engine."""

    runtime: Runtime
    sender: Sender
    contracts: Contracts

    def pump(self) -> bool:
        """Bring waiting effects to the ledger and its events back; whether there was anything to do."""


def fingerprint(scenario: Scenario) -> str:
    """The same for two runs that must give the same trades."""
    content = asdict(scenario) | {"folder": ""}
    plain = json.dumps(content, sort_keys=True, default=_plain)
    return hashlib.sha256(plain.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if hasattr(value, "__struct_fields__"):
        kind = {"kind": value.__struct_config__.tag} if value.__struct_config__.tag else {}
        return {name: getattr(value, name) for name in value.__struct_fields__} | kind
    return value.isoformat() if isinstance(value, datetime) else str(value)


def with_options(scenario: Scenario, *, start: int | None, end: int | None, funding: str | None) -> Scenario:
    """The scenario with another period or funding; times are epoch seconds."""
    from msgspec.structs import replace as change  # noqa: PLC0415  its name is that of dataclasses here

    period = change(
        scenario.period,
        start=datetime.fromtimestamp(start or scenario.start, scenario.period.start.tzinfo),
        end=datetime.fromtimestamp(end or scenario.end, scenario.period.end.tzinfo),
    )
    terms = change(scenario.funding, mode=funding or scenario.funding.mode)
    return replace(scenario, period=period, funding=terms)


def find_or_start(scenario: Scenario, path: Path, registry: bytes, *, live: bool = False) -> ReplayRun:
    """The unfinished run of this scenario on this ledger, or a new one."""
    mark, home = fingerprint(scenario), to_hex(registry)
    unfinished = ReplayRun.objects.filter(fingerprint=mark, live=live, ledger__registry=home)
    found = unfinished.exclude(status=ReplayRun.Status.FINISHED).first()
    now, fresh = int(time.time()), uuid4()
    population = uuid5(LIVE_NAMESPACE, f"{home}/{path.stem}") if live else fresh
    return found or ReplayRun.objects.create(
        scenario=path.stem,
        fingerprint=mark,
        funding=scenario.funding.mode,
        starts_at=scenario.start,
        ends_at=scenario.end,
        live=live,
        id=fresh,
        ledger={
            "registry": home,
            "population": str(population),
            "open_by": now + OPEN_WITHIN_S,
            "expiry": now + EXPIRES_AFTER_S,
        },
    )


class Replay:
    """One run in this process.

    Args:
        run: Its row.
        scenario: What `run` was made from.
        engine: The site's engine.
        progress: Told how far it is.
    """

    def __init__(self, run: ReplayRun, scenario: Scenario, engine: Engine, progress: Progress) -> None:
        self.run, self.simulation, self._engine = run, open_simulation(scenario), engine
        self._progress, self._pump_at = progress, 0.0
        self.cast = cast_of(run.id, UUID(run.ledger["population"]), self.simulation)
        self.purse = Purse(engine.sender, engine.contracts, self.cast, scenario.funding)
        self._deadlines = {"open_by": run.ledger["open_by"], "expiry": run.ledger["expiry"]}
        self.channels = {
            frozenset((couple.a.owner, couple.b.owner)): channel_of_couple(
                couple, self.purse, self._deadlines
            )
            for couple in self.cast.couples
        }
        self._signers = {signer.address: signer for couple in self.cast.couples for signer in couple.signers}
        self.floor = Floor(engine.runtime, self._signers.__getitem__)
        self.market = Market(
            simulation=self.simulation,
            cast=self.cast,
            floor=self.floor,
            channels=self.channels,
            domain=engine.runtime.domain,
            valid_until=self._deadlines["expiry"] - 1,
            pump=self._pump,
            since=int(run.created_at.timestamp()),
        )
        self._titles = [h.title if run.live else h.name for h in self.cast.households]

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the run stands."""
        if self.run.checkpoint is not None:
            return Checkpoint.from_json(self.run.checkpoint)
        size = len(self.cast.households)
        beliefs = first_beliefs(self.simulation.scenario.tariff, size)
        return Checkpoint(self.simulation.start_state(), beliefs, self.market.metering.start_state())

    @property
    def finished_slots(self) -> bool:
        """Whether every slot was played."""
        return self.run.next_slot >= len(self.simulation.slots)

    def play_all(self) -> dict[str, Any]:
        """From wherever the run stands to its summary; `finish` is left to whoever has made use of it."""
        if self.run.status == ReplayRun.Status.PREPARING:
            self.prepare()
        while self.run.status == ReplayRun.Status.RUNNING and not self.finished_slots:
            self.play_slot()
        return self.settle_up()

    def prepare(self, *, spare_channels: int = 0) -> None:
        """Money on the ledger, contracts agreed, channels open; `spare_channels` as in `Purse.fill`."""
        total = len(self.cast.couples)
        self._progress("Funding", 0, total)
        patiently(lambda: self.purse.fill(self._unopened(), spare_channels=spare_channels), self._progress)
        self.run.ledger["merchant"] = to_hex(self.purse.merchant.address)
        self.run.save(update_fields=["ledger"])
        self._progress("Agreeing on contracts", 0, total)
        raise_refusals(self.floor.agree_many(pairings(self.cast)))
        wanted = openings(self.cast, self.purse, self._deadlines)
        self.purse.keep_receipts()
        raise_refusals(self.floor.open_many(wanted))
        self._wait_for_phase("Opening channels", "open", {"requested", "funding"})
        self._move(ReplayRun.Status.RUNNING)

    def play_slot(self, residents: Mapping[str, int] = MappingProxyType({})) -> PlayedSlot:
        """Play the next slot and store it; `residents` as in `Market.play`."""
        played = self.market.play(self.checkpoint, residents)
        with phase("storage"):
            self.keep(played)
        if time.monotonic() >= self._pump_at:
            self._pump()
            self._pump_at = time.monotonic() + PUMP_EVERY_S
        return played

    def keep(self, played: PlayedSlot) -> None:
        """Store a played slot and step to the next, both or neither."""
        index = self.run.next_slot
        data = slot_data(
            Played(
                outcome=played.outcome,
                settlement=played.settlement,
                refusals=played.refusals,
                names=self._titles,
                channels={trade.trade: trade.channel for trade in played.agreed},
                notes=played.metered.notes,
                charges=played.charges,
                welfare=played.welfare,
            )
        )
        with transaction.atomic():
            SlotResult.objects.bulk_create(
                [SlotResult(run=self.run, index=index, slot_start=played.plan.slot_start, data=data)],
                update_conflicts=True,
                unique_fields=["run", "index"],
                update_fields=["slot_start", "data"],
            )
            self.run.next_slot, self.run.checkpoint = index + 1, played.after.to_json()
            self.run.save(update_fields=["next_slot", "checkpoint", "updated_at"])
        self._progress("Playing slots", index + 1, len(self.simulation.slots))

    def close(self) -> None:
        """Settle up and finish."""
        self.settle_up()
        self.finish()

    def finish(self) -> None:
        """Nothing is left to do: who asks for this scenario again gets a new run."""
        self._move(ReplayRun.Status.FINISHED)

    def settle_up(self) -> dict[str, Any]:
        """Close all channels, wait for the ledger, audit, and store the summary."""
        self._move(ReplayRun.Status.CLOSING)
        raise_refusals(insist(lambda: self.floor.close_many(self._closings()), self._pump))
        self._wait_for_phase("Closing channels", "closed", {"closing", "disputed", "open", "staged"})
        summary = patiently(self.summary, self._progress)
        self.run.summary = summary
        self.run.save(update_fields=["summary"])
        return summary

    def _closings(self) -> list[Closing]:
        rows = Endpoint.objects.filter(channel__in=[to_hex(c) for c in self.channels.values()])
        still_open = set(
            rows.filter(phase__in=("open", "staged", "disputed")).values_list("channel", flat=True)
        )
        return [
            Closing(self._channel(couple), couple.a.owner)
            for couple in self.cast.couples
            if to_hex(self._channel(couple)) in still_open
        ]

    def summary(self) -> dict[str, Any]:
        """The figures as they are now, with the money as the ledger has it now."""
        auditor = Auditor(
            client=self._engine.sender.client,
            registry=self._engine.contracts.registry,
            purse=self.purse,
            couples=self.cast.couples,
            opening=self._deadlines,
        )
        slots = self.run.slots.values_list("data", flat=True).iterator(chunk_size=48)
        money = auditor.audit()
        groups = Groups(self._titles, self.simulation.timeline.malicious)
        figures = summarise(self._titles, self.simulation.scenario.tariff, groups.counting(slots))
        return {
            "scenario": self.run.scenario,
            "funding": self.run.funding,
            "starts_at": self.run.starts_at,
            "ends_at": self.run.ends_at,
            **figures,
            "groups": groups.with_bills(figures["bills"]),
            "ledger": {"transactions": money.transactions},
            "money": {
                "put_in": money.put_in,
                "accounts": dict(money.accounts),
                "difference": money.difference,
                "mismatches": list(money.mismatches),
                "conserved": money.conserved,
            },
        }

    def _channel(self, couple: Couple) -> bytes:
        return self.channels[frozenset((couple.a.owner, couple.b.owner))]

    def _unopened(self) -> list[Couple]:
        """Couples whose channel the ledger does not know: the others' money has gone into it."""
        rows = Endpoint.objects.filter(channel__in=[to_hex(c) for c in self.channels.values()])
        asked = set(rows.values_list("channel", flat=True))
        return [
            couple
            for couple in self.cast.couples
            if to_hex(self._channel(couple)) not in asked or not self._is_on_ledger(self._channel(couple))
        ]

    def _is_on_ledger(self, channel: bytes) -> bool:
        shown = EntityContracts(self._engine.contracts.registry).channel_of(
            self._engine.sender.client.call, channel
        )
        return shown.status is not ChannelStatus.UNKNOWN

    def _pump(self) -> bool:
        """Let the engine work, and whether it did; a ledger that is away is waited for, and everything else goes on."""
        try:
            return self._engine.pump()
        except LedgerError as error:
            if not is_passing(error):
                raise
            self._progress(waiting_for(error), 0, 0)
            return False

    def _wait_for_phase(self, label: str, wanted: str, waiting: set[str]) -> None:
        """Pump the ledger until every channel has arrived.

        Raises:
            ReplayError: A channel went elsewhere, or the ledger does not move.
        """
        ids, deadline = (
            [to_hex(channel) for channel in self.channels.values()],
            time.monotonic() + LEDGER_PATIENCE_S,
        )
        last = -1
        while True:
            phases = dict(Endpoint.objects.filter(channel__in=ids).values_list("channel", "phase"))
            done = sum(phase == wanted for phase in phases.values())
            self._progress(label, done, len(ids))
            if done == len(ids):
                return
            astray = {phase for phase in phases.values() if phase != wanted} - waiting
            if astray:
                raise ReplayError(
                    f"{label}: some channels are {', '.join(sorted(astray))}; look at their logs."
                )
            deadline = time.monotonic() + LEDGER_PATIENCE_S if done > last else deadline
            if time.monotonic() > deadline:
                raise ReplayError(f"{label}: nothing moved for {LEDGER_PATIENCE_S} s; is the ledger mining?")
            last = done
            if not self._pump():
                time.sleep(PAUSE_S)

    def _move(self, status: str) -> None:
        self.run.status = status
        self.run.save(update_fields=["status", "updated_at"])


def read_scenario(path: Path, **options: Any) -> Scenario:
    """A scenario file with `options` as in `with_options`, checked together with the files that it names.

    For files that a command was given: they may name their user's own strategy (docs/market.md).

    Raises:
        ScenarioFaultError, NetworkFaultError, ProfileFaultError: What is wrong, and how to mend it.
    """
    scenario = with_options(load_scenario(path, own_code=True), **options)
    open_simulation(scenario)
    return scenario


def open_replay(scenario: Scenario, path: Path, engine: Engine, progress: Progress) -> Replay:
    """The unfinished replay of a scenario (read from `path`) on this ledger, or a new one."""
    run = find_or_start(scenario, path, engine.contracts.registry)
    return patiently(lambda: Replay(run, scenario, engine, progress), progress)

"""Where a run's money is: what went in, what the ledger holds and paid, to the micro-unit.

Nothing here is taken from our own books alone: inputs are the ledger's events, holdings the contracts' views and
token balances, and every channel's close is held against the last state that both sides signed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from channels_engine.codec import to_hex
from channels_engine.store.models import CoSignedState
from contracts.bindings import EntityContracts, MerchantContract, Stablecoin
from contracts.calls import LogEntry
from contracts.connection import LedgerClient
from contracts.events import (
    AgreementInitialised,
    ChannelFinalised,
    ChannelOpened,
    DisputeFinalised,
    Event,
    TreasuryDeposited,
    decode_log,
)
from contracts.indexer import RpcBlockSource
from contracts.records import ChannelStatus
from marketplace.trading.replay.cast import Couple
from marketplace.trading.replay.opening import channel_of_couple
from marketplace.trading.replay.purse import Purse

CHUNK_BLOCKS = 2_000


@dataclass(frozen=True, slots=True)
class MoneyAudit:
    """A run's money in micro-units. `accounts` is where it is now; all of them make up what was put in."""

    put_in: int
    accounts: Mapping[str, int]
    mismatches: tuple[str, ...]
    transactions: int

    @property
    def difference(self) -> int:
        """What is missing; zero where the money is conserved."""
        return self.put_in - sum(self.accounts.values())

    @property
    def conserved(self) -> bool:
        """Nothing missing, nothing too much, every close as signed."""
        return self.difference == 0 and not self.mismatches


class Auditor:
    """Audits one run against the ledger."""

    def __init__(
        self,
        *,
        client: LedgerClient,
        registry: bytes,
        purse: Purse,
        couples: Sequence[Couple],
        opening: Mapping[str, int],
    ) -> None:
        self._client, self._purse, self._couples = client, purse, couples
        self._registry = EntityContracts(registry)
        self._channels = {channel_of_couple(couple, purse, opening): couple for couple in couples}

    def audit(self) -> MoneyAudit:
        """Look at the ledger as it is now."""
        events, transactions = self._events()
        held = self._held_in_channels()
        put_in, accounts = self._notes(events) if self._purse.mode == "notes" else self._deposits(events)
        return MoneyAudit(
            put_in, {**accounts, "Locked in open channels": held}, self._mismatches(events), transactions
        )

    def _events(self) -> tuple[list[Event], int]:
        """This run's events, and the number of transactions that they came from."""
        source = RpcBlockSource(self._client, [self._registry.address, self._purse.merchant.address])
        tip = source.tip()
        logs = [
            log
            for first in range(0, tip + 1, CHUNK_BLOCKS)
            for log in source.logs_between(first, min(tip, first + CHUNK_BLOCKS - 1))
        ]
        decoded = [(decode_log(log), log) for log in logs]
        ours = [(event, log) for event, log in decoded if event is not None and self._concerns(event, log)]
        return [event for event, _ in ours], len({log.transaction_hash for _, log in ours})

    def _concerns(self, event: Event, log: LogEntry) -> bool:
        return (
            log.address == self._purse.merchant.address or getattr(event, "channel", None) in self._channels
        )

    def _notes(self, events: Sequence[Event]) -> tuple[int, dict[str, int]]:
        merchant: MerchantContract = self._purse.merchant
        deposited = sum(event.amount for event in events if isinstance(event, TreasuryDeposited))
        collateral = sum(event.collateral for event in events if isinstance(event, AgreementInitialised))
        treasury = merchant.treasury(self._client.call)
        held = Stablecoin(self._purse.token.address).balance_of(self._client.call, merchant.address)
        accounts = {
            "Supplier's treasury, free": treasury.free,
            "Reserved for open channels": treasury.reserved,
            "Households' earnings": treasury.earnings,
            "Households' collateral": treasury.collateral,
            "In the supplier's contract beside its books": held - treasury.total,
        }
        return deposited + collateral, accounts

    def _deposits(self, events: Sequence[Event]) -> tuple[int, dict[str, int]]:
        opened = [
            event for event in events if isinstance(event, ChannelOpened) and event.channel in self._channels
        ]
        funded = sum(event.funding_a + event.funding_b for event in opened)
        signers = [signer for couple in self._channels.values() for signer in couple.signers]
        paid = sum(self._purse.token.balance_of(self._client.call, signer.address) for signer in signers)
        return funded, {"Paid out to households": paid}

    def _held_in_channels(self) -> int:
        if self._purse.mode == "notes":
            return 0
        channels = [self._registry.channel_of(self._client.call, channel) for channel in self._channels]
        return sum(c.funding_a + c.funding_b for c in channels if c.status is ChannelStatus.OPEN)

    def _mismatches(self, events: Sequence[Event]) -> tuple[str, ...]:
        closed = {
            event.channel: event
            for event in events
            if isinstance(event, ChannelFinalised | DisputeFinalised) and event.channel in self._channels
        }
        names = {to_hex(channel): event for channel, event in closed.items()}
        signed = {
            (row.channel, row.version): row
            for row in CoSignedState.objects.filter(
                channel__in=names, version__in={e.version for e in closed.values()}
            )
        }
        return tuple(
            f"channel {name} closed with version {event.version}, which both sides did not sign so"
            for name, event in names.items()
            if not _as_signed(event, signed.get((name, event.version)))
        )


def _as_signed(event: ChannelFinalised | DisputeFinalised, signed: CoSignedState | None) -> bool:
    return signed is not None and (event.balance_a, event.balance_b) == (signed.balance_a, signed.balance_b)

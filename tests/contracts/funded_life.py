"""A channel whose sides are funded in any of the three ways, and its changes of funding."""

from dataclasses import dataclass, field
from typing import Any

from market import COIN, Market
from market import Side as Funding

from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ZERO_HASH, ChannelOpen, FundingChange
from contracts.bindings import SignedState
from contracts.calls import Call
from contracts.encoding import NoteProof, PermitProof

FUNDING = 50 * COIN
DEPOSIT, FIRST, SECOND = "deposit", "first merchant", "second merchant"
MERCHANTS = {FIRST: 0, SECOND: 1}


@dataclass
class Life:
    """One channel, each side funded in one of the three ways."""

    market: Market
    kinds: tuple[str, str]
    opening: ChannelOpen = field(init=False)
    notes: list[NoteProof | None] = field(init=False)

    def __post_init__(self) -> None:
        m = self.market
        keys = m.a, m.b
        self.notes = [
            None if kind == DEPOSIT else m.note(key, 200 * COIN, MERCHANTS[kind])
            for kind, key in zip(self.kinds, keys, strict=True)
        ]
        sides = [
            Funding(FUNDING) if note is None else m.note_side(note, FUNDING, MERCHANTS[kind])
            for kind, note in zip(self.kinds, self.notes, strict=True)
        ]
        self.opening = m.opening(*sides)
        proofs = [
            m.permit(key, m.registry.address, FUNDING) if note is None else note
            for key, note in zip(keys, self.notes, strict=True)
        ]
        m.open(self.opening, *proofs)

    @property
    def channel(self) -> bytes:
        return struct_hash(self.opening)

    def change(self, version: int, balance_a: int, funding: tuple[int, int], **changes: Any) -> FundingChange:
        change = FundingChange(
            channel=self.channel,
            version=version,
            base=version - 1,
            balance_a=balance_a,
            balance_b=2 * FUNDING - balance_a,
            funding_a=funding[0],
            funding_b=funding[1],
            energy_to_a=1500,
            energy_to_b=0,
            trades_root=ZERO_HASH,
            valid_until=self.market.chain.now + 600,
        )
        return self.market.replace(change, **changes)

    def call(
        self, change: FundingChange, permits: tuple[PermitProof | None, PermitProof | None] = (None, None)
    ) -> Call:
        m = self.market
        signatures = m.sign(m.a, change), m.sign(m.b, change)
        return m.registry.change_funding(
            m.terms, self.opening, change, *signatures, funding_a=permits[0], funding_b=permits[1]
        )

    def send(
        self, change: FundingChange, permits: tuple[PermitProof | None, PermitProof | None] = (None, None)
    ) -> list[Any]:
        return self.market.chain.events(self.call(change, permits))

    def permits(self, balances: tuple[int, int], funding: tuple[int, int]) -> Any:
        """Permits of just what the deposits grow by."""
        m = self.market
        grown = [new - old for new, old in zip(funding, balances, strict=True)]
        return tuple(
            m.permit(key, m.registry.address, by) if by > 0 and kind == DEPOSIT else None
            for key, by, kind in zip((m.a, m.b), grown, self.kinds, strict=True)
        )

    def worth(self, side: int) -> int:
        """What the side has of its own: tokens of its key, and what its note says."""
        m, note = self.market, self.notes[side]
        key = (m.a, m.b)[side]
        if note is None:
            return m.balance(key.address)
        account = m.merchant(MERCHANTS[self.kinds[side]]).note_of(m.chain.call, note.note.serial, key.address)
        return account.earnings - account.debt

    def signed(self, version: int, balance_a: int, total: int, **changes: Any) -> SignedState:
        state = self.market.state(self.opening, version, balance_a, balance_b=total - balance_a, **changes)
        return self.market.co_sign(self.opening, state)

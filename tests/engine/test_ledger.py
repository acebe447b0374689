"""Channels on a real ledger (the embedded node): opened, closed, disputed with a stale state and answered."""

import itertools

import pytest
from engine_parties import METER, Pair, SettableClock, World

from channels_engine.codec import to_hex
from channels_engine.core import effects as fx
from channels_engine.core import messages as m
from channels_engine.core.signing import LocalSigner, canonical
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import digest
from channels_engine.core.types import Delivery, Domain, Side
from channels_engine.drivers import Closing, Opening, Pairing, Settling
from channels_engine.ledger import RegistryLedger
from channels_engine.outbox import Outbox
from channels_engine.runtime import Runtime
from channels_engine.store.models import LedgerEvent, OutboxItem
from channels_engine.submissions import Accepted
from channels_engine.watchtower import Watchtower
from contracts.bindings import EntityContracts, SignedState, Stablecoin
from contracts.calls import Call, Receipt
from contracts.connection import LedgerClient
from contracts.consents import dispute_request, token_permit
from contracts.deploy import Deployment, deploy
from contracts.devnode.accounts import dev_key
from contracts.gateway import Sender
from contracts.indexer import RpcBlockSource
from tests.fixtures_ledger import RunningNode, devnode

__all__ = ["devnode"]
FUNDING = 10_000_000


class Chain:
    """A ledger with the contracts on it, and a sender that pays."""

    def __init__(self, url: str, *, resend_after: float = 10) -> None:
        self.client = LedgerClient(url)
        self.sender = Sender(self.client, dev_key(3), resend_after=resend_after)
        self.deployment: Deployment = deploy(self.execute, self.client.call, owner=self.sender.address)
        self.registry = EntityContracts(self.deployment.registry)
        self.token = Stablecoin(self.deployment.token)
        self.domain = Domain(self.client.chain_id(), self.deployment.registry)

    def execute(self, call: Call) -> Receipt:
        return self.sender.wait(self.sender.send(call))

    def deposit(self, signer: LocalSigner) -> m.DepositFunding:
        self.execute(self.token.mint(signer.address, FUNDING))
        message = token_permit(
            self.token.domain(self.client.call),
            owner=signer.address,
            spender=self.registry.address,
            amount=FUNDING,
            nonce=0,
            deadline=2**32,
        )
        return m.DepositFunding(2**32, signer.sign(message))

    def balance(self, address: bytes) -> int:
        return self.token.balance_of(self.client.call, address)


class Operations:
    """The engine with its outbox and watchtower, ticked by hand; no client is connected."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.runtime = Runtime(domain=chain.domain, clock=SettableClock())
        self.world = World(self.runtime)
        self.outbox = Outbox(self.runtime.clock, RegistryLedger(self.runtime, chain.registry, chain.sender))
        source = RpcBlockSource(chain.client, [chain.registry.address])
        self.tower = Watchtower(self.runtime, source)

    def settle(self) -> None:
        self.outbox.tick()
        self.tower.tick()

    def endpoint(self, pair: Pair, side: Side = Side.A) -> Endpoint:
        hosting = self.runtime.hosting(pair.channel)
        assert hosting is not None
        return hosting.endpoint(side)

    def open(self, *pairs: Pair) -> None:
        agreed = self.world.floor.agree_many([Pairing(p.owner_a, p.owner_b, p.terms) for p in pairs])
        fundings = [(self.chain.deposit(p.signer_a), self.chain.deposit(p.signer_b)) for p in pairs]
        openings = [
            Opening(p.opening, p.owner_a, p.owner_b, p.terms, *f)
            for p, f in zip(pairs, fundings, strict=True)
        ]
        opened = self.world.floor.open_many(openings)
        assert all(isinstance(o, Accepted) for o in itertools.chain(agreed, opened)), (agreed, opened)
        self.settle()

    def trade(self, pair: Pair, key: str) -> CoSigned:
        (traded,) = self.world.floor.trade_many([self.world.deal(pair, key, quantity_wh=5000)])
        assert isinstance(traded, Accepted), traded
        current = self.endpoint(pair).current
        assert current is not None
        return current


@pytest.fixture(scope="module")
def chain(devnode: RunningNode) -> Chain:
    return Chain(devnode.url)


@pytest.fixture
def operations(db: None, chain: Chain) -> Operations:
    return Operations(chain)


def test_channels_open_trade_and_close_with_their_money(operations: Operations) -> None:
    pairs = [operations.world.pair(funding=FUNDING) for _ in range(3)]
    operations.open(*pairs)
    assert {operations.endpoint(pair).phase for pair in pairs} == {Phase.OPEN}
    before = operations.chain.balance(operations.chain.registry.address)
    assert before >= 6 * FUNDING

    for pair in pairs:
        operations.trade(pair, "one")
        # Trades must be settled before a close; here all is delivered.
        trade = operations.endpoint(pair).open_trades[0]
        value = Delivery(pair.channel, trade.id, 5000)
        signed = m.SignedDelivery(value, METER.sign(digest(operations.chain.domain, value)))
        (settled,) = operations.world.floor.settle_many(
            [Settling("s", pair.channel, pair.owner_b, (signed,))]
        )
        assert isinstance(settled, Accepted), settled
    operations.world.floor.close_many([Closing(pair.channel, pair.owner_a) for pair in pairs])
    operations.settle()
    for pair in pairs:
        assert operations.endpoint(pair).phase is Phase.CLOSED
        assert operations.chain.balance(pair.signer_a.address) == FUNDING + 1_000_000
        assert operations.chain.balance(pair.signer_b.address) == FUNDING - 1_000_000
        names = LedgerEvent.objects.filter(channel=to_hex(pair.channel)).values_list("name", flat=True)
        assert sorted(names) == ["ChannelFinalised", "ChannelOpened"]
    assert not OutboxItem.objects.filter(lane=OutboxItem.Lane.LEDGER, done_at__isnull=True).exists()
    hashes = LedgerEvent.objects.filter(name="ChannelFinalised").values_list("transaction_hash", flat=True)
    assert len(set(hashes)) == 1, "closings of one batch share a transaction"


def test_a_stale_close_is_answered_without_any_client_and_loses(operations: Operations) -> None:
    pair = operations.world.pair(funding=FUNDING)
    operations.open(pair)
    old = operations.trade(pair, "one")
    new = operations.trade(pair, "two")
    newest = operations.trade(pair, "three")
    assert newest.state.base > old.state.version

    # The buyer sends the state in which it had paid once, after having paid three times.
    chain = operations.chain
    message = digest(chain.domain, old.state)
    by_a = canonical(message, old.signature_a, pair.signer_a.address)
    by_b = canonical(message, old.signature_b, pair.signer_b.address)
    stale = SignedState(pair.terms, pair.opening, old.state, by_a, by_b)
    consent = pair.signer_b.sign(
        dispute_request(chain.domain, channel=pair.channel, version=old.state.version)
    )
    chain.execute(chain.registry.dispute(stale, consent))

    operations.tower.tick()
    assert operations.endpoint(pair).phase is Phase.DISPUTED
    operations.settle()
    assert operations.endpoint(pair).phase is Phase.OPEN
    assert operations.endpoint(pair).current == newest
    record = chain.registry.record_of(chain.client.call, pair.channel)
    assert record.version == newest.state.version > new.state.version
    names = list(LedgerEvent.objects.filter(channel=to_hex(pair.channel)).values_list("name", flat=True))
    assert names == ["ChannelOpened", "ChannelDisputed", "DisputeResolved"]
    counts = chain.registry.disputes_of(chain.client.call, pair.opening.scid)
    assert (counts.raised, counts.stale) == (1, 1)


def test_doing_an_effect_again_is_harmless(operations: Operations) -> None:
    pair = operations.world.pair(funding=FUNDING)
    operations.open(pair)
    OutboxItem.objects.filter(lane=OutboxItem.Lane.LEDGER).update(done_at=None, next_at=0)
    operations.settle()
    item = OutboxItem.objects.get(lane=OutboxItem.Lane.LEDGER, channel=to_hex(pair.channel))
    assert (item.done_at is not None, item.error) == (True, "")


@pytest.mark.parametrize("knows_more", [True, False], ids=["with consent", "after expiry, without"])
def test_who_has_lost_data_disputes_what_the_ledger_knows(
    operations: Operations, *, knows_more: bool
) -> None:
    """Both a party behind the ledger and one after expiry name no state of their own: the ledger's counts."""
    pair = operations.world.pair(funding=FUNDING)
    operations.open(pair)
    old, newest = operations.trade(pair, "one"), operations.trade(pair, "two")
    version = newest.state.version
    consent = pair.signer_b.sign(
        dispute_request(operations.chain.domain, channel=pair.channel, version=version)
    )
    effect = fx.LedgerDispute(old, consent, version) if knows_more else fx.LedgerDispute(newest, b"", version)
    registry = RegistryLedger(operations.runtime, operations.chain.registry, operations.chain.sender)
    call = registry._call(effect, operations.endpoint(pair))
    known = operations.chain.registry.dispute_known(pair.terms, pair.opening, effect.consent or None)
    assert call == known

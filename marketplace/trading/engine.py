"""How this site sets up the channel engine: who is who, on which contracts, with which keys."""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _

from channels_engine import service
from channels_engine.codec import to_hex
from channels_engine.core.types import Domain
from channels_engine.ledger import RegistryLedger
from channels_engine.outbox import Outbox
from channels_engine.runtime import Runtime
from channels_engine.watchtower import Watchtower
from contracts.bindings import EntityContracts, MerchantContract, Stablecoin
from contracts.devnode.accounts import dev_key
from contracts.gateway import Sender
from contracts.indexer import RpcBlockSource
from marketplace.accounts.errors import AwayError
from marketplace.accounts.models import User
from marketplace.credit.ledger import (
    client,
    deploy_ledger,
    ensure_merchant_contract,
    read,
    relay,
    the_ledger,
    treasury_of,
)
from marketplace.credit.models import Merchant
from marketplace.trading.metered import signed_deliveries
from marketplace.trading.models import Prosumer
from marketplace.trading.replay.cast import metering_signer
from marketplace.trading.replay.purse import Contracts

ENGINE_ACCOUNT = 8
REPLAY_ACCOUNT = 7
DEV_CHAIN_ID = 31337
DEMO_TREASURY = 100_000_000_000


def owner_of(user: User | AnonymousUser) -> str | None:
    """The engine's id of a signed-in user."""
    return user.owner if isinstance(user, User) else None


def domain() -> Domain:
    """EIP-712 domain of the channels on the configured ledger."""
    return Domain(settings.LEDGER_CHAIN_ID, _raw(the_ledger().registry))


class Participants:
    """Who may be addressed (`channels_engine.ports.Directory`)."""

    def knows(self, owner: str) -> bool:
        """Whether this is a household of the feeder or somebody with an account."""
        return Prosumer.objects.filter(owner=owner).exists() or User.objects.filter(owner=owner).exists()


class SiteEngine:
    """The engine with which this process's agents trade and its ledger work is done.

    It has no gate of its own: the replay asks the grid by itself, for a whole slot at once.
    """

    def __init__(self, sender: Sender, contracts: Contracts) -> None:
        self.sender, self.contracts = sender, contracts
        self.runtime = Runtime(
            domain=Domain(settings.LEDGER_CHAIN_ID, contracts.registry),
            clock=service.WallClock(),
            transport=service.transport(),
            notices=bool(service.listeners()),
        )
        registry = EntityContracts(contracts.registry)
        ledger = RegistryLedger(self.runtime, registry, sender)
        self._outbox = Outbox(self.runtime.clock, ledger, service.listeners())
        source = RpcBlockSource(sender.client, [contracts.registry])
        self._watchtower = Watchtower(
            self.runtime,
            source,
            confirmations=settings.LEDGER_CONFIRMATIONS,
            deliveries=lambda channel: signed_deliveries(to_hex(channel), self.runtime.domain),
        )

    def reclaim(self) -> None:
        """Take over what a process that crashed had begun to bring to the ledger."""
        self._outbox.reclaim()

    def pump(self) -> bool:
        """Bring waiting effects to the ledger, its events back, and timers that are due.

        Raises:
            LedgerError: The ledger is away; nothing is lost.
        """
        done = self._outbox.tick() + self.runtime.tick()
        return bool(done) or not self._watchtower.tick().idle


def open_engine(account: int = ENGINE_ACCOUNT) -> SiteEngine:
    """The engine on the configured ledger, where the contracts are put if they are not there yet.

    Args:
        account: Of a development chain, to pay the gas; each process that runs beside another needs its own.

    Raises:
        AwayError: The ledger can't be reached, or has no account for the engine (`ENGINE_KEY`).
    """
    place = deploy_ledger(metering=metering_signer().address)
    sender = Sender(client(), _engine_key(account))
    _allow_minting(sender.address)
    engine = SiteEngine(sender, Contracts(_raw(place.token), _raw(place.factory), _raw(place.registry)))
    engine.reclaim()
    return engine


def _engine_key(account: int) -> bytes:
    """Its own account, since two senders of one key would take each other's nonces."""
    if settings.ENGINE_KEY:
        return _raw(settings.ENGINE_KEY)
    if settings.LEDGER_CHAIN_ID != DEV_CHAIN_ID:
        raise AwayError(
            "no_engine_key", _("ENGINE_KEY is not set: give the engine an account that can pay for gas.")
        )
    return dev_key(account)


def _allow_minting(account: bytes) -> None:
    """The replay's households get their stablecoin from the engine's account; on test networks only."""
    token = Stablecoin(_raw(the_ledger().token))
    if settings.TEST_MONEY and not read(token.is_minter, account):
        relay(token.set_minter(account, allowed=True))


def prepare_merchant(engine: SiteEngine, merchant: Merchant) -> None:
    """Give a merchant its contract, and on test networks a treasury that backs its notes."""
    merchant = ensure_merchant_contract(merchant=merchant)
    missing = DEMO_TREASURY - treasury_of(merchant).total
    if not settings.TEST_MONEY or missing <= 0:
        return
    token, contract = Stablecoin(engine.contracts.token), MerchantContract(_raw(merchant.msc))
    for call in (
        token.mint(engine.sender.address, missing),
        token.approve(contract.address, missing),
        contract.deposit_treasury(missing),
    ):
        engine.sender.wait(engine.sender.send(call))


def _raw(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))

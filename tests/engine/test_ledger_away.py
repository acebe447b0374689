"""A ledger that is down, slow, answers nonsense, forgets, or wants more: trading goes on, and nothing is doubled."""

import http.server
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from engine_parties import Pair
from test_ledger import FUNDING, Chain
from test_reorg import Reorganised

from channels_engine.core.state import Phase
from channels_engine.ledger import RegistryLedger
from channels_engine.outbox import Outbox
from channels_engine.store.models import LedgerEvent, OutboxItem
from contracts.connection import LedgerClient, LedgerError
from contracts.devnode.accounts import dev_key
from contracts.gateway import Sender
from tests.fixtures_ledger import running, start_anvil, start_devnode

WEI_PER_GWEI = 10**9
HTML = b"<html>502 Bad Gateway</html>"
REFUSED = b'[{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"limit exceeded"}}]'


class Proxy(http.server.ThreadingHTTPServer):
    """Stands before a node, and misbehaves as it is told."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.mode, self.troubles = target, "pass", 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode = self.server.mode
        self.server.troubles += mode != "pass"
        if mode in ("page", "refusal"):
            self._answer(502 if mode == "page" else 200, HTML if mode == "page" else REFUSED)
            return
        if mode == "slow":
            time.sleep(0.4)
        request = urllib.request.Request(  # noqa: S310  the test's own node
            self.server.target, body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310  as above
            content = answer.read()
        if mode == "silence":  # it did what was asked, and nobody hears of it
            self.close_connection = True
            return
        self._answer(200, content)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing of it."""


@pytest.fixture(scope="module")
def node_url() -> Iterator[str]:
    with running(start_anvil()) as node:
        yield node.url


@pytest.fixture
def proxy(node_url: str) -> Iterator[Proxy]:
    made = Proxy(node_url)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def ticked(engine: Reorganised) -> None:
    """The worker's turn, which bears with a ledger that is away."""
    engine.outbox.tick()
    engine.runtime.tick()
    try:
        engine.tower.tick()
    except LedgerError:
        return


def until_closed(engine: Reorganised, pairs: list[Pair], rounds: int = 20) -> None:
    clock = engine.runtime.clock
    for _ in range(rounds):
        ticked(engine)
        if all(engine.phases(pair) == {Phase.CLOSED} for pair in pairs):
            break
        clock.set(clock.now() + 61)  # type: ignore[attr-defined]  # the longest pause between two tries
    clock.set(clock.now() + 61)  # type: ignore[attr-defined]  # what both sides asked for is asked for once more
    engine.until_idle()
    for pair in pairs:
        assert engine.phases(pair) == {Phase.CLOSED}
        assert engine.names(pair) == ["ChannelOpened", "ChannelFinalised"], "each once"
        engine.check_truth(pair)
    assert not OutboxItem.objects.filter(lane=OutboxItem.Lane.LEDGER, done_at__isnull=True).exists()


def opened(engine: Reorganised, count: int) -> list[Pair]:
    pairs = [engine.world.pair(funding=FUNDING) for _ in range(count)]
    engine.open(*pairs)
    return pairs


@pytest.mark.parametrize("mode", ["slow", "page", "refusal", "silence"])
def test_trading_goes_on_before_a_troubled_ledger(db: None, proxy: Proxy, mode: str) -> None:
    engine = Reorganised(Chain(proxy.url, resend_after=0.2))
    pairs = opened(engine, 3)
    proxy.mode = mode
    for pair in pairs:
        engine.trade(pair, "while it is troubled")
        engine.settle_and_close(pair)
    ticked(engine)
    assert proxy.troubles
    proxy.mode = "pass"
    until_closed(engine, pairs)


def test_a_ledger_that_is_down_for_a_while(db: None, tmp_path: Path) -> None:
    node = start_devnode(tmp_path / "chain.sqlite3")
    engine = Reorganised(Chain(node.url, resend_after=0.2))
    pairs = opened(engine, 2)
    node.kill()
    for pair in pairs:
        for number in range(3):
            engine.trade(pair, f"{number}")
        engine.settle_and_close(pair)
    for _ in range(2):
        ticked(engine)
    waiting = OutboxItem.objects.filter(lane=OutboxItem.Lane.LEDGER, done_at__isnull=True)
    assert waiting.count() == 2
    assert all(item.error for item in waiting), "it says why it waits"
    port = urlsplit(node.url).port
    assert port is not None
    with running(start_devnode(tmp_path / "chain.sqlite3", port=port)):
        until_closed(engine, pairs)


@contextmanager
def miner(client: LedgerClient, before: Callable[[int], None]) -> Iterator[None]:
    """Mine a block every tenth of a second, instead of one for each transaction; `before` each, do something."""
    client.request("evm_setAutomine", *[False])
    stop = threading.Event()

    def mine() -> None:
        with LedgerClient(client.url) as own:
            number = 0
            while not stop.wait(0.1):
                before(number)
                own.request("evm_mine")
                number += 1

    thread = threading.Thread(target=mine)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        client.request("evm_setAutomine", *[True])


def test_a_fee_spike_is_met_by_a_higher_fee(db: None, node_url: str) -> None:
    chain = Chain(node_url, resend_after=0.3)
    engine = Reorganised(chain)
    pairs = opened(engine, 2)
    for pair in pairs:
        engine.settle_and_close(pair)
    spike = 40 * int(chain.client.request("eth_getBlockByNumber", *["latest", False])["baseFeePerGas"], 16)

    def raise_fees(number: int) -> None:
        # From the first block on, which the transaction is too cheap for.
        chain.client.request("anvil_setNextBlockBaseFeePerGas", hex(spike))

    with miner(chain.client, raise_fees):
        until_closed(engine, pairs)
    for key in LedgerEvent.objects.filter(name="ChannelFinalised").values_list("transaction_hash", flat=True):
        receipt = chain.client.request("eth_getTransactionReceipt", key)
        assert int(receipt["effectiveGasPrice"], 16) >= spike
    chain.client.request("anvil_setNextBlockBaseFeePerGas", hex(WEI_PER_GWEI))
    chain.client.request("evm_mine")


def test_a_node_that_loses_its_pool(db: None, node_url: str) -> None:
    chain = Chain(node_url, resend_after=0.2)
    engine = Reorganised(chain)
    pairs = opened(engine, 2)
    for pair in pairs:
        engine.settle_and_close(pair)

    def forget(number: int) -> None:
        if number < 4:
            chain.client.request("anvil_dropAllTransactions")

    with miner(chain.client, forget):
        until_closed(engine, pairs)


class Dead(BaseException):
    """The process died after it had sent."""


class DyingSender(Sender):
    """Sends, and dies before it has an answer."""

    def wait_many(self, hashes: object, *, timeout: float = 0) -> list[object]:  # type: ignore[override]  # dies
        raise Dead


def test_a_nonce_gap_after_a_crash(db: None, node_url: str) -> None:
    """A process sent three transactions and died; the node lost the first one, on which the others wait."""
    chain = Chain(node_url, resend_after=0.2)
    engine = Reorganised(chain)
    pairs = opened(engine, 3)
    for pair in pairs:
        engine.trade(pair, "one")
    for pair in pairs:
        engine.chain.execute(engine.stale_dispute(pair, engine.endpoint(pair).current))  # type: ignore[arg-type]  # is open
    engine.tower.tick()
    engine.advance(3700)
    engine.runtime.tick()
    chain.client.request("evm_setAutomine", *[False])
    dying = RegistryLedger(engine.runtime, chain.registry, DyingSender(LedgerClient(node_url), dev_key(3)))
    with pytest.raises(Dead):
        Outbox(engine.runtime.clock, dying).tick()
    pool = chain.client.request("txpool_content")["pending"]
    (sent,) = (
        list(items.values()) for who, items in pool.items() if who.lower()[2:] == chain.sender.address.hex()
    )
    assert len(sent) == 3
    first = min(sent, key=lambda item: int(item["nonce"], 16))
    chain.client.request("anvil_dropTransaction", first["hash"])

    restarted = Reorganised(chain)
    restarted.runtime.clock.set(engine.runtime.clock.now())  # type: ignore[attr-defined]  # the tests' clock
    chain.sender = Sender(chain.client, dev_key(3), resend_after=0.2)
    restarted.outbox = Outbox(
        restarted.runtime.clock, RegistryLedger(restarted.runtime, chain.registry, chain.sender)
    )
    restarted.outbox.reclaim()
    with miner(chain.client, lambda _: None):
        for _ in range(5):
            ticked(restarted)
    for pair in pairs:
        assert restarted.phases(pair) == {Phase.CLOSED}
        assert restarted.names(pair).count("DisputeFinalised") == 1
        restarted.check_truth(pair)

"""A person's own agent as a program, on the real site: it trades by its rules, signs nothing beyond them, and comes back."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from channels_engine.codec import to_hex
from channels_engine.core.typed_data import struct_hash
from marketplace.client import Client, ProblemError
from marketplace.client.desk import Desk
from marketplace.client.own_agent.bounds import BoundsError
from marketplace.client.own_agent.command import go_live
from marketplace.client.own_agent.desk import AgentDesk
from marketplace.client.own_agent.mandate import MandateError
from marketplace.client.own_agent.memory import Memory
from marketplace.client.own_agent.plans import Plan, Standing, Version
from marketplace.client.own_agent.runner import Runner
from marketplace.client.shapes import Funding
from marketplace.client.wallet import Wallet
from tests.clients.test_sockets_by_token import person, token
from tests.e2e.whole_site import WholeSite

pytestmark = pytest.mark.timeout(240)
MOST_WH, PATIENCE_S = 120, 75
SELL_FROM, BUY_UP_TO = 100_000, 320_000


class Line:
    """A line to the site that can be cut: TCP, carried through as it is."""

    def __init__(self, to: int) -> None:
        self._to, self._held = to, list[socket.socket]()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near = self._server.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._to))
                self._held += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Everybody hangs; who calls again is put through."""
        held, self._held = self._held, []
        for end in held:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._server.close()
        self.cut()


class Program:
    """The command in a process; its lines as they come."""

    def __init__(self, key: Path, line: Line, secret: str) -> None:
        command = [
            sys.executable,
            "-m",
            "marketplace.client",
            "--url",
            line.url,
            "agent",
            "--key",
            str(key),
            "--yes",
        ]
        environment = os.environ | {"WATTNOTE_TOKEN": secret, "WATTNOTE_PASSPHRASE": "passphrase"}
        self._errors = (key.parent / "agent.log").open("w+")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, env=environment, bufsize=0
        )
        self.lines: list[str] = []

    def wait_for(self, wanted: str, seconds: float = PATIENCE_S) -> str:
        """The next line like this."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.process.stdout:
            if not select.select([self.process.stdout], [], [], left)[0]:
                break
            line = self.process.stdout.readline().decode()
            if not line:
                break
            self.lines.append(line.strip())
            if re.search(wanted, line):
                return line
        self._errors.seek(0)
        raise AssertionError(f"no {wanted!r} after {self.lines[-12:]}, {self._errors.read()[-2000:]}")

    def end(self) -> int:
        """As a service manager ends it."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._errors.close()
        if self.process.stdout:
            self.process.stdout.close()


def partner_for(client: Client, side: str) -> str:
    """The house that lists this for most of the slots ahead."""
    rows = [row for row in client.listings(side=side, page_size=200) if row.prosumer.is_agent]
    slugs = [row.prosumer.slug for row in rows]
    return max(slugs, key=slugs.count)


def open_channel(client: Client, wallet: Wallet, slug: str) -> bytes:
    with closing(Desk(client, wallet)) as desk:
        terms = desk.agree(client.get(f"prosumers/{slug}/", dict)["owner"])
        path = f"prosumers/{slug}/funding/?scid={to_hex(struct_hash(terms))}&index=0"
        theirs = client.get(path, Funding)
        return desk.open_by_deposit(
            terms, amount=5_000_000, theirs=theirs, their_amount=min(theirs.amount, 3_000_000)
        )


def write_rules(client: Client, *, sells: bool) -> None:
    """Rules that had their dry run."""
    figures = {
        "sell_from": str(SELL_FROM),
        "buy_up_to": str(BUY_UP_TO),
        "budget": "2000000",
        "most_wh": MOST_WH,
    }
    hours = {"from_minute": 0, "to_minute": 0, "zone": "Europe/Berlin"}
    wish = {"sells": sells, "buys": not sells, "reserve_wh": 0, "partners": "all", **figures, **hours}
    version = client.post("agent/rules/", Version, wish).version
    client.post(f"agent/rules/{version}/dry-run/", dict)
    return version


class Liar(Client):
    """A site that would have the agent sell below its price, or buy above it."""

    def get(self, path: str, kind: Any) -> Any:
        found = super().get(path, kind)
        if not isinstance(found, Plan) or found.action is None:
            return found
        price = SELL_FROM - 1 if found.action.sells else BUY_UP_TO + 1
        return msgspec.structs.replace(
            found, action=msgspec.structs.replace(found.action, price_per_kwh=price)
        )


def refuses_the_lie(site: WholeSite, secret: str, wallet: Wallet, memory: Memory, owner: str) -> None:
    stop, lines = threading.Event(), list[str]()

    def tell(line: str) -> None:
        lines.append(line)
        if re.match("(refused|offer|accept|counter) ", line):
            stop.set()

    late = threading.Timer(PATIENCE_S, stop.set)
    late.start()
    liar = Liar(site.url, token=secret)
    Runner(liar, wallet, memory, owner, stop=stop, tell=tell).run()
    late.cancel()
    assert re.match(r"refused .* The price is outside the rules\.", lines[-1]), lines
    [step] = liar.get("agent/steps/", dict)["results"]
    assert (step["kind"], step["reason"], step["trade"]) == ("refused", "bounds", None)


def signs_nothing_else(desk: AgentDesk, channel: bytes) -> None:
    """What opens, funds, offers or closes can't be had from it."""
    for wish in (
        lambda: desk.finish(channel),
        lambda: desk.fund(channel, -1),
        lambda: desk.offer(
            channel, sells=True, quantity_wh=1, price_per_kwh=1, imbalance_per_kwh=1, slot_start=0
        ),
    ):
        with pytest.raises(BoundsError, match="nothing else"):
            wish()


def forecast(client: Client) -> list[dict[str, int]]:
    """Of the own connection, once there is one."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(ProblemError):
            return list(client.get("market/forecast/", list))
        time.sleep(0.3)
    raise AssertionError("There is no connection to the feeder.")


def test_an_agent_on_a_machine_of_ones_own(site: WholeSite, tmp_path: Path) -> None:
    client, wallet = person(site), Wallet.fresh()
    wallet.prove(client)
    client.post("wallet/test-money/", dict)
    secret, owner = token(client, "agent:write", "trade:write")["secret"], client.me().owner
    rows = forecast(client)
    sells = sum(row["surplus_wh"] for row in rows) > sum(row["deficit_wh"] for row in rows)
    channel = open_channel(client, wallet, partner_for(client, "buys" if sells else "sells"))
    mine, memory = Client(site.url, token=secret), Memory(tmp_path / "memory.json")
    with pytest.raises(MandateError, match="dry run"):
        go_live(mine, wallet, owner, version=None, agreed=True)
    write_rules(mine, sells=sells)
    with pytest.raises(MandateError, match="Not signed"):
        go_live(mine, wallet, owner, version=None, agreed=False)
    go_live(mine, wallet, owner, version=None, agreed=True)
    assert mine.get("agent/", Standing).state == "live"
    refuses_the_lie(site, secret, wallet, memory, owner)
    with closing(AgentDesk(mine, wallet, memory, print)) as desk:
        desk.catch_up()
        signs_nothing_else(desk, channel)
    wallet.save(tmp_path / "key.json", "passphrase", cost=1024)
    runs_as_a_program(site, client, tmp_path / "key.json", secret)
    client.post("agent/pause/", dict)
    stop = threading.Event()
    Runner(
        mine, wallet, memory, owner, stop=stop, tell=lambda line: line.startswith("paused") and stop.set()
    ).run()
    assert stop.is_set()
    trades = [one for one in client.trades() if one.channel == to_hex(channel)]
    assert trades
    assert all(one.quantity_wh <= MOST_WH and one.role == ("seller" if sells else "buyer") for one in trades)
    least, most = (SELL_FROM, 10**9) if sells else (0, BUY_UP_TO)
    assert all(least <= one.price_per_kwh <= most for one in trades)


def runs_as_a_program(site: WholeSite, client: Client, key: Path, secret: str) -> None:
    with closing(Line(site.port)) as line, closing(Program(key, line, secret)) as program:
        program.wait_for("connected: 1 channels")
        program.wait_for("agreed: |accept ")
        line.cut()
        program.wait_for("line lost")
        program.wait_for("connected: 1 channels")
        assert client.get("agent/", dict)["at_work"] is True
        browser = {"doing": "busy", "holder": "by hand"}
        assert client.post("agent/presence/", dict, browser)["mine"] is False
        client.post("agent/presence/", dict, browser | {"takes_over": True})
        assert "acts for you" in program.wait_for("by_(browser|program): ")
        assert program.end() == 0
        assert program.wait_for("stopped")

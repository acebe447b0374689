"""`python -m marketplace.client agent --key key.json`: from the passphrase to the last line of the log."""

import getpass
import os
import signal
import sys
import time
from argparse import Namespace
from contextlib import closing
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

from channels_engine.codec import to_hex
from channels_engine.core.errors import ProtocolError
from marketplace.client.api import Client
from marketplace.client.errors import RefusedError
from marketplace.client.own_agent.desk import AgentDesk
from marketplace.client.own_agent.mandate import MandateError, mandate_text
from marketplace.client.own_agent.memory import Memory
from marketplace.client.own_agent.plans import Standing, Version, Wanted
from marketplace.client.own_agent.runner import LOST, Runner
from marketplace.client.wallet import Wallet

LONGEST_S = 31 * 24 * 3600
PASSPHRASE = "WATTNOTE_PASSPHRASE"  # noqa: S105  the variable's name


def tell(line: str) -> None:
    """A line of the log, with its time in UTC."""
    sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}\n")
    sys.stdout.flush()


def run_agent(given: Namespace, client: Client) -> int:
    """Run the agent until it is stopped: 0 then; 1 where it may not go on, with the reason."""
    passphrase = os.environ.get(PASSPHRASE) or getpass.getpass(f"Passphrase of {given.key}: ")
    try:
        wallet = Wallet.load(given.key, passphrase)
        memory = Memory(_memory_path(given.key, client, wallet))
        with memory.only_here():
            _work(given, client, wallet, memory)
    except (MandateError, RefusedError, ProtocolError, ValueError, RuntimeError, *LOST) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    tell("stopped")
    return 0


def _memory_path(key: Path, client: Client, wallet: Wallet) -> Path:
    """Beside the key, for this wallet at this site."""
    place = urlsplit(client.url).netloc.replace(":", "-")
    return key.parent / f"agent-{place}-{wallet.address.hex()}.json"


def _work(given: Namespace, client: Client, wallet: Wallet, memory: Memory) -> None:
    with closing(AgentDesk(client, wallet, memory, tell)) as desk:
        owner = desk.owner
    go_live(client, wallet, owner, version=given.rules, agreed=given.yes)
    stop = Event()
    _stop_on_signals(stop)
    takes_over = given.take_over
    Runner(client, wallet, memory, owner, stop=stop, tell=tell, takes_over=takes_over).run()


def _stop_on_signals(stop: Event) -> None:
    """The first one ends it once the step in hand is done, a second one at once."""

    def ended(number: int, frame: object) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ended)


def go_live(client: Client, wallet: Wallet, owner: str, *, version: int | None, agreed: bool) -> None:
    """Have the mandate signed, unless one stands: of this version of the rules, else of the newest that was tried.

    Raises:
        MandateError: There are no tried rules, the site's text is another one, or the person says no.
    """
    live = client.get("agent/", Standing).live
    if live is not None and live.mandate_until > time.time() and version in (None, live.version):
        tell(f"rules {live.version}, signed for until {_utc(live.mandate_until)}")
        return
    tried = (row for row in client.listed("agent/rules/", Version) if row.dry_run_at is not None)
    row = next((one for one in tried if version in (None, one.version)), None)
    if row is None:
        raise MandateError(
            "There are no such rules that had their dry run: write and try them under /agent/ first."
        )
    _sign(client, wallet, owner, row, agreed=agreed)


def _sign(client: Client, wallet: Wallet, owner: str, row: Version, *, agreed: bool) -> None:
    path = f"agent/rules/{row.version}/mandate/"
    wanted = client.get(path, Wanted)
    text = mandate_text(row.rules, version=row.version, owner=owner, until=wanted.until)
    if text != wanted.text or wanted.until > time.time() + LONGEST_S:
        raise MandateError(
            "The site wants another text signed than these rules make, or for longer than 30 days."
        )
    sys.stdout.write(f"\n{text}\n\n")
    if not agreed and not _says_yes():
        raise MandateError("Not signed. Start it again when the rules are as you want them.")
    signature = to_hex(wallet.sign_text(text))
    client.post(path, Standing, {"until": wanted.until, "signature": signature})
    tell(f"rules {row.version}, live until {_utc(wanted.until)}")


def _says_yes() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Sign this with your wallet, and let the agent trade by it? [y/N] ").strip().lower() in (
        "y",
        "yes",
    )


def _utc(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))

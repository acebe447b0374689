"""By hand: `WATTNOTE_TOKEN=wnp_... python -m marketplace.client --url https://site.example trades`, or `agent --key key.json`."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from marketplace.client.api import Client
from marketplace.client.errors import ProblemError, UnreachableError
from marketplace.client.own_agent.command import run_agent

COMMANDS: dict[str, Callable[[Client], Iterable[Any]]] = {
    "me": lambda client: [client.me()],
    "market": lambda client: [client.market()],
    "listings": lambda client: client.listings(),
    "trades": lambda client: client.trades(),
    "channels": lambda client: client.channels(),
    "agreements": lambda client: client.agreements(),
    "notes": lambda client: client.notes(),
    "agent": lambda client: [client.get("agent/", dict[str, Any])],
}


def main(arguments: list[str] | None = None) -> int:
    """Write what was asked for, a line of JSON for each; 1 where the site refuses."""
    parser = argparse.ArgumentParser(prog="python -m marketplace.client", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("WATTNOTE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("what", choices=COMMANDS)
    agent = parser.add_argument_group(
        "agent", "with --key it runs on this machine until Ctrl-C (docs/agent.md)"
    )
    agent.add_argument(
        "--key", type=Path, help="the wallet, a version 3 keystore; WATTNOTE_PASSPHRASE opens it, or you do"
    )
    agent.add_argument(
        "--rules", type=int, help="this version; else the one that is live, or the newest that was tried"
    )
    agent.add_argument("--yes", action="store_true", help="sign the mandate without asking")
    agent.add_argument(
        "--take-over", action="store_true", help="act here, where a browser or another program does now"
    )
    given = parser.parse_args(arguments)
    client = Client(given.url, token=os.environ.get("WATTNOTE_TOKEN", ""))
    try:
        if given.what == "agent" and given.key:
            return run_agent(given, client)
        for row in COMMANDS[given.what](client):
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
    except (ProblemError, UnreachableError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

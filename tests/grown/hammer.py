"""One of several server processes that trade on the same channels, with several threads each.

    python hammer.py NAME ROUNDS THREADS CHANNELS

Says `ready`, waits for a line, then says as JSON which of its deals are durable; `lease` holds a
lease instead, and `channel` a channel.
"""

import json
import sys
import threading

import engine_site
from django.db import OperationalError, connection, transaction
from engine_churn import deal, pair_of, prepare, world

from channels_engine.store.lease import sole
from channels_engine.store.repository import Cache, load_hostings
from channels_engine.submissions import Accepted

if not engine_site.settings.configured:
    raise SystemExit("engine_site configures Django first.")


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def hammer(name: str, rounds: int, threads: int, channels: int) -> None:
    where = world()
    pairs = prepare(where, channels)
    tell("ready")
    sys.stdin.readline()
    done: list[str] = []

    def trade(thread: int) -> None:
        for number in range(rounds):
            # A channel of its own each time, where the threads of all processes soon meet.
            some = pairs[(thread + number) % channels :][:2]
            deals = [deal(pair, f"{name}-{thread}-{number}") for pair in some]
            outcomes = where.floor.trade_many(deals)
            done.extend(
                f"{pair.owner_a} {one.key}"
                for pair, one, outcome in zip(some, deals, outcomes, strict=True)
                if isinstance(outcome, Accepted)
            )
            where.runtime.tick()

    workers = [threading.Thread(target=trade, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tell(json.dumps(done))


def hold_lease() -> None:
    with sole("test") as mine:
        tell(f"lease {mine}")
        sys.stdin.readline()


def hold_channel() -> None:
    """Hold one channel as a batch does while it is applied, unless somebody else does."""
    where = world()
    pair = pair_of(where, 0)
    if where.runtime.hosting(pair.channel) is None:
        prepare(where, 1)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            load_hostings([pair.channel], Cache(), lock=True)
            tell("mine")
            sys.stdin.readline()
    except OperationalError:
        tell("busy")


if __name__ == "__main__":
    if sys.argv[1] == "lease":
        hold_lease()
    elif sys.argv[1] == "channel":
        hold_channel()
    else:
        hammer(sys.argv[1], *(int(word) for word in sys.argv[2:]))

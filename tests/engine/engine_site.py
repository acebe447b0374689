"""A minimal site around the engine, for servers that the tests start as processes of their own.

Whoever calls is told by the query string; the real site takes it from the session (tests/web).
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import dj_database_url
import django
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings

from channels_engine.core import effects as fx
from channels_engine.core import inputs
from channels_engine.core.errors import RemoteProtocolError
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import Domain
from channels_engine.ports import TradeDraft

DOMAIN = Domain(31337, bytes(range(20)))


def owner_of(user: str) -> str | None:
    return user or None


def domain() -> Domain:
    return DOMAIN


class Barred:
    """A gate with one rule, to see it refuse."""

    def check(self, draft: TradeDraft) -> None:
        if draft.offer.quantity_wh > 1_000_000:
            raise RemoteProtocolError("grid_limit", "Line 3 would carry 112 %; 900000 Wh would pass.")


def configure() -> None:
    database = dj_database_url.parse(os.environ["DATABASE_URL"])
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
        }
    redis = os.environ.get("REDIS_URL")
    layer: dict[str, Any] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    if redis:
        layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [redis]}}
    settings.configure(
        SECRET_KEY="tests",
        INSTALLED_APPS=["channels", "channels_engine.store"],
        DATABASES={"default": database},
        CHANNEL_LAYERS={"default": layer},
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        CHANNELS_ENGINE_OWNER_OF="engine_site.owner_of",
        CHANNELS_ENGINE_DOMAIN="engine_site.domain",
        CHANNELS_ENGINE_GATE="engine_site.Barred",
    )
    django.setup()


if not settings.configured:
    configure()

from channels_engine import service  # noqa: E402  models load after the settings
from channels_engine.outbox import Outbox  # noqa: E402  as above
from channels_engine.routing import websocket_urlpatterns  # noqa: E402  as above
from channels_engine.runtime import Runtime  # noqa: E402  as above
from channels_engine.submissions import Fact  # noqa: E402  as above

logger = logging.getLogger(__name__)


class InstantLedger:
    """A ledger that opens and closes channels at once; the real one stands in test_ledger."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def submit(self, effects: Sequence[fx.Effect]) -> list[Exception | None]:
        facts = []
        for effect in effects:
            if isinstance(effect, fx.LedgerOpenChannel):
                channel = struct_hash(effect.opening)
                facts.append(Fact(channel, inputs.LedgerOpened(), f"open:{channel.hex()[:16]}"))
            if isinstance(effect, fx.LedgerFinalise):
                final = effect.final.state
                fact = inputs.LedgerFinalised(final.version, final.balance_a, final.balance_b)
                facts.append(Fact(final.channel, fact, f"close:{final.channel.hex()[:16]}"))
        self._runtime.process(facts)
        return [None] * len(effects)


def work_forever() -> None:
    runtime = service.runtime()
    outbox = Outbox(runtime.clock, InstantLedger(runtime))
    while True:
        try:
            outbox.tick()
            runtime.tick()
        except Exception:
            logger.exception("The worker stumbled.")
        time.sleep(0.05)


class UserFromQuery:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        query = parse_qs(scope["query_string"].decode())
        await self.inner({**scope, "user": query.get("owner", [""])[0]}, receive, send)


application = ProtocolTypeRouter({"websocket": UserFromQuery(URLRouter(websocket_urlpatterns))})

if os.environ.get("ENGINE_WORKER"):
    threading.Thread(target=work_forever, daemon=True).start()

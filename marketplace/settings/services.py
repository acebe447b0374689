"""What the site talks to: database, channel layer, cache, tasks, ledger, mail."""

import os
from typing import Any

import dj_database_url

from marketplace.settings.base import DEBUG, VAR_DIR
from marketplace.settings.environment import flag, integer, kept_secret, words

# FULL: a commit that was answered must survive power loss. IMMEDIATE: two writers wait for each other
# instead of failing when a reader turns into a writer.
SQLITE_OPTIONS: dict[str, Any] = {
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA secure_delete=ON;",
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
}


def database(url: str) -> dict[str, Any]:
    """Django's entry for a database URL, with durable options where it is SQLite."""
    entry: dict[str, Any] = {**dj_database_url.parse(url)}
    if entry["ENGINE"].endswith("sqlite3"):
        entry["OPTIONS"] = {**SQLITE_OPTIONS, **entry.get("OPTIONS", {})}
    return entry


def channel_layer(redis_url: str) -> dict[str, Any]:
    """Channel layer for wake-ups only: inside the process, or Redis pub/sub between processes."""
    if not redis_url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    return {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [redis_url], "prefix": "wattnote"},
    }


def cache(redis_url: str) -> dict[str, Any]:
    """Cache for rate limits: inside the process, or Redis between processes."""
    if not redis_url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}


VAR_DIR.mkdir(parents=True, exist_ok=True)
DATABASES = {"default": database(os.environ.get("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}

REDIS_URL = os.environ.get("REDIS_URL", "")
CHANNEL_LAYERS = {"default": channel_layer(REDIS_URL)}
CACHES = {"default": cache(REDIS_URL)}

# Three queues, so that a file's check never waits for somebody's study, and neither for a dead mail server.
TASK_QUEUES = ["checks", "studies", "notices"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": TASK_QUEUES}}
DASK_SCHEDULER = os.environ.get("DASK_SCHEDULER", "")

LEDGER_URL = os.environ.get("LEDGER_URL", "http://127.0.0.1:8545")
LEDGER_CHAIN_ID = integer("LEDGER_CHAIN_ID", default=31337)
LEDGER_CONFIRMATIONS = integer("LEDGER_CONFIRMATIONS", default=0)
# Key of the account that pays the gas of relayed transactions, 0x-hex. Without one, the last of the publicly
# known funded accounts of a development chain; no other sender may use it at the same time.
RELAYER_KEY = os.environ.get("RELAYER_KEY", "")
ENGINE_KEY = os.environ.get("ENGINE_KEY", "")
TEST_MONEY = flag("TEST_MONEY", default=DEBUG)

KEYSTORE_PASSPHRASE = kept_secret(
    "KEYSTORE_PASSPHRASE",
    path=VAR_DIR / "keystore_passphrase",
    required=not DEBUG,
)
KEYSTORE_ROUNDS = 300_000
PII_MASTER_KEYS = kept_secret("PII_MASTER_KEYS", path=VAR_DIR / "pii_master_key", required=not DEBUG)

# Programs on this machine may hear of things over plain HTTP; everything else is https:// on the internet.
WEBHOOKS_TO_LOOPBACK = flag("WEBHOOKS_TO_LOOPBACK", default=DEBUG)

EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = integer("EMAIL_PORT", default=587)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_PORT == 587  # noqa: PLR2004  the submission port, RFC 6409
EMAIL_TIMEOUT = 10
EMAIL_FILE_PATH = VAR_DIR / "mail"
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "Wattnote <noreply@localhost>")

# Where the site is reached, for links in e-mails.
SITE_URL = os.environ.get("SITE_URL", "http://localhost:8000")
# Web push: the secret from which the site's key for push services is made (RFC 8292), and the hosts of the services
# that browsers use; the site calls no other.
VAPID_SECRET = kept_secret("VAPID_SECRET", path=VAR_DIR / "vapid_secret", required=False)
PUSH_SERVICES = words(
    "PUSH_SERVICES",
    default="fcm.googleapis.com,push.services.mozilla.com,push.apple.com,notify.windows.com",
)
PUSH_TEST_SERVICES: list[str] = []

CHANNELS_ENGINE_OWNER_OF = "marketplace.trading.engine.owner_of"
CHANNELS_ENGINE_DOMAIN = "marketplace.trading.engine.domain"
CHANNELS_ENGINE_DIRECTORY = "marketplace.trading.engine.Participants"
CHANNELS_ENGINE_GATE = "marketplace.trading.live.gate.MarketGate"
# How long a partner is asked for its newest state before the ledger is, and how long the ledger then waits for a
# newer one: of contracts and channels to come.
CHANNELS_ENGINE_DISPUTE_TIMEOUT_S = integer("DISPUTE_TIMEOUT", default=30)
CHALLENGE_PERIOD_S = integer("CHALLENGE_PERIOD", default=60)
CHANNELS_ENGINE_LISTENERS: list[str] = []
CHANNELS_ENGINE_KEYSTORES = "marketplace.credit.keystores.all_keystores"

"""The engine of this process, as the settings describe it.

Settings (each a dotted path, so that the engine imports nothing of the site):

- `CHANNELS_ENGINE_OWNER_OF`: function from a request's user to its owner id (`str`), or None if it may not trade;
- `CHANNELS_ENGINE_DOMAIN`: function that gives the EIP-712 `Domain`; called once it is needed;
- `CHANNELS_ENGINE_GATE`, `CHANNELS_ENGINE_DIRECTORY`: a `ports.Gate` and a `ports.Directory`, or functions that
  make them; empty for none;
- `CHANNELS_ENGINE_DISPUTE_TIMEOUT_S`: how long a partner is asked before the ledger is (30 s), for channels to come;
- `CHANNELS_ENGINE_LISTENERS`: a list of `ports.Listener`;
- `CHANNELS_ENGINE_KEYSTORES`: function that gives the encrypted keystores (name -> JSON text) that a backup takes along.
"""

import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from channels_engine.core.state import Policy
from channels_engine.ports import Listener
from channels_engine.runtime import Runtime
from channels_engine.wakeups import LayerTransport
from channels_engine.writer import Writer

SWITCH_SECONDS = 0.0005


class WallClock:
    """`ports.Clock` of the machine."""

    def now(self) -> int:
        """Seconds since the epoch, UTC."""
        return int(time.time())


def _made(name: str) -> Any:
    """What a setting names: an object, or what a function or class there makes."""
    path = getattr(settings, name, "")
    if not path:
        return None
    found = import_string(path)
    return found() if callable(found) else found


@cache
def transport() -> LayerTransport:
    """Wake-ups of this process."""
    return LayerTransport()


def policy() -> Policy:
    """What the machines of this site insist on."""
    usual = Policy()
    asked = getattr(settings, "CHANNELS_ENGINE_DISPUTE_TIMEOUT_S", usual.dispute_timeout_s)
    return msgspec.structs.replace(usual, dispute_timeout_s=asked)


@cache
def runtime() -> Runtime:
    """The runtime of this process."""
    return Runtime(
        domain=_made("CHANNELS_ENGINE_DOMAIN"),
        clock=WallClock(),
        transport=transport(),
        gate=_made("CHANNELS_ENGINE_GATE"),
        directory=_made("CHANNELS_ENGINE_DIRECTORY"),
        notices=bool(listeners()),
        policy=policy(),
    )


@cache
def writer() -> Writer:
    """The group commit of this process.

    Its thread gives the interpreter away at each row that it writes; the default of 5 ms until it gets it
    back from a busy event loop would make each commit wait for many times its own work.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    return Writer(runtime())


def listeners() -> Sequence[Listener]:
    """Whom the outbox tells."""
    paths: Sequence[str] = getattr(settings, "CHANNELS_ENGINE_LISTENERS", ())
    return [import_string(path) for path in paths]


def owner_of(user: Any) -> str | None:
    """Owner id of a signed-in user, or None."""
    path = getattr(settings, "CHANNELS_ENGINE_OWNER_OF", "")
    if not path:
        raise ImproperlyConfigured(
            "CHANNELS_ENGINE_OWNER_OF names no function; say how a user becomes an owner id."
        )
    found: str | None = import_string(path)(user)
    return found


def reset() -> None:
    """Forget the engine of this process, after the settings changed; stops its writer."""
    if writer.cache_info().currsize:
        writer().stop()
    for made in (writer, runtime, transport):
        made.cache_clear()

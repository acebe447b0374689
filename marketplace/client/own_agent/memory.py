"""What an agent must not forget: what it has signed, and the newest rules it has worked by. A file, readable by its owner only.

It is written, to the disk, before a signature is made: a crash can't make a promise forgotten, nor a version be signed twice.
"""

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from channels_engine.codec import to_hex
from channels_engine.core.keeper import Keeper
from channels_engine.core.state import Endpoint
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelState
from marketplace.client.own_agent.bounds import Promised

KEPT = 400
LEDGER_LAG_S = 120
"""By which the ledger's clock may be behind ours; a change of the funding that it has not taken then, it takes no more."""


class Signed(msgspec.Struct, frozen=True):
    """What one session key has signed in a channel: the last state's hash, and what follows from all of them."""

    digest: bytes
    keeper: Keeper


class _Kept(msgspec.Struct):
    newest: int = 0
    name: str = ""
    promises: list[Promised] = []
    channels: dict[str, Signed] = {}


def _relearned(endpoint: Endpoint) -> Keeper:
    """What the log shows of it: this key may have signed in a browser too."""
    own = [one for one in (endpoint.staged, endpoint.dropped, *endpoint.refused) if one is not None]
    versions = [one.state.version for one in own if one.proposer is endpoint.me]
    change = endpoint.pledge.change if endpoint.pledge else endpoint.funded
    versions += [endpoint.current.state.version] if endpoint.current else []
    versions += [change.version] if change else []
    return Keeper(max(versions, default=0), endpoint.farewell, change)


def _joined(one: Keeper, other: Keeper) -> Keeper:
    changes = [held.change for held in (one, other) if held.change is not None]
    return Keeper(
        max(one.highest, other.highest),
        one.farewell or other.farewell,
        max(changes, key=lambda change: change.version, default=None),
    )


class Memory:
    """One wallet's at one site. One program at a time: `only_here` sees to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = msgspec.json.decode(path.read_bytes(), type=_Kept) if path.exists() else _Kept()

    @contextlib.contextmanager
    def only_here(self) -> Iterator[None]:
        """Keep others of this machine from running the same agent.

        Raises:
            RuntimeError: One runs.
        """
        lock = self._path.with_suffix(".lock")
        with lock.open("w") as held:
            try:
                import fcntl  # noqa: PLC0415  not on every system; without it nothing is locked

                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:
                yield
                return
            except OSError as error:
                raise RuntimeError(f"This agent runs on this machine already ({lock}).") from error
            yield

    def _write(self) -> None:
        new = self._path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(self._kept))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    @property
    def newest(self) -> int:
        """The highest version of the rules that it worked by."""
        return self._kept.newest

    @property
    def name(self) -> str:
        """By which the site tells this program from the person's browsers and other programs."""
        if not self._kept.name:
            self._kept.name = secrets.token_hex(16)
            self._write()
        return self._kept.name

    def work_by(self, version: int) -> None:
        """From now on no older rules."""
        if version > self._kept.newest:
            self._kept.newest = version
            self._write()

    @property
    def promises(self) -> list[Promised]:
        """What was offered or accepted here, the newest last."""
        return self._kept.promises

    def promise(self, one: Promised) -> None:
        """Keep a promise before it is signed."""
        others = [held for held in self._kept.promises if held.id != one.id]
        self._kept.promises = [*others, one][-KEPT:]
        self._write()

    def traded(self, ids: Iterable[str]) -> None:
        """These became trades, or still may: they count for good."""
        wanted = {one.id for one in self._kept.promises if not one.traded} & set(ids)
        if wanted:
            replace = msgspec.structs.replace
            marked = [replace(one, traded=True) if one.id in wanted else one for one in self._kept.promises]
            self._kept.promises = marked
            self._write()

    def highest(self, endpoint: Endpoint) -> int:
        """The highest version that this key is known to have signed."""
        return self._keeper(endpoint).highest

    def _keeper(self, endpoint: Endpoint) -> Keeper:
        held = self._kept.channels.get(to_hex(endpoint.channel))
        return _joined(held.keeper, _relearned(endpoint)) if held else _relearned(endpoint)

    def before_signing(self, endpoint: Endpoint, state: ChannelState, now: int) -> None:
        """Keep what follows from a signature. The very same state again is harmless.

        Raises:
            LocalProtocolError: It must not be signed.
        """
        name, mark = to_hex(endpoint.channel), struct_hash(state)
        held = self._kept.channels.get(name)
        if held is None or held.digest != mark:
            after = self._keeper(endpoint).after(state, now - LEDGER_LAG_S)
            self._kept.channels = {**self._kept.channels, name: Signed(mark, after)}
            self._write()

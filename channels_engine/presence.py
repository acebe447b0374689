"""Who has a socket open, in whatever process: for others to see whether an answer may come soon.

Kept in Django's cache, which a crash may empty: nothing but a word on a page depends on it.
"""

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.core.cache import cache

from channels_engine import service

LASTS_S = 20
"""Longer than the sockets' sweep, which renews it."""


def _key(owner: str) -> str:
    return f"engine.here.{owner}"


def note(owner: str) -> None:
    """A socket of this owner is open now."""
    cache.set(_key(owner), 1, LASTS_S)


def is_here(owner: str) -> bool:
    """Whether this owner has a socket: in this process, or some seconds ago in another one."""
    if service.transport().hears(owner):
        return True
    alone = isinstance(get_channel_layer(), InMemoryChannelLayer)
    return not alone and cache.get(_key(owner)) is not None

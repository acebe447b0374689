"""Token buckets by name, counted for all processes where Redis is there, else in this one.

Each bucket holds `quota` requests and fills again evenly within `window_s`. Only one number is kept for each: the time
at which it will be full (the generic cell rate algorithm of ATM traffic management, ITU-T I.371).
"""

import logging
import math
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)
MOST_LOCAL = 50_000
TAKE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + tonumber(ARGV[1])
if full - now > tonumber(ARGV[2]) + 0.000001 then return tostring(now - full) end
redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000) + 1000)
return tostring(full - now)
"""
"""Seconds until the bucket is full after taking one; below zero, what that would be, where nothing was taken."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How much a bucket holds, and how fast it fills."""

    name: str
    quota: int
    window_s: int

    @property
    def each_s(self) -> float:
        """Seconds in which one request comes back."""
        return self.window_s / self.quota


@dataclass(frozen=True, slots=True)
class Taken:
    """What is left in a bucket; `retry_s` is 0 where the request may pass."""

    policy: Policy
    left: int
    full_s: int
    retry_s: int = 0


class _Local:
    """Buckets of this process."""

    def __init__(self) -> None:
        self._full: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, name: str, policy: Policy) -> float:
        with self._lock:
            now = time.monotonic()
            full = max(self._full.get(name, 0.0), now) + policy.each_s
            if full - now > policy.window_s + 1e-6:
                return now - full
            if len(self._full) >= MOST_LOCAL:
                self._full = {one: at for one, at in self._full.items() if at > now}
            self._full[name] = full
            return full - now

    def clear(self) -> None:
        with self._lock:
            self._full.clear()


LOCAL = _Local()


@cache
def _redis(url: str) -> Any:
    from redis import Redis  # noqa: PLC0415  an extra: only grown sites have it

    return Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)


def _redis_errors() -> type[Exception]:
    from redis import RedisError  # noqa: PLC0415  as above

    return RedisError


def _seconds(name: str, policy: Policy) -> float:
    if not settings.REDIS_URL:
        return LOCAL.take(name, policy)
    try:
        said = _redis(settings.REDIS_URL).eval(
            TAKE, 1, f"wattnote:bucket:{name}", policy.each_s, policy.window_s
        )
        return float(said)
    except (
        _redis_errors()
    ):  # each process counts by itself then: better than no limit, or a site that stands still
        logger.exception("Redis can't count requests; this process counts its own")
        return LOCAL.take(name, policy)


def take(policy: Policy, who: str) -> Taken:
    """Take one request out of somebody's bucket."""
    full_s = _seconds(f"{policy.name}:{who}", policy)
    if full_s < 0:
        wait_s = -full_s - policy.window_s
        return Taken(policy, 0, policy.window_s, max(1, math.ceil(wait_s)))
    left = int((policy.window_s - full_s) / policy.each_s + 1e-6)
    return Taken(policy, left, math.ceil(full_s))

import pytest
from engine_parties import DOMAIN, SettableClock, World

from channels_engine.runtime import Runtime
from tests.services import postgres_url, redis_url

__all__ = ["postgres_url", "redis_url"]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def world(db: None, clock: SettableClock) -> World:
    return World(Runtime(domain=DOMAIN, clock=clock))

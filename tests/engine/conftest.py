import pytest

from channels_engine.runtime import Runtime
from engine_parties import DOMAIN, SettableClock, World


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def world(db: None, clock: SettableClock) -> World:
    return World(Runtime(domain=DOMAIN, clock=clock))

"""How often somebody may ask, and what the header fields say."""

import re
from collections.abc import Callable, Iterator

import pytest
from people import Person
from program_clients import program
from pytest_django import Settings
from rest_framework.test import APIClient

from marketplace.programs import buckets
from marketplace.programs.buckets import LOCAL, Policy, take
from tests.services import free_port

pytestmark = pytest.mark.django_db
ME, LEDGER = "/api/v1/me/", "/api/v1/feeder/"


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    LOCAL.clear()
    yield
    LOCAL.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[[float], None]:
    settings.REDIS_URL = ""  # its clock is its own
    now = [1000.0]
    monkeypatch.setattr(buckets.time, "monotonic", lambda: now[0])

    def go(seconds: float) -> None:
        now[0] += seconds

    return go


def test_a_bucket_is_emptied_and_fills_evenly(clock: Callable[[float], None]) -> None:
    policy = Policy("test", 3, 60)
    assert [(take(policy, "a").left, take(policy, "b").left) for _ in range(3)] == [(2, 2), (1, 1), (0, 0)]
    assert take(policy, "a").retry_s == 20
    clock(19.5)
    assert take(policy, "a").retry_s == 1
    clock(0.5)
    assert (take(policy, "a").retry_s, take(policy, "a").retry_s) == (0, 20)
    clock(600)
    assert take(policy, "a").left == 2


def test_a_person_and_each_token_have_their_own(person: Person, settings: Settings) -> None:
    settings.API_LIMITS = {"person": (4, 60), "token": (2, 60)}
    one, two = program(person, "profile:read"), program(person, "profile:read")
    assert [one.get(ME).status_code for _ in range(3)] == [200, 200, 429]
    answer = two.get(ME)
    assert answer["RateLimit-Policy"] == '"person";q=4;w=60, "token";q=2;w=60'
    assert re.fullmatch(r'"person";r=0;t=\d+, "token";r=1;t=30', answer["RateLimit"])
    turned = person.client.get(ME)
    assert (turned.status_code, turned.json()["code"]) == (429, "throttled")
    assert turned["Content-Type"] == "application/problem+json"
    assert 1 <= int(turned["Retry-After"]) <= 15


def test_strangers_are_counted_by_address(settings: Settings) -> None:
    settings.API_LIMITS = {"stranger": (1, 60)}
    settings.AXES_IPWARE_PROXY_COUNT = 1
    headers = ("203.0.113.1", "198.51.100.7, 203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8::2")
    codes = [APIClient().get(LEDGER, headers={"X-Forwarded-For": said}).status_code for said in headers]
    assert codes == [404, 429, 404, 404, 429]


def test_guessing_tokens_empties_the_addresss_bucket(settings: Settings) -> None:
    settings.API_LIMITS = {"stranger": (2, 60)}
    guesses = [f"Bearer wnp_{number}" for number in range(3)]
    assert [APIClient().get(ME, headers={"Authorization": guess}).status_code for guess in guesses] == [
        401,
        401,
        429,
    ]


def test_what_is_sensitive_has_a_small_bucket(person: Person, settings: Settings) -> None:
    settings.API_LIMITS = {"sensitive": (1, 60)}
    path = "/api/v1/me/erasure/"
    codes = [person.client.post(path, {"email": "x"}).status_code for _ in range(2)]
    assert [*codes, person.client.get(ME).status_code] == [400, 429, 200]


def test_without_redis_each_process_counts_its_own(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("redis")
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    policy = Policy("away", 1, 60)
    with caplog.at_level("CRITICAL"):
        assert [take(policy, "x").retry_s > 0 for _ in range(2)] == [False, True]


def test_pages_are_not_counted(settings: Settings) -> None:
    settings.API_LIMITS = {"stranger": (1, 60), "address": (1, 60)}
    assert [APIClient().get("/accounts/login/").status_code for _ in range(2)] == [200, 200]

"""Who may pause the live market, and that it keeps to what is stored."""

import itertools

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import AuditEvent, User
from marketplace.trading.live.control import Hand, Pace, hand, may_operate, steer, step
from marketplace.trading.live.telemetry import mark
from marketplace.trading.models import MarketControl

pytestmark = pytest.mark.django_db
CONTROL, STEP = "/api/v1/market/control/", "/api/v1/market/step/"


def user(name: str, *, staff: bool = False, permitted: bool = False, chief: bool = False) -> User:
    made = User.objects.create_user(email=f"{name}@example.org", password="correct horse battery")
    made.is_staff, made.is_superuser = staff, chief
    made.save()
    if permitted:
        made.user_permissions.add(Permission.objects.get(codename="operate_market"))
    return User.objects.get(pk=made.pk)


def client_of(who: User) -> Client:
    client = Client()
    client.force_login(who, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def operator() -> User:
    return user("operator", staff=True, permitted=True)


def patch(client: Client, **content: object) -> tuple[int, dict[str, object]]:
    answer = client.patch(CONTROL, content, content_type="application/json")
    return answer.status_code, answer.json()


def test_only_operators_move_the_market_and_everybody_sees_it(operator: User) -> None:
    others = [
        user("person"),
        user("merchant", staff=True),
        user("former", permitted=True),
    ]
    assert [may_operate(other) for other in others] == [False] * 3
    assert may_operate(user("chief", staff=True, chief=True))
    for client in (Client(), *(client_of(other) for other in others)):
        assert patch(client, paused=True)[0] == 403
        assert client.post(STEP).status_code == 403
        shown = client.get(CONTROL).json()
        assert shown == {"paused": False, "speed": 1.0, "may_operate": False}
        assert 'id="pause"' not in client.get("/feeder/").content.decode()
    assert hand() == Hand()
    status, shown = patch(client_of(operator), paused=True, speed=2.5)
    assert (status, shown) == (200, {"paused": True, "speed": 2.5, "may_operate": True})
    assert Client().get(CONTROL).json()["paused"] is True
    assert "Go on" in client_of(operator).get("/feeder/").content.decode()
    event = AuditEvent.objects.latest("pk")
    assert (event.actor, event.action, event.detail["speed_permille"]) == (operator, "market.steered", 2500)


def test_operators_who_lost_their_role_lost_the_market(operator: User) -> None:
    operator.is_active = False
    assert not may_operate(operator)
    operator.is_active = True
    operator.is_staff = False
    operator.save()
    assert patch(client_of(operator), paused=True)[0] == 403


@pytest.mark.parametrize("speed", [0, 0.05, 20.1, -1, "NaN", "fast", None])
def test_a_speed_that_nobody_could_follow_is_refused(operator: User, speed: object) -> None:
    status, problem = patch(client_of(operator), speed=speed)
    assert status == 400
    assert "speed" in problem["errors"]
    assert hand() == Hand()
    with pytest.raises(RefusedError):
        steer(operator=operator, speed_permille=99)


def test_steps_are_played_once_each_and_only_while_paused(operator: User) -> None:
    client = client_of(operator)
    assert client.post(STEP).json()["code"] == "not_paused"
    pace = Pace(0.0)
    assert [pace.due() for _ in range(3)] == [True] * 3
    steer(operator=operator, paused=True)
    assert not pace.due()
    step(operator=operator)
    assert client.post(STEP).status_code == 200
    assert [pace.due() for _ in range(4)] == [True, True, False, False]
    step(operator=operator)
    steer(operator=operator, paused=False)
    steer(operator=operator, paused=True)
    assert not pace.due()  # what waited is gone with the pause that it belonged to
    MarketControl.objects.update(steps=96)
    assert client.post(STEP).json()["code"] == "many_steps"


def test_the_pace_follows_the_stored_speed_without_catching_up_after_a_pause(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(100.0)
    monkeypatch.setattr("marketplace.trading.live.control.time.monotonic", lambda: next(clock))
    pace = Pace(4.0)
    assert [pace.due() for _ in range(8)] == [False, False, False, True] * 2
    steer(operator=operator, speed_permille=2000)
    assert [pace.due() for _ in range(4)] == [False, True] * 2
    steer(operator=operator, paused=True)
    assert not any(pace.due() for _ in range(20))
    steer(operator=operator, paused=False)
    assert [pace.due() for _ in range(4)] == [False, True] * 2


def test_pages_hear_of_a_pause(operator: User) -> None:
    from grid.models import ReplayRun  # noqa: PLC0415  one test needs it

    run = ReplayRun.objects.create(
        scenario="default", fingerprint="0", funding="notes", starts_at=0, ends_at=900
    )
    before = mark(run)
    steer(operator=operator, paused=True)
    assert mark(run) != before

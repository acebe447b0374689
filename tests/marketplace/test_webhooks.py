"""Webhooks: signed, delivered at least once over a real connection, kept out of our own network."""

import base64
import hashlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from people import Person
from program_clients import confirmed
from pytest_django import Settings

from channels_engine.store.models import Endpoint, LedgerEvent, TradeRecord
from marketplace.accounts.erasure import erase_person
from marketplace.accounts.errors import RefusedError
from marketplace.notifications.models import Notice
from marketplace.notifications.services import notify
from marketplace.programs import delivering, events, posting
from marketplace.programs.models import Delivery, Webhook
from marketplace.programs.posting import check_url, judged_address, post
from marketplace.programs.signing import signature
from marketplace.programs.webhooks import add_webhook, ping, rotate_secret
from marketplace.upkeep.registry import WORKS
from tests.services import free_port

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/webhooks/"


class Receiver:
    """A person's program: answers with `status`, keeps what came."""

    def __init__(self) -> None:
        self.status, self.came = 204, list[tuple[dict[str, str], bytes]]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks?a=1"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.thread.start()

    def verify(self, secret: str, index: int = -1) -> dict[str, Any]:
        """As a receiver's library does it."""
        headers, body = self.came[index]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert expected in headers["webhook-signature"].split(" ")
        assert abs(time.time() - int(headers["webhook-timestamp"])) < 10
        return dict(json.loads(body))


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_LOOPBACK = True
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def hooked(person: Person, receiver: Receiver) -> tuple[Webhook, str]:
    return add_webhook(user=person.user, url=receiver.url, events=["*"])


def test_the_specifications_own_vector() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    made = signature(secret, message="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_notice_comes_signed(
    person: Person, receiver: Receiver, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    answer = person.client.post(ROOT, {"url": receiver.url, "events": ["notice.application_decided"]})
    made = answer.json()
    assert (answer.status_code, made["events"]) == (201, ["notice.application_decided"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM programs_webhook")
        assert made["secret"].encode() not in bytes(cursor.fetchone()[0])
    with django_capture_on_commit_callbacks(execute=True):
        notify(
            user=person.user, kind="application_decided", key="a", url="/onboarding/", merchant="Stadtwerke"
        )
        notify(user=person.user, kind="application_question", key="a", merchant="Stadtwerke")
    WORKS["programs.webhooks"].do()
    WORKS["programs.webhooks"].do()
    assert len(receiver.came) == 1
    said = receiver.verify(made["secret"])
    assert said["type"] == "notice.application_decided"
    assert said["data"] == {
        "kind": "application_decided",
        "url": "/onboarding/",
        "details": {"merchant": "Stadtwerke"},
    }
    sent = person.client.get(f"{ROOT}{made['id']}/deliveries/").json()["results"]
    assert [(one["event"], one["state"], one["status"]) for one in sent] == [(said["type"], "taken", 204)]
    assert "secret" not in person.client.get(f"{ROOT}{made['id']}/").json()


def test_what_was_missed_is_found(hooked: tuple[Webhook, str], person: Person, receiver: Receiver) -> None:
    """A process that dies between the commit and its signal has told nobody."""
    Notice.objects.create(user=person.user, kind="application_decided", key="x", details={})
    WORKS["programs.webhooks"].do()
    assert [receiver.verify(hooked[1])["type"]] == ["notice.application_decided"]


def _trade(seller: str, buyer: str, number: int, at: int) -> None:
    names = {
        "quantity_wh": 500,
        "price_per_kwh": 2000,
        "imbalance_per_kwh": 3000,
        "slot_start": 900,
        "slot_end": 1800,
    }
    TradeRecord.objects.create(
        channel="0x" + "cc" * 32,
        trade=f"0x{number:064x}",
        seller=seller,
        buyer=buyer,
        amount=1,
        version=3,
        at=at,
        **names,
    )


def test_trades_and_closings(hooked: tuple[Webhook, str], person: Person, receiver: Receiver) -> None:
    mine, now = person.user.owner, int(time.time())
    _trade(mine, "h-1", 1, now + 1)
    _trade("h-2", "h-1", 2, now + 1)
    _trade("h-2", mine, 3, now - 500)  # before the webhook
    channel = "0x" + "cc" * 32
    event = {"channel": channel, "scid": "0x", "block_number": 4, "block_hash": "0x", "arguments": {}}
    LedgerEvent.objects.create(name="ChannelFinalised", transaction_hash="0xdd", log_index=0, **event)
    Endpoint.objects.create(
        channel=channel, owner=mine, side=0, peer="h-1", scid="0x", phase="closed", fixed=b""
    )
    for _ in range(2):
        WORKS["programs.webhooks"].do()
    said = [receiver.verify(hooked[1], index) for index in range(len(receiver.came))]
    assert sorted((one["type"], one["data"].get("role", "")) for one in said) == [
        ("channel.closed", ""),
        ("trade.agreed", "seller"),
    ]


def test_again_later_with_the_same_id_until_it_is_off(
    hooked: tuple[Webhook, str], person: Person, receiver: Receiver
) -> None:
    hook, _secret = hooked
    receiver.status = 500
    sent, now = ping(webhook=hook), time.time()
    assert [delivering.deliver_due(now), delivering.deliver_due(now + 4)] == [1, 0]
    assert delivering.deliver_due(now + 5) == 1
    receiver.status = 302  # a redirect is no success, and is not followed
    assert delivering.deliver_due(now + 5 + 300) == 1
    assert len({headers["webhook-id"] for headers, _body in receiver.came}) == 1
    hook.refresh_from_db()
    assert (hook.failing_since is None, hook.disabled_at) == (False, None)
    Webhook.objects.update(failing_since=timezone.now() - delivering.PATIENCE - timedelta(hours=1))
    assert delivering.deliver_due(now + 5 + 300 + 1800) == 1
    hook.refresh_from_db()
    sent.refresh_from_db()
    assert hook.disabled_at is not None
    assert (sent.state, sent.attempts, sent.status) == (Delivery.State.FAILED, 4, 302)
    assert Notice.objects.get(user=person.user).kind == "webhook_off"
    path = f"{ROOT}{hook.pk}/"
    assert person.client.post(f"{path}ping/").json()["code"] == "webhook_off"
    assert person.client.patch(path, {"enabled": True}).json()["disabled_at"] is None
    receiver.status = 200
    assert person.client.post(f"{path}deliveries/{sent.pk}/resend/").status_code == 202
    assert delivering.deliver_due(time.time()) == 1
    sent.refresh_from_db()
    assert sent.state == Delivery.State.TAKEN


def test_gone_is_gone(hooked: tuple[Webhook, str], receiver: Receiver) -> None:
    receiver.status = 410
    ping(webhook=hooked[0])
    delivering.deliver_due(time.time())
    assert Webhook.objects.get().disabled_at is not None


def test_given_up_after_the_last_attempt(hooked: tuple[Webhook, str], receiver: Receiver) -> None:
    Webhook.objects.update(url=f"http://127.0.0.1:{free_port()}/")
    sent = ping(webhook=hooked[0])
    Delivery.objects.update(attempts=len(delivering.WAITS_S))
    delivering.deliver_due(time.time())
    sent.refresh_from_db()
    assert (sent.state, sent.status) == (Delivery.State.FAILED, None)
    assert "refused" in sent.failure or "timed out" in sent.failure


def test_both_secrets_sign_for_a_day(hooked: tuple[Webhook, str], receiver: Receiver) -> None:
    hook, old = hooked
    new = rotate_secret(webhook=hook)
    ping(webhook=hook)
    delivering.deliver_due(time.time())
    receiver.verify(old)
    receiver.verify(new)
    Webhook.objects.update(old_until=timezone.now())
    ping(webhook=hook)
    delivering.deliver_due(time.time())
    assert " " not in receiver.came[-1][0]["webhook-signature"]


BARRED = (
    "http://program.example/",
    "https://user:pass@program.example/",
    "https://program.example/#x",
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://localhost/",
    "https://db.internal/",
    "ftp://program.example/",
    "https://",
    "https://program.example:99999/",
    "javascript:alert(1)",
    "https://ex ample/",
)


@pytest.mark.parametrize("url", BARRED)
def test_our_own_network_is_barred(url: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_url(url)
    assert refused.value.code == "webhook_url"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "192.168.1.1", "100.64.0.1", "fe80::1%eth0", "fd00::1", "::"]
)
def test_a_name_that_leads_inside_is_barred_when_it_is_sent_to(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_args: Any, **_options: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.215.14", 443)), (0, 0, 0, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert check_url("https://program.example/")
    answer = post("https://program.example/", b"", {})
    assert answer.status is None
    assert answer.failure.startswith("BarredError")


def test_the_judged_address_is_the_one_that_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(0, 0, 0, "", ("93.184.215.14", 443))])

    def connect(address: Any, **_options: Any) -> Any:
        reached.append(address)
        raise OSError("enough")

    monkeypatch.setattr(posting.socket, "create_connection", connect)
    assert post("https://program.example/", b"", {}).failure == "OSError: enough"
    assert reached == [("93.184.215.14", 443)]
    assert judged_address(posting.urlsplit("https://program.example/")) == ("93.184.215.14", 443)


def test_webhooks_are_ones_own(hooked: tuple[Webhook, str], make_person: Callable[..., Person]) -> None:
    other, path = make_person(), f"{ROOT}{hooked[0].pk}/"
    sent = ping(webhook=hooked[0])
    for way in ("", "deliveries/"):
        assert other.client.get(path + way).status_code == 404
    for way in ("ping/", "secret/", f"deliveries/{sent.pk}/resend/"):
        assert other.client.post(path + way).status_code == 404
    assert other.client.delete(path).status_code == 404
    assert Webhook.objects.count() == 1
    page = f"/webhooks/{hooked[0].pk}/"
    assert other.client.get(page).status_code == 404
    for way in ("ping/", "secret/", "switch/", "drop/", f"{sent.pk}/resend/"):
        assert other.client.post(page + way).status_code == 404


def test_nothing_of_them_stays_after_an_erasure(hooked: tuple[Webhook, str], person: Person) -> None:
    ping(webhook=hooked[0])
    erase_person(user=person.user, actor=person.user)
    assert not Delivery.objects.exists()
    assert not Webhook.objects.exists()


def test_the_log_is_kept_for_a_month(hooked: tuple[Webhook, str]) -> None:
    ping(webhook=hooked[0])
    delivering.deliver_due(time.time())
    assert delivering.forget(time.time()) == 0
    assert delivering.forget(time.time() + 31 * 86_400) == 1


def test_wrong_wishes(person: Person, receiver: Receiver) -> None:
    for wrong in ({"events": []}, {"events": ["nothing"]}, {"url": "http://10.0.0.1/"}, {"url": 5}):
        body = {"url": receiver.url, "events": ["*"]} | wrong
        assert list(person.client.post(ROOT, body).json()["errors"]) == list(wrong)
    for _ in range(5):
        add_webhook(user=person.user, url=receiver.url, events=["*"])
    assert (
        person.client.post(ROOT, {"url": receiver.url, "events": ["*"]}).json()["code"] == "too_many_webhooks"
    )
    assert events.names()[:2] == ["trade.agreed", "channel.closed"]


def test_the_pages(person: Person, receiver: Receiver) -> None:
    client, path = person.client, "/tokens/add/"
    wish = {"label": "Server", "days": "90", "scope_trade": "write", "scope_profile": "read"}
    assert client.post(path, wish, format=None).status_code == 302  # to the page that asks for the password
    confirmed(person)
    made = client.post(
        path, "&".join(f"{k}={v}" for k, v in wish.items()), content_type="application/x-www-form-urlencoded"
    )
    page = made.content.decode()
    assert (made.status_code, "wnp_" in page, made["Cache-Control"].count("no-store")) == (200, True, 1)
    assert "profile:read, trade:write" in page
    (secret,) = re.findall(r"<p [^>]*>(wnp_[^<]{20,})<", page)
    assert f'data-copy="{secret}"' in page
    assert client.get("/tokens/").content.decode().count("wnp_") == 1
    empty = client.post(path, "label=x&days=30", content_type="application/x-www-form-urlencoded")
    assert (empty.status_code, 'role="alert"' in empty.content.decode()) == (422, True)
    body = f"url={receiver.url.replace('?', '%3F')}&events=*"
    hook = client.post("/webhooks/add/", body, content_type="application/x-www-form-urlencoded")
    assert "whsec_" in hook.content.decode()
    mine = Webhook.objects.get()
    assert client.post(f"/webhooks/{mine.pk}/ping/").status_code == 302
    delivering.deliver_due(time.time())
    page = client.get(f"/webhooks/{mine.pk}/").content.decode()
    assert ("whsec_" in page, "ping" in page, "Taken" in page) == (False, True, True)
    wrong = client.post(
        "/webhooks/add/", "url=http://10.0.0.1/&events=*", content_type="application/x-www-form-urlencoded"
    )
    assert wrong.status_code == 422
    for way in ("switch/", "secret/", "drop/"):
        assert client.post(f"/webhooks/{mine.pk}/{way}").status_code in (200, 302)
    assert not Webhook.objects.exists()

"""Notices on their way out: e-mail in the reader's language, web push that the browser's keys open, and what goes wrong."""

import http.server
import json
import re
import smtplib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core import mail
from django.test import Client
from people import signed_in
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from marketplace.accounts.export import collected
from marketplace.accounts.models import User
from marketplace.accounts.signals import person_erased
from marketplace.notifications import sending, upkeep
from marketplace.notifications.models import Notice, Preference, PushDevice, Sending
from marketplace.notifications.outlets.pushing import is_push_service, public_key
from marketplace.notifications.outlets.webpush import Receiver, decode64, encode64, encrypt, point_of
from marketplace.notifications.services import add_device, notify, prefer
from marketplace.notifications.wording import register_names, words_of
from marketplace.trading.news import names_of

pytestmark = pytest.mark.django_db
NOW = 1_800_000_000.0


class Browser:
    """The receiving half of RFC 8291, with keys of its own."""

    def __init__(self) -> None:
        self.key, self.auth = ec.generate_private_key(ec.SECP256R1()), b"\x07" * 16
        self.point = point_of(self.key)

    def read(self, body: bytes) -> Any:
        """What was pushed."""
        salt, sender = body[:16], body[21 : 21 + body[20]]
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        secret = self.key.exchange(ec.ECDH(), theirs)
        shared = _hkdf(self.auth, secret, b"WebPush: info\0" + self.point + sender, 32)
        key, nonce = (_hkdf(salt, shared, f"Content-Encoding: {n}\0".encode(), size) for n, size in CODING)
        plain = AESGCM(key).decrypt(nonce, body[21 + body[20] :], None)
        assert plain.endswith(b"\x02")
        return json.loads(plain[:-1])


CODING = (("aes128gcm", 16), ("nonce", 12))


def _hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


class PushService(http.server.ThreadingHTTPServer):
    """A push service of a browser's maker, on this machine."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Push)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answer = 201

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Push(http.server.BaseHTTPRequestHandler):
    server: PushService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def service(settings: Settings) -> Iterator[PushService]:
    with PushService() as server:
        settings.PUSH_TEST_SERVICES = [server.place]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def person() -> User:
    return User.objects.create_user("reader@example.org", "long enough password")


@pytest.fixture
def browser(person: User, service: PushService) -> Browser:
    made = Browser()
    keys = {"p256dh": encode64(made.point), "auth": encode64(made.auth)}
    add_device(user=person, endpoint=f"http://{service.place}/push/1", name="Firefox", **keys)
    return made


def _told(person: User, key: str = "1") -> Notice:
    notice = notify(user=person, kind="application_question", key=key, url="/onboarding/", merchant="Nord")
    assert notice is not None
    return notice


def test_the_example_of_the_standard() -> None:
    """RFC 8291, appendix A."""
    secret = int.from_bytes(decode64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    point = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    made = encrypt(
        b"When I grow up, I want to be a watermelon",
        Receiver(decode64(point), decode64("BTBZMqHH6r4Tts7J_aSIgg")),
        key=ec.derive_private_key(secret, ec.SECP256R1()),
        salt=decode64("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert encode64(made) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
        "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def test_a_push_opens_with_the_browsers_keys_only_and_says_who_sends_it(
    person: User, browser: Browser, service: PushService
) -> None:
    notice = _told(person)
    assert sending.send_due(time.time()) == 2
    [(headers, body)] = service.got
    said = browser.read(body)
    assert said["title"] == "Nord asks for more"
    assert (said["url"], said["tag"]) == ("/onboarding/", f"application_question/{notice.pk}")
    assert person.email not in json.dumps(said)
    assert b"Nord" not in body
    assert (headers["Content-Encoding"], headers["Urgency"]) == ("aes128gcm", "high")
    match = re.fullmatch(r"vapid t=([\w-]+\.[\w-]+)\.([\w-]+), k=(.+)", headers["Authorization"])
    assert match
    assert match[3] == public_key()
    raw = decode64(match[2])
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    site = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode64(match[3]))
    site.verify(signature, match[1].encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(decode64(match[1].split(".")[1]))["aud"] == f"http://{service.place}"


def test_a_browser_that_is_gone_is_forgotten_and_a_busy_service_asked_again(
    person: User, browser: Browser, service: PushService
) -> None:
    prefer(user=person, kind="application_question", email=False, push=True)
    _told(person)
    service.answer = 503
    assert sending.send_due(NOW) == 0
    assert sending.send_due(NOW + sending.FIRST_WAIT_S) == 0
    assert len(service.got) == 1
    service.answer = 410
    sending.send_due(NOW + 3 * sending.FIRST_WAIT_S)
    assert (len(service.got), PushDevice.objects.count(), Sending.objects.count()) == (2, 0, 0)
    assert Notice.objects.count() == 1


def test_an_email_in_words_with_a_way_to_have_no_more(person: User, client: Client) -> None:
    _told(person)
    assert sending.send_due(time.time()) == 1
    [message] = mail.outbox
    assert (message.subject, message.to) == ("Nord asks for more", [person.email])
    assert "http://localhost:8000/onboarding/" in message.body
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = message.extra_headers["List-Unsubscribe"].strip("<>").removeprefix("http://localhost:8000")
    assert client.get(link).status_code == 200
    assert not Preference.objects.exists()
    assert client.post(link).status_code == 200
    assert Preference.objects.get(user=person).email is False
    _told(person, "2")
    assert sending.send_due(time.time()) == 0
    assert client.post(link[:-3] + "x/").status_code == 404


def test_a_dead_mail_server_holds_up_nothing(
    person: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", 1, False
    with django_capture_on_commit_callbacks(execute=True):
        for key in "12345":
            _told(person, key)
    assert Notice.objects.count() == 5
    waiting = Sending.objects.filter(done_at=None)
    assert len(waiting) == 5
    assert {row.failure for row in waiting} == {"ConnectionRefusedError", "its server is away"}
    assert all(row.next_at > time.time() for row in waiting)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Sending.objects.update(next_at=0)
    upkeep.look()
    assert len(mail.outbox) == 5
    assert not Sending.objects.filter(done_at=None).exists()

    def refuses(*_: Any, **__: Any) -> None:
        raise smtplib.SMTPRecipientsRefused({person.email: (550, b"no such user")})

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuses)
    _told(person, "6")
    sending.send_due(time.time())
    assert Sending.objects.filter(done_at__isnull=False, failure__contains="550").count() == 1


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc", True),
        ("https://updates.push.services.mozilla.com/wpush/v2/abc", True),
        ("http://fcm.googleapis.com/fcm/send/abc", False),
        ("https://fcm.googleapis.com:8443/x", False),
        ("https://fcm.googleapis.com@127.0.0.1/x", False),
        ("https://evil-push.apple.com.example/x", False),
        ("https://127.0.0.1/x", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_push_services_of_browsers_are_called(endpoint: str, *, allowed: bool) -> None:
    assert is_push_service(endpoint) is allowed


def test_what_a_person_says_over_the_api(person: User, service: PushService) -> None:
    api = signed_in(person)
    _told(person)
    other = User.objects.create_user("other@example.org")
    theirs = _told(other)
    [mine] = api.get("/api/v1/notices/").json()["results"]
    assert (mine["title"], mine["read_at"]) == ("Nord asks for more", None)
    assert api.get("/api/v1/notices/unread/").json()["unread"] == 1
    assert api.post("/api/v1/notices/read/", {"notice": theirs.pk}).status_code == 404
    assert api.post("/api/v1/notices/read/", {"notice": mine["id"]}).json() == {"unread": 0, "newest": []}
    assert api.get("/api/v1/notices/?unread=true").json()["results"] == []
    assert (
        api.put("/api/v1/notices/preferences/", {"kind": "none", "email": True, "push": True}).status_code
        == 400
    )
    said = {"kind": "offer_waits", "email": True, "push": False}
    assert api.put("/api/v1/notices/preferences/", said).json() == said
    assert said in api.get("/api/v1/notices/preferences/").json()
    device = {
        "endpoint": f"http://{service.place}/1",
        "p256dh": encode64(Browser().point),
        "auth": encode64(b"1" * 16),
    }
    for wrong in ({"endpoint": "https://example.org/x"}, {"auth": "AA"}, {"p256dh": "not base64!"}):
        assert api.post("/api/v1/notices/devices/", {**device, **wrong}).status_code == 400
    made = api.post("/api/v1/notices/devices/", device)
    assert made.status_code == 201
    assert len(api.get("/api/v1/notices/devices/").json()["devices"]) == 1
    assert signed_in(other).delete(f"/api/v1/notices/devices/{made.json()['id']}/").status_code == 404
    assert api.delete(f"/api/v1/notices/devices/{made.json()['id']}/").status_code == 204


def test_the_page_filters_and_leads_to_where_it_is_dealt_with(person: User) -> None:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    notice = _told(person)
    notify(user=person, kind="channel_opened", key="1", partner="nobody")
    page = client.get("/notices/").content.decode()
    assert "Nord asks for more" in page
    assert "Somebody who left" in page
    assert 'id="bell-count">2<' in page
    assert (
        "Nord"
        not in client.get("/notices/?kind=channel_opened&unread=1").content.decode().split("told__one")[1]
    )
    answer = client.post("/notices/read/", {"notice": notice.pk})
    assert answer["Location"] == "/onboarding/"
    assert client.post("/notices/read/").status_code == 302
    assert not Notice.objects.filter(read_at=None).exists()
    client.post("/notices/settings/", {"email-offer_waits": "on"})
    assert Preference.objects.get(user=person, kind="offer_waits").email
    assert not Preference.objects.get(user=person, kind="application_question").email
    worker = client.get("/sw.js")
    assert (worker["Content-Type"], worker["Service-Worker-Allowed"]) == ("text/javascript", "/")


def test_export_and_erasure(person: User, browser: Browser) -> None:
    notice = _told(person)
    register_names(names_of)
    assert words_of(notice).title == "Nord asks for more"
    kept: Any = collected(person)["notices"]
    assert (kept["notices"][0]["title"], kept["devices"][0]["name"]) == ("Nord asks for more", "Firefox")
    person_erased.send(sender=User, user=person)
    assert not Notice.objects.exists()
    assert not PushDevice.objects.exists()

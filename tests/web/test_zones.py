"""By which clock a reader is told times: their device's, else where they read last, else the feeder's."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.accounts.zones import written_to, zone_named
from marketplace.notifications.models import Notice
from marketplace.notifications.outlets.emailing import email_for
from marketplace.notifications.services import notify
from marketplace.programs.tokens import make_token
from marketplace.web.own_forms import WallClockField

AUTUMN = 1_792_887_300
"""25 October 2026, 0:15 UTC: 2:15 in Berlin, for the first time of two."""


@pytest.fixture
def notice(member: User) -> Notice:
    told = notify(user=member, kind="offer_waits", key="1", partner=member.owner, until_at=AUTUMN)
    assert told is not None
    return told


@pytest.fixture
def page(member: User, client_of: Callable[[User], Client], notice: Notice) -> Callable[[str], str]:
    client = client_of(member)

    def read(zone: str) -> str:
        client.cookies["zone"] = zone
        html = client.get(reverse("web:notices")).content.decode()
        member.refresh_from_db()
        return html

    return read


def test_a_page_tells_the_devices_clock_and_mail_the_last_one(
    page: Callable[[str], str], notice: Notice, member: User
) -> None:
    assert "until 25 Oct 2026, 02:15 UTC+02:00" in page("")
    assert "until 24 Oct 2026, 20:15 UTC\u221204:00" in page("America/New_York")
    assert "until 24 Oct 2026, 20:15 UTC\u221204:00" in page("../../etc/localtime")
    assert member.time_zone == "America/New_York"
    assert timezone.get_current_timezone_name() == "UTC"
    notice.refresh_from_db()
    assert "24 Oct 2026, 20:15 UTC\u221204:00" in email_for(notice).body
    with written_to(member):
        assert timezone.get_current_timezone_name() == "America/New_York"


def test_programs_are_told_their_persons_clock(member: User, notice: Notice) -> None:
    User.objects.filter(pk=member.pk).update(time_zone="Asia/Kathmandu")
    _, secret = make_token(user=member, label="Reader", scopes=["notices:read"], days=1)
    answer = Client().get("/api/v1/notices/", HTTP_AUTHORIZATION=f"Bearer {secret}").json()
    assert "25 Oct 2026, 06:00 UTC+05:45" in answer["results"][0]["text"]


def test_what_is_no_zone_is_none() -> None:
    assert zone_named("Europe/Berlin")
    assert not any(map(zone_named, ("", "Europe", "../UTC", "/etc/localtime", "Mars/Olympus", "x" * 99, "Ü")))


def test_a_clock_that_a_form_names_isnt_the_readers() -> None:
    with timezone.override("Europe/Berlin"):
        assert WallClockField().clean("2026-03-29T02:30").hour == 2

"""Real meters: signed readings over the API, who may bring and see them, and what is said of each."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from people import Person, at_desk
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from channels_engine.core.signing import LocalSigner, recover
from channels_engine.core.typed_data import digest
from channels_engine.core.types import Domain, MeterReading
from channels_engine.published.examples import DOMAIN
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.api.meters import EXAMPLE
from marketplace.credit.models import Ledger
from marketplace.trading.meters.registration import issue_token, register_meter, revoke_tokens
from marketplace.trading.models import Meter, MeterFault, MeterToken, RegisterReading
from marketplace.trading.services import ensure_prosumer

pytestmark = pytest.mark.django_db
READINGS = "/api/v1/meters/readings/"
REGISTRY = b"\x0b" * 20
NOON = int(time.time()) // 900 * 900 - 20 * 900
KEY = LocalSigner(b"\x21" * 32)


@pytest.fixture(autouse=True)
def _ledger(db: None) -> None:
    addresses = dict.fromkeys(("token", "factory"), "0x" + "ab" * 20)
    Ledger.objects.create(chain_id=31337, registry="0x" + REGISTRY.hex(), token_version="1", **addresses)


def meter_of(person: Person, number: int = 1, key: LocalSigner = KEY, **more: Any) -> Meter:
    plain = {"name": f"1 EMH00 {number}", "digits": 6, "max_power_w": 40_000, "installed_at": NOON}
    meter = Meter(
        serial="0x" + f"{number:02x}" * 32,
        key="0x" + key.address.hex(),
        prosumer=ensure_prosumer(user=person.user),
        **(plain | {"installed_import_wh": 1000} | more),
    )
    return register_meter(meter=meter)


def reading(
    slot: int, imported: int, exported: int = 0, *, key: LocalSigner = KEY, number: int = 1, **more: Any
) -> dict[str, Any]:
    """The reading at the end of a slot, counted from NOON."""
    start, chain = NOON + slot * 900, more.pop("chain", 31337)
    said = MeterReading(
        bytes([number]) * 32,
        start,
        more.get("end", start + 900),
        imported,
        exported,
        more.get("sequence", slot),
    )
    signed = said if min(imported, exported) >= 0 else MeterReading(bytes(32), 0, 900, 0, 0, 0)
    signature = key.sign(digest(Domain(chain, REGISTRY), signed))
    names = ("slotStart", "slotEnd", "importWh", "exportWh", "sequence")
    values = (said.slot_start, said.slot_end, said.import_wh, said.export_wh, said.sequence)
    plain = {
        "meter": "0x" + said.meter.hex(),
        **{name: str(v) for name, v in zip(names, values, strict=True)},
    }
    return {"reading": plain, "signature": "0x" + signature.hex()}


def bring(client: Any, *readings: dict[str, Any], **headers: str) -> list[str]:
    """What became of each: its code, or its outcome where there is nothing to say."""
    answer = client.post(READINGS, {"readings": list(readings)}, format="json", headers=headers)
    assert answer.status_code == 200, answer.content
    content = answer.json()
    assert sum(content[word] for word in ("accepted", "duplicate", "refused")) == len(readings)
    assert all(bool(one["code"]) == bool(one["detail"]) == bool(one["remedy"]) for one in content["outcomes"])
    return [one["code"] or one["outcome"] for one in content["outcomes"]]


def slots_of(client: Any, number: int = 1, **query: int) -> list[tuple[int, int, int, str]]:
    given = {"meter": "0x" + f"{number:02x}" * 32, "start": NOON, **query}
    rows = client.get(READINGS, given).json()["results"]
    return [
        ((row["slot_start"] - NOON) // 900, row["import_wh"], row["export_wh"], row["quality"])
        for row in rows
    ]


def test_readings_become_slots_with_their_quality(person: Person) -> None:
    meter_of(person)
    first = [reading(0, 1100, 5), reading(1, 1250, 5), reading(4, 1551, 7)]
    assert bring(person.client, *first) == ["accepted"] * 3
    gap = [(2, 101, 1, "estimated"), (3, 100, 1, "estimated"), (4, 100, 0, "estimated")]
    assert slots_of(person.client) == [(0, 100, 5, "measured"), (1, 150, 0, "measured"), *gap]
    late = [reading(2, 1500, 5), reading(3, 1510, 7)]
    assert bring(person.client, *first, *late) == ["duplicate"] * 3 + ["accepted"] * 2
    filled = [(2, 250, 0, "corrected"), (3, 10, 2, "corrected"), (4, 41, 0, "corrected")]
    assert slots_of(person.client) == [(0, 100, 5, "measured"), (1, 150, 0, "measured"), *filled]
    assert slots_of(person.client, start=NOON + 1800, end=NOON + 2700) == filled[:1]
    (mine,) = person.client.get("/api/v1/meters/").json()["results"]
    assert (mine["name"], mine["duplicates"], mine["removed_at"]) == ("1 EMH00 1", 3, None)
    assert RegisterReading.objects.count() == 5
    assert not MeterFault.objects.exists()


def test_a_prosumers_page_of_trades_shows_its_meter(person: Person) -> None:
    assert "Meter" not in person.client.get("/trades/").content.decode().partition("<h1>Trades</h1>")[2]
    meter_of(person)
    assert "No reading yet" in person.client.get("/trades/").content.decode()
    bring(person.client, reading(0, 1100), reading(2, 1300, 40))
    page = person.client.get("/trades/").content.decode()
    assert "Meter 1 EMH00 1" in page
    assert [page.count(word) for word in ("Measured", "Estimated", "Corrected")] == [1, 2, 0]
    assert "0.020" in page
    assert page.index("Estimated") < page.index("Measured")  # the newest first


def test_every_wrong_reading_gets_a_word_and_counts_for_nothing(person: Person) -> None:
    meter_of(person)
    assert bring(person.client, reading(1, 5_000), reading(3, 6_000)) == ["accepted"] * 2
    before = slots_of(person.client)
    far = (int(time.time()) - NOON) // 900 + 5
    wrong = {
        "conflict": reading(1, 5_001),
        "out_of_order": reading(2, 5_500, sequence=7),
        "future": reading(far, 9_000),
        "off_grid": reading(4, 6_500, end=NOON + 4 * 900 + 1800),
        "negative": reading(4, -6_500),
        "too_many_digits": reading(4, 1_000_000),
        "backwards": reading(2, 6_500),
        "implausible": reading(4, 16_001),
        "too_old": reading(-2, 990, sequence=50),
        "wrong_signature": reading(4, 6_500, key=LocalSigner(b"\x22" * 32)),
        "unknown_meter": reading(4, 6_500, number=9),
    }
    assert bring(person.client, *wrong.values()) == list(wrong)
    assert bring(person.client, reading(4, 6_500, chain=1)) == ["wrong_signature"]
    tampered = reading(4, 6_500)
    tampered["reading"]["importWh"] = "6501"
    assert bring(person.client, tampered, *wrong.values()) == ["wrong_signature", *wrong]
    assert slots_of(person.client) == before
    named = set(MeterFault.objects.values_list("code", flat=True))
    assert named == wrong.keys() - {"unknown_meter"}
    assert MeterFault.objects.count() == len(named)  # each once, however often it came


def test_registers_roll_over_and_begin_anew(person: Person) -> None:
    meter_of(person, installed_import_wh=999_900)
    assert bring(person.client, reading(0, 100)) == ["rollover"]
    assert bring(person.client, reading(1, 9_000), reading(2, 18_000), reading(3, 27_000)) == ["accepted"] * 3
    assert bring(person.client, reading(4, 20_000)) == ["backwards"]
    assert bring(person.client, reading(5, 40)) == ["reset"]
    values = slots_of(person.client)
    assert values[0] == (0, 200, 0, "measured")
    assert values[4:] == [(4, 0, 0, "estimated"), (5, 40, 0, "estimated")]
    assert list(MeterFault.objects.order_by("pk").values_list("code", flat=True)) == [
        "rollover",
        "backwards",
        "reset",
    ]


def test_an_exchanged_meter_counts_until_its_exchange(person: Person) -> None:
    old = meter_of(person)
    other = LocalSigner(b"\x23" * 32)
    new = meter_of(person, 2, other, installed_at=NOON + 1800, installed_import_wh=0, replaces=old)
    answers = bring(
        person.client,
        reading(1, 1500),
        reading(2, 1600),
        reading(2, 70, key=other, number=2),
        reading(2, 1, number=2),
    )
    assert answers == ["accepted", "removed", "accepted", "wrong_signature"]
    assert slots_of(person.client, 2) == [(2, 70, 0, "measured")]
    rows = person.client.get("/api/v1/meters/").json()["results"]
    assert [(row["removed_at"], row["replaces"]) for row in rows] == [(NOON + 1800, None), (None, old.serial)]
    with pytest.raises(RefusedError) as refused:
        register_meter(meter=Meter(serial="x", key="0x", prosumer=new.prosumer, installed_at=5, digits=0))
    assert set(refused.value.fields) == {"serial", "key", "installed_at", "digits"}


def test_nobody_brings_or_sees_anothers_readings(
    make_person: Callable[..., Person], django_user_model: type[User]
) -> None:
    one, other, keys = make_person(), make_person(), (KEY, LocalSigner(b"\x24" * 32))
    meters = [meter_of(one, 1, keys[0]), meter_of(other, 2, keys[1])]
    both = [reading(0, 1100, number=number, key=key) for number, key in zip((1, 2), keys, strict=True)]
    assert bring(other.client, both[0]) == ["unknown_meter"]
    assert other.client.get(READINGS, {"meter": meters[0].serial}).status_code == 404
    assert APIClient().get("/api/v1/meters/").status_code == 403
    assert APIClient().post(READINGS, {"readings": both}, format="json").status_code == 403
    assert not RegisterReading.objects.exists()
    token = MeterToken(label="gateway of 2", meter=meters[1])
    held = {"Authorization": f"Bearer {issue_token(token=token)}"}
    assert bring(APIClient(), *both, **held) == ["unknown_meter", "accepted"]
    seen = APIClient().get("/api/v1/meters/", headers=held).json()["results"]
    assert [row["meter"] for row in seen] == [meters[1].serial]
    assert APIClient().get("/api/v1/me/", headers=held).status_code == 403  # it opens nothing else
    everything = {"Authorization": f"Bearer {issue_token(token=MeterToken(label='operator'))}"}
    assert bring(APIClient(), *both, **everything) == ["accepted", "duplicate"]
    revoke_tokens(tokens=[token])
    for secret in (held["Authorization"], "Bearer wnm_guess", "Bearer"):
        refused = APIClient().get("/api/v1/meters/", headers={"Authorization": secret})
        assert refused.status_code == 403
        assert refused["Content-Type"] == "application/problem+json"
    admin = django_user_model.objects.create_superuser("desk@example.org", "long enough password")
    operator = APIClient()
    operator.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    assert slots_of(operator, 1) == [(0, 100, 0, "measured")]


def test_a_batch_costs_the_same_number_of_queries(
    person: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    meter_of(person)
    counts = []
    for slots in (range(1), range(1, 9)):
        with django_assert_max_num_queries(20) as captured:
            bring(person.client, *(reading(slot, 1100 + slot) for slot in slots))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_a_batch_is_refused_as_a_whole_only_for_its_form(person: Person) -> None:
    meter_of(person)
    good = reading(0, 1100)
    for wrong in (
        {},
        {"readings": []},
        {"readings": [good] * 1001},
        {"readings": [good, {**good, "signature": "0x12"}]},
        {"readings": [{**good, "reading": {**good["reading"], "importWh": 1100}}]},
    ):
        answer = person.client.post(READINGS, wrong, format="json")
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert not RegisterReading.objects.exists()


def test_a_meter_is_registered_and_its_token_shown_once_in_the_back_office(
    person: Person, django_user_model: type[User]
) -> None:
    desk = at_desk(django_user_model.objects.create_superuser("desk@example.org", "long enough password"))
    given = {
        "serial": "0x" + "01" * 32,
        "name": "1 EMH00 1",
        "key": "0x" + KEY.address.hex(),
        "prosumer": ensure_prosumer(user=person.user).pk,
        "digits": 6,
        "max_power_w": 40_000,
        "installed_at": NOON,
        "installed_import_wh": 1000,
        "installed_export_wh": 0,
    }
    page = desk.post("/admin/trading/meter/add/", given | {"installed_at": NOON + 1})
    assert "full quarter-hour" in page.content.decode()
    assert desk.post("/admin/trading/meter/add/", given).status_code == 302
    meter = Meter.objects.get()
    shown = desk.post("/admin/trading/metertoken/add/", {"label": "gateway", "meter": meter.pk}, follow=True)
    secret = shown.content.decode().partition("wnm_")[2][:64]
    held = {"Authorization": f"Bearer wnm_{secret}"}
    assert bring(APIClient(), reading(0, 1100), reading(0, 1101), **held) == ["accepted", "conflict"]
    for name in ("meter", "registerreading", "meterfault", "metertoken"):
        assert "wnm_" not in desk.get(f"/admin/trading/{name}/").content.decode()
    assert "the slot has a reading already" in desk.get("/admin/trading/meterfault/").content.decode()
    revoking = {"action": "revoke", "_selected_action": [MeterToken.objects.get().pk]}
    desk.post("/admin/trading/metertoken/", revoking)
    assert APIClient().get("/api/v1/meters/", headers=held).status_code == 403
    stranger = Client()
    assert stranger.get("/admin/trading/meter/").status_code == 302


def test_the_published_example_is_signed() -> None:
    said = EXAMPLE["reading"]
    assert isinstance(said, dict)
    numbers = (int(said[name]) for name in ("slotStart", "slotEnd", "importWh", "exportWh", "sequence"))
    value = MeterReading(bytes.fromhex(said["meter"][2:]), *numbers)
    signer = recover(digest(DOMAIN, value), bytes.fromhex(str(EXAMPLE["signature"])[2:]))
    assert signer.hex() == "ebc038c66a8e4ff17bc9c947f05efbe3210ed051"

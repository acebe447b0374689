"""A street of one's own: a pandapower network, a meter's CSV, and who uploads them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from grid.networks.files import feeder_to_json, open_network
from marketplace.accounts.models import User
from marketplace.studies.models import InputFile
from marketplace.studies.services import add_file

START = datetime(2026, 6, 1, 10, tzinfo=UTC)
SLOTS = 4


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, settings: Any) -> None:
    storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path / "private"},
    }
    settings.STORAGES = {**settings.STORAGES, "default": storage}


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("owner@example.org", "long enough password")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("stranger@example.org", "long enough password")


@pytest.fixture
def browser_of() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in


@pytest.fixture
def api_of() -> Callable[[User], APIClient]:
    def signed_in(user: User) -> APIClient:
        client = APIClient()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in


@pytest.fixture(scope="session")
def network() -> bytes:
    """What `pandapower.to_json` writes of a street with three homes, one of them with PV."""
    import pandapower as pp  # noqa: PLC0415  takes 2 s to import

    net = pp.create_empty_network(name="street")
    source, busbar, end = (
        pp.create_bus(net, kv, name=name) for kv, name in ((20, "mv"), (0.4, "busbar"), (0.4, "end"))
    )
    pp.create_ext_grid(net, source)
    pp.create_transformer(net, source, busbar, "0.25 MVA 20/0.4 kV", name="station")
    pp.create_line(net, busbar, end, 0.2, "NAYY 4x150 SE", name="cable")
    for name, bus in (("Haus 1", end), ("Haus 2", end), ("Haus 3", busbar)):
        pp.create_load(net, bus, 0.002, name=name)
    pp.create_sgen(net, end, 0.01, name="roof")
    text: str = pp.to_json(net)
    return text.encode()


@pytest.fixture(scope="session")
def compact(network: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same in our own format, which is quick to read."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "street.json").write_bytes(network)
    return feeder_to_json(open_network("street.json", folder))


@pytest.fixture(scope="session")
def meters() -> bytes:
    """Naive German times, decimal commas, kWh of a quarter-hour."""
    lines = ["Zeit;Haus 1 [kWh];Haus 1_export [kWh];Haus 2 [kWh];Haus 3 [kWh]"]
    for i in range(SLOTS):
        at = (START + timedelta(hours=2, minutes=15 * i)).strftime("%d.%m.%Y %H:%M")
        lines.append(f"{at};0,1;1,5;0,4;0,3")
    return "\n".join(lines).encode()


@pytest.fixture
def upload() -> Callable[..., InputFile]:
    def uploaded(user: User, name: str, raw: bytes | str, **reading: str) -> InputFile:
        content = raw.encode() if isinstance(raw, str) else raw
        return add_file(user=user, filename=name, raw=content, reading=reading)

    return uploaded


@pytest.fixture
def own(user: User, upload: Callable[..., InputFile], compact: bytes, meters: bytes) -> list[InputFile]:
    """Both files of the owner, checked."""
    return [upload(user, "street.json", compact), upload(user, "meters.csv", meters, zone="Europe/Berlin")]


@pytest.fixture
def order() -> dict[str, Any]:
    start = int(START.timestamp())
    return {"network": "street.json", "profiles": ["meters.csv"], "start": start, "end": start + 900 * SLOTS}


@pytest.fixture
def poisoned(network: bytes) -> bytes:
    """The same network, with a controller that would import a module and call what is in it."""
    content = json.loads(network)
    content["_object"]["controller"] = {
        "_module": "os",
        "_class": "system",
        "_object": "touch {marker}",
    }
    content["_object"]["evil"] = {"_module": "subprocess", "_class": "function", "_object": "getoutput"}
    return json.dumps(content).encode()

"""Two clients that share no code with this project, on ethers and on viem, live the whole life of a channel.

Each with a household of the market, and then with each other. They know docs/, the published schema and the EIP-712
types, and nothing else; what they compute by themselves must be what the site, the other client and the ledger hold.
"""

import json
import re
import subprocess
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from channels_engine.published import structures
from tests.e2e.papers import identity_card, statement
from tests.e2e.whole_site import WholeSite
from tests.system_parts import ROOT, require

HERE = Path(__file__).parent
NAME = "Erika Musterfrau"
PATIENCE_S = 150
pytestmark = pytest.mark.timeout(240)


class Merchant:
    """The merchant's operator in the back office, who approves."""

    def __init__(self, site: WholeSite) -> None:
        self._url, self._session = site.url, requests.Session()
        page = self._session.get(f"{site.url}/admin/login/", timeout=20).text
        name = "username" if 'name="username"' in page else "login"
        answer = self._post("/admin/login/", {name: "merchant@wattnote.example", "password": "wattnote-demo"})
        assert answer.url.endswith("/admin/"), answer.url

    def _post(self, path: str, fields: dict[str, str]) -> requests.Response:
        token = self._session.cookies["csrftoken"]
        content = {"csrfmiddlewaretoken": token, "next": "/admin/", **fields}
        answer = self._session.post(self._url + path, content, timeout=20)
        answer.raise_for_status()
        return answer

    def approve(self, application: str) -> None:
        path = f"/admin/credit/creditapplication/{application}/change/"
        self._session.get(self._url + path, timeout=20).raise_for_status()
        self._post(path, {"decision": "start"})
        self._post(path, {"decision": "approve", "approve-limit": "150", "approve-collateral": "20"})


class Client:
    """One script in a process; `steps` are the lines that it wrote."""

    def __init__(self, library: str, config: dict[str, Any], folder: Path, merchant: Merchant) -> None:
        self.library, self._merchant = library, merchant
        self.steps: list[dict[str, Any]] = []
        path = folder / f"{library}.json"
        path.write_text(json.dumps(config))
        self._errors = (folder / f"{library}.log").open("w+")
        command = ["node", f"{library}/main.mjs", str(path)]
        self._process = subprocess.Popen(
            command, cwd=HERE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            step = json.loads(line)
            self.steps.append(step)
            if step["step"] == "applied":
                self._merchant.approve(step["application"])

    def result(self) -> dict[str, Any]:
        try:
            code = self._process.wait(PATIENCE_S)
            self._reader.join(10)
        except subprocess.TimeoutExpired:
            code = -1
        assert code == 0, self.story()
        return dict(self.steps[-1]["result"])

    def story(self) -> str:
        self._errors.seek(0)
        lines = [json.dumps(step)[:300] for step in self.steps[-6:]]
        return "\n".join([f"{self.library}, last steps:", *lines, self._errors.read()[-3000:]])

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10)
        for stream in (self._process.stdout, self._errors):
            if stream:
                stream.close()


def lives_of(site: WholeSite, folder: Path) -> dict[str, dict[str, Any]]:
    """What both clients report; they live at the same time."""
    tag = uuid4().hex[:6]
    common = {
        "url": site.url,
        "ledgerUrl": site.ledger_url,
        "password": "A password of two clients",
        "legalName": NAME,
        "identity": str(identity_card(folder / "identity.png", NAME, "1 June 1985")),
        "statement": str(statement(folder / "statement.pdf", NAME)),
    }
    own = {
        "ethers": {"name": f"Elder {tag}", "funding": "note", "buysFrom": f"Vetch {tag}"},
        "viem": {"name": f"Vetch {tag}", "funding": "deposit"},
    }
    clients = [
        Client(library, {**common, **config, "email": f"{library}-{tag}@example.org"}, folder, Merchant(site))
        for library, config in own.items()
    ]
    try:
        return {client.library: client.result() for client in clients}
    finally:
        for client in clients:
            client.end()


@pytest.fixture
def libraries() -> None:
    require("Node")
    require("ethers and viem")


def test_two_other_clients_live_their_lives(libraries: None, site: WholeSite, tmp_path: Path) -> None:
    """One test, so that one site and one run of both will do."""
    check_session(site)
    for origin in (None, "http://elsewhere.example"):
        check_origin(site, origin)
    lives = lives_of(site, tmp_path)
    for life in lives.values():
        check_house(life["house"])
    check_pair(lives["ethers"]["pair"], lives["viem"]["pair"])
    check_frames(set(lives["ethers"]["seen"]) | set(lives["viem"]["seen"]))


def check_house(house: dict[str, Any]) -> None:
    assert {"accepted", "countered"} & set(house["answers"])
    assert int(house["final"]["balanceA"]) < int(house["funding"])
    assert house["final"]["isFinal"] is True
    expected = int(house["final"]["balanceA"]) if house["kind"] == "deposit" else 0
    assert int(house["atKey"]) == expected


def check_pair(buyer: dict[str, Any], seller: dict[str, Any]) -> None:
    assert buyer["channel"] == seller["channel"]
    assert buyer["final"] == seller["final"]
    assert buyer["trades"] == seller["trades"] == 2
    assert int(buyer["broughtBack"]) == int(buyer["final"]["balanceA"])
    assert int(seller["earned"]) == int(buyer["final"]["balanceB"]) - 10_000_000
    assert int(buyer["final"]["balanceA"]) + int(buyer["final"]["balanceB"]) == 25_000_000


def check_frames(seen: set[str]) -> None:
    """Each was held against the published schema when it came."""
    assert seen <= set(structures.relay_names())
    assert {"hello", "accepted", "channels", "state", "message.esc.propose", "message.settle.request"} <= seen
    assert {"message.close.confirm", "message.ledger.finalised", "message.counter", "message.reject"} <= seen


def check_session(site: WholeSite) -> None:
    """A program gets it as docs/api.md says."""
    session = requests.Session()
    session.get(f"{site.url}/accounts/login/", timeout=20)
    form = {"login": "prosumer@wattnote.example", "password": "wattnote-demo"}
    head = {"X-CSRFToken": session.cookies["csrftoken"]}
    answer = session.post(
        f"{site.url}/accounts/login/", form, headers=head, allow_redirects=False, timeout=20
    )
    assert (answer.status_code, "sessionid" in session.cookies) == (302, True)
    assert session.get(f"{site.url}/api/v1/me/", timeout=20).json()["email"] == form["login"]


def check_origin(site: WholeSite, origin: str | None) -> None:
    """The socket wants the site's own."""
    head = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    head |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} | ({"Origin": origin} if origin else {})
    assert requests.get(f"{site.url}/ws/channels/", headers=head, timeout=20).status_code == 403


@pytest.mark.parametrize("library", ["ethers", "viem"])
def test_another_library_computes_the_vectors(library: str) -> None:
    require("Node")
    require("ethers and viem")
    command = [
        "node",
        f"{library}/vectors.mjs",
        str(ROOT / "fixtures/vectors"),
        str(ROOT / "docs/schema/eip712.json"),
    ]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(count > 3 for count in json.loads(done.stdout).values())


def test_they_import_nothing_of_this_project() -> None:
    allowed = {"ajv", "ethers", "viem", "viem/accounts", "ws"}
    for path in [path for path in HERE.rglob("*.mjs") if "node_modules" not in path.parts]:
        for name in re.findall(r'(?:from|import)\s+"([^"]+)"', path.read_text()):
            inside = name.startswith(".") and (path.parent / name).resolve().is_relative_to(HERE)
            assert inside or name in allowed or name.startswith("node:"), f"{path}: {name}"

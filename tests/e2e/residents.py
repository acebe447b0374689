"""People who are ready to trade: account, wallet, money and credit over the API; their browser only takes the key in."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from journey import DEMO_PASSWORD, NAME, PASSPHRASE, PASSWORD
from papers import identity_card, statement
from playwright.sync_api import Page, expect
from spoken import say
from whole_site import WholeSite

from channels_engine.codec import to_hex
from marketplace.client import Client
from marketplace.client.wallet import Wallet

OPERATOR = "merchant@wattnote.example"
QUICK_COST = 2**13
"""Of scrypt: the file has the format of any backup, and opens in an eighth of a second."""
HOME = {"street": "Hauptstraße 1", "postcode": "10115", "city": "Berlin", "country": "DE"}
PERSON = {"legal_name": NAME, "birth_date": "1985-06-01", "meter_number": "1ESY1160012345", **HOME}
MICRO, SLOT_S = 10**6, 900


@dataclass
class Resident:
    """Somebody with an account, a proven wallet and test money."""

    name: str
    email: str
    client: Client
    wallet: Wallet
    keystore: str

    def wait_for_connection(self, site: WholeSite) -> None:
        """The market gives a newcomer a connection with its next slot."""
        path = f"{site.url}/api/v1/market/forecast/"
        site.wait_for("a connection", lambda: self.client.http.get(path, timeout=20).ok)

    def come_home(self, page: Page, language: str = "en") -> None:
        """Signed in by the session's cookie; the wallet is restored by clicks, from its backup file."""
        kept: list[Any] = [
            {"name": one.name, "value": one.value, "url": self.client.url} for one in self.client.http.cookies
        ]
        page.context.add_cookies(kept)
        page.goto("/wallet/")
        file: Any = {
            "name": "keystore.json",
            "mimeType": "application/json",
            "buffer": self.keystore.encode(),
        }
        page.locator("#restore-file").set_input_files(file)
        page.locator("#restore-pass").fill(PASSPHRASE)
        page.get_by_role("button", name=say("Restore", language), exact=True).click()
        expect(page.locator("#wallet-state")).to_have_text(say("Unlocked in this tab", language))
        expect(page.locator("#wallet-balance")).to_contain_text("€")

    def get_credit(self, folder: Path) -> None:
        """Apply with papers, be approved by the merchant, and start the agreement."""
        self.client.call("PATCH", "me/profile/", PERSON)
        self._upload("identity", identity_card(folder / "identity-card.png", NAME, "1 June 1985"))
        self._upload("statement", statement(folder / "bank-statement.pdf", NAME))
        merchant = next(self.client.listed("merchants/", dict))["slug"]
        wish = {"requested_limit": 150, "monthly_income": 3100, "monthly_outgoings": 1600}
        money = {name: str(value * MICRO) for name, value in wish.items()}
        made = self.client.post("applications/", dict, {"merchant": merchant, "consent": True, **money})
        self.client.post(f"applications/{made['id']}/submit/", dict)
        approve(self.client.url, made["id"])
        self._start(self.client.get(f"applications/{made['id']}/", dict)["agreement"])

    def _upload(self, kind: str, paper: Path) -> None:
        http, url = self.client.http, self.client.url
        head = {"X-CSRFToken": http.cookies["csrftoken"] or "", "Referer": url + "/"}
        with paper.open("rb") as file:
            answer = http.post(
                f"{url}/api/v1/documents/", {"kind": kind}, files={"file": file}, headers=head, timeout=20
            )
        answer.raise_for_status()

    def _start(self, agreement: str) -> None:
        asked = self.client.get(f"agreements/{agreement}/to-sign/", dict)
        proof = {"signature": asked["agreement"], "permit_signature": asked["permit"]}
        signed = {name: self._signed(data) for name, data in proof.items()}
        body = {**signed, "permit_deadline": asked["permit_deadline"]}
        self.client.post(f"agreements/{agreement}/initialise/", dict, body)

    def _signed(self, data: dict[str, Any]) -> str:
        asked = encode_typed_data(full_message=data)
        return to_hex(self.wallet.signer.sign(bytes(_hash_eip191_message(asked))))


class Market:
    """The operator's hand: the market rests, and a slot is played when one is wanted."""

    def __init__(self, site: WholeSite) -> None:
        self.client = Client(site.url)
        self.client.sign_in("operator@wattnote.example", DEMO_PASSWORD)

    @contextmanager
    def resting(self) -> Iterator[None]:
        self._rest(paused=True)
        try:
            yield
        finally:
            self._rest(paused=False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """For a while, where it rests."""
        self._rest(paused=False)
        try:
            yield
        finally:
            self._rest(paused=True)

    def _rest(self, *, paused: bool) -> None:
        self.client.call("PATCH", "market/control/", {"paused": paused})

    def play_to(self, slot: int) -> None:
        """Until this slot is metered."""
        self.play((slot - self.client.market().open[0]) // SLOT_S + 2)

    def play(self, slots: int) -> None:
        for _ in range(slots):
            self.client.post("market/step/", dict)


def settle(site: WholeSite, name: str, language: str = "en") -> Resident:
    """A new person of that name, who reads that language."""
    root = secrets.token_bytes(32)
    client, wallet = Client(site.url), Wallet(root)
    client.http.headers["Accept-Language"] = language
    email = f"{uuid4().hex[:12]}@example.org"
    client.sign_up(email, PASSWORD)
    wallet.prove(client)
    client.post("wallet/test-money/", dict)
    client.call("PATCH", "me/profile/", {"display_name": name})
    keystore = Account.encrypt(root, PASSPHRASE, kdf="scrypt", iterations=QUICK_COST)
    return Resident(name, email, client, wallet, json.dumps(keystore))


def approve(url: str, application: str) -> None:
    """As the merchant's operator."""
    office = Client(url)
    office.sign_in(OPERATOR, DEMO_PASSWORD)
    path = f"office/applications/{application}/"
    office.post(f"{path}decision/", dict, {"decision": "take"})
    terms = {"limit": str(150 * MICRO), "collateral": str(20 * MICRO), "seen": office.get(path, dict)["seen"]}
    office.post(f"{path}decision/", dict, {"decision": "approve", **terms})
    office.close()

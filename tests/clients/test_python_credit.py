"""The package's own client, on credit: from the application to a channel that a merchant's note funds."""

import secrets
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from eth_account import Account

from channels_engine.codec import to_hex
from channels_engine.core.typed_data import struct_hash
from marketplace.client import Client
from marketplace.client.desk import Desk
from marketplace.client.shapes import Agreement, Funding
from marketplace.client.wallet import Wallet
from tests.clients.test_other_clients import NAME, Merchant
from tests.clients.test_python_client import houses
from tests.clients.test_sockets_by_token import person, token
from tests.e2e.papers import identity_card, statement
from tests.e2e.whole_site import WholeSite

pytestmark = pytest.mark.timeout(240)
AMOUNT = 2_000_000


def apply(client: Client, folder: Path) -> str:
    home = {"street": "Hauptstraße 1", "postcode": "10115", "city": "Berlin", "country": "DE"}
    who = {
        "display_name": "Teasel",
        "legal_name": NAME,
        "birth_date": "1985-06-01",
        "meter_number": "1ESY1160012345",
    }
    client.call("PATCH", "me/profile/", {**home, **who})
    papers = {
        "identity": identity_card(folder / "identity.png", NAME, "1 June 1985"),
        "statement": statement(folder / "statement.pdf", NAME),
    }
    head = {"X-CSRFToken": client.http.cookies["csrftoken"] or "", "Referer": client.url + "/"}
    for kind, path in papers.items():
        with path.open("rb") as file:
            sent: requests.Response = client.http.post(
                f"{client.url}/api/v1/documents/",
                data={"kind": kind},
                files={"file": file},
                headers=head,
                timeout=20,
            )
        assert sent.status_code == 201, sent.text
    merchant = client.get("merchants/", dict)["results"][0]["slug"]
    figures = {
        "requested_limit": "150000000",
        "monthly_income": "3100000000",
        "monthly_outgoings": "1600000000",
    }
    made: dict[str, Any] = client.post(
        "applications/", dict, {"merchant": merchant, "consent": True, **figures}
    )
    client.post(f"applications/{made['id']}/submit/", dict)
    return str(made["id"])


def start(client: Client, root: bytes, application: str) -> Agreement:
    """The approved agreement, started on the ledger."""
    path = f"agreements/{client.get(f'applications/{application}/', dict)['agreement']}/"
    asked = client.get(path + "to-sign/", dict)
    signed = {
        name: to_hex(bytes(Account.sign_typed_data(root, full_message=asked[data]).signature))
        for name, data in (("signature", "agreement"), ("permit_signature", "permit"))
    }
    client.post(path + "initialise/", dict, {**signed, "permit_deadline": asked["permit_deadline"]})
    agreement = client.get(path, Agreement)
    assert agreement.state == "active"
    return agreement


def test_a_channel_by_credit_note(site: WholeSite, tmp_path: Path) -> None:
    client, root = person(site), secrets.token_bytes(32)
    wallet = Wallet(root)
    wallet.prove(client)
    client.post("wallet/test-money/", dict)
    application = apply(client, tmp_path)
    Merchant(site).approve(application)
    agreement = start(client, root, application)
    mine = Client(site.url, token=token(client, "trade:write", "credit:write")["secret"])
    slug = houses(mine)[0]
    with closing(Desk(mine, wallet)) as desk:
        terms = desk.agree(mine.get(f"prosumers/{slug}/", dict)["owner"])
        path = f"prosumers/{slug}/funding/?scid={to_hex(struct_hash(terms))}&index=0"
        theirs = mine.get(path, Funding)
        channel = desk.open_by_note(
            terms, agreement=agreement, amount=AMOUNT, theirs=theirs, their_amount=min(theirs.amount, AMOUNT)
        )
        [note] = mine.notes()
        assert (note.holder, note.amount) == (to_hex(terms.party_a), AMOUNT)
        [shown] = [one for one in mine.channels() if one.id == to_hex(channel)]
        assert (shown.funding, shown.phase, shown.balance_mine) == ("note", "open", AMOUNT)
        desk.fund(channel, -500_000)
        assert desk.current(channel).balance_a == AMOUNT - 500_000
        desk.fund(channel, 200_000)
        assert desk.finish(channel).payout == (AMOUNT - 300_000, min(theirs.amount, AMOUNT))

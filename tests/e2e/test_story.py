"""A newcomer's whole way: account, wallet, credit, channel, negotiation, trade, meter, payout, in a real browser."""

import json
import re
from decimal import Decimal
from pathlib import Path
from secrets import token_bytes
from typing import Literal
from uuid import uuid4

import pytest
import requests
from eth_account import Account
from external_wallet import ExternalOwner, ExternalWallet
from journey import DEALS_MS, PASSPHRASE, SLOTS_AHEAD, Newcomer, Reviewer, Trader
from playwright.sync_api import Browser, expect
from watched_browser import Camera, Watch, overflow, pictures_folder, visitor
from whole_site import WholeSite

from channels_engine.core.signing import derive_session_key

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


LOOKS: dict[int, tuple[str, Literal["light", "dark"]]] = {1280: ("en", "light"), 390: ("de", "dark")}


@pytest.mark.parametrize(("width", "sells"), [(1280, False), (390, True)], ids=["wide-buys", "narrow-sells"])
def test_from_sign_up_to_payout(
    site: WholeSite, browser: Browser, tmp_path: Path, width: int, *, sells: bool
) -> None:
    language, scheme = LOOKS[width]
    camera, pseudonym = Camera(pictures_folder() / f"story-{width}"), f"Blue house {width}"
    with (
        visitor(browser, site.url, width, language=language, scheme=scheme) as (page, watch),
        visitor(browser, site.url, width) as (office, office_watch),
    ):
        newcomer = Newcomer(page, camera, pseudonym, language=language)
        newcomer.sign_up(f"{uuid4().hex[:12]}@example.org")
        newcomer.make_wallet()
        key = bytes(Account.decrypt(json.loads(newcomer.backup), PASSPHRASE))
        assert newcomer.link_wallet() == Account.from_key(key).address.lower()
        newcomer.tell_about_myself()
        newcomer.apply(tmp_path)
        reviewer = Reviewer(office, camera, pseudonym)
        reviewer.approve()
        newcomer.start_agreement()

        trader = Trader(page, camera, pseudonym, sells=sells, language=language)
        trader.find_partner()
        trader.open_channel()
        assert trader.holdings() == (Decimal(20), Decimal(5))
        quantity = Decimal("0.05") if sells else Decimal("0.2")
        trader.ask(
            kwh=str(quantity), cents="31.50" if sells else "8.50", ahead=None if sells else SLOTS_AHEAD
        )
        amount = trader.say_yes() * (1 if sells else -1)
        assert amount != 0
        trader.see_trade()
        assert trader.holdings() == (Decimal(20) + amount, Decimal(5) - amount)
        if not sells:
            trader.unlock_for_the_meter()
        trader.wait_for_the_meter()
        delivered, mine, theirs = trader.look_at_proof()
        assert Decimal(0) < delivered <= quantity
        assert mine + theirs == Decimal(25)
        refund = (Decimal(20) + amount - mine) * (1 if sells else -1)
        assert refund == 0 if delivered == quantity else refund > 0
        payout, transaction = trader.close()
        assert payout == (mine, theirs)
        assert receipt_of(site, transaction)["status"] == "0x1"
        trader.look_around(transaction)

        assert [*newcomer.wide, *reviewer.wide, *trader.wide] == []
        assert [*watch.complaints, *office_watch.complaints] == []
        assert [*watch.elsewhere, *office_watch.elsewhere] == []
        tells_nothing(watch, key)


def receipt_of(site: WholeSite, transaction: str) -> dict[str, str]:
    """The ledger's own word on a transaction."""
    question = {"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionReceipt", "params": [transaction]}
    answer = requests.post(site.ledger_url, json=question, timeout=10).json()
    return dict(answer["result"])


def tells_nothing(watch: Watch, key: bytes) -> None:
    """Neither passphrase nor keys went out, though the browser signed and spoke."""
    nonces = {match for sent in watch.sent for match in re.findall(rb'"nonce":"0x([0-9a-f]{64})"', sent)}
    sessions = [derive_session_key(key, b"esc/" + bytes.fromhex(nonce.decode())) for nonce in nonces]
    assert sessions
    assert watch.tells("esc.propose")
    assert watch.tells("receipt_signature")
    secrets = [PASSPHRASE, *(secret.hex() for secret in (key, *sessions))]
    assert [secret for secret in secrets if watch.tells(secret)] == []


STREET = {
    "format": "wattnote-feeder-1",
    "name": "street",
    "source_bus": 0,
    "source_vm_pu": 1.0,
    "buses": [{"name": "mv", "vn_kv": 20.0}, {"name": "busbar", "vn_kv": 0.4}],
    "lines": [],
    "transformers": [
        {"name": "station", "hv_bus": 0, "lv_bus": 1, "sn_mva": 0.25, "vn_hv_kv": 20.0, "vn_lv_kv": 0.4, "vk_percent": 6.0,
         "vkr_percent": 1.4, "pfe_kw": 0.8, "i0_percent": 0.3, "shift_degree": 150.0, "tap_side": "hv", "tap_steps": 0.0,
         "tap_step_percent": 2.5}
    ],
    "connections": [
        {"name": name, "bus": 1, "load": {"name": name, "p_mw": 0.002, "q_mvar": 0.0, "profile": None}}
        for name in ("house", "shop")
    ],
}  # fmt: skip
METERS = "time,house_kWh,house_export_kWh,shop_kWh\n" + "".join(
    f"2026-06-01T10:{minute:02}:00Z,0,1.5,0.4\n" for minute in (0, 15, 30, 45)
)


def test_own_feeder_from_upload_to_result(site: WholeSite, browser: Browser, tmp_path: Path) -> None:
    files = {
        "street.json": json.dumps(STREET),
        "meters.csv": METERS,
        "broken.csv": METERS.replace("_kWh", ""),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with visitor(browser, site.url, 390) as (page, watch):
        Newcomer(page, Camera(pictures_folder() / "own-feeder"), "Own").sign_up(
            f"{uuid4().hex[:12]}@example.org"
        )
        page.goto("/own/")
        page.get_by_label("Files", exact=True).set_input_files([tmp_path / name for name in files])
        page.get_by_role("button", name="Upload and check").click()
        expect(page.get_by_text("Column 'house' has no unit")).to_be_visible()
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("heading", name="What came of it")).to_be_visible()
        expect(page.get_by_role("rowheader", name="shop")).to_be_visible()
        assert (overflow(page), watch.complaints, watch.elsewhere) == (0, [], [])

        page.get_by_role("link", name="Report and tables").click()
        expect(page.get_by_role("heading", name="street", level=1)).to_be_visible()
        report = page.frame_locator(".report-frame")
        page.locator(".report-frame").scroll_into_view_if_needed()
        expect(report.get_by_role("heading", name="within limits")).to_be_visible()
        expect(report.locator("[data-chart=voltage] svg")).to_be_visible()
        with page.expect_download() as table:
            page.get_by_role("link", name="Bills as CSV", exact=True).click()
        assert "house" in table.value.path().read_text()
        run = page.url.rstrip("/").rpartition("/")[2]
        page.goto(f"/runs/compare/?a={run}&b={run}")
        expect(page.locator(".plot svg")).to_have_count(9)
        assert (overflow(page), watch.complaints, watch.elsewhere) == (0, [], [])


def test_a_wallet_of_another_maker_and_its_restoring(
    site: WholeSite, browser: Browser, tmp_path: Path
) -> None:
    """Connected by its signature, it opens a channel; a fresh browser gets the channel back from another signature."""
    oak = ExternalWallet(token_bytes(32), chain_id=1)
    elm = ExternalWallet(token_bytes(32), chain_id=31337, name="Elm wallet", rdns="example.elm")
    camera, pseudonym = Camera(pictures_folder() / "external-390"), "Oak house"
    email = f"{uuid4().hex[:12]}@example.org"
    with visitor(browser, site.url, 390) as (page, watch):
        oak.enter(page, elm)
        person = ExternalOwner(page, camera, pseudonym)
        Newcomer(page, camera, pseudonym).sign_up(email)
        person.connect(oak)
        newcomer = Newcomer(page, camera, pseudonym)
        assert newcomer.link_wallet() == oak.address.lower()
        newcomer.tell_about_myself()
        page.goto("/wallet/")
        newcomer.press("Get test money")
        expect(page.locator("#wallet-balance")).to_contain_text("000.00")
        site.wait_for("a connection", lambda: page.request.get(f"{site.url}/api/v1/market/forecast/").ok)
        trader = Trader(page, camera, pseudonym)
        partner = trader.find_partner()
        page.locator("#open-amount").fill("5")
        trader.press("Open channel")
        trader.sign("terms-question")
        trader.sign("deposit-question")
        trader.sign("opening-question")
        expect(page.locator("#composer")).to_be_visible(timeout=DEALS_MS)
        held = trader.holdings()
        assert "wallet_switchEthereumChain" in oak.asked
        assert [*person.wide, *trader.wide, *watch.complaints, *watch.elsewhere] == []
        assert not any(watch.tells(secret) for secret in (PASSPHRASE, oak.key.hex()))
    with visitor(browser, site.url, 1280) as (page, watch):
        oak.enter(page)
        person = ExternalOwner(page, Camera(pictures_folder() / "external-1280"), pseudonym)
        person.sign_in(email)
        person.restore(oak, elm)
        page.goto("/partners/?search=" + partner.replace(" ", "+"))
        page.get_by_role("link", name=f"Negotiate with {partner}").first.click()
        expect(page.locator("#composer")).to_be_visible()
        assert Trader(page, person.camera, pseudonym).holdings() == held
        page.get_by_role("link", name="States and signatures").click()
        expect(page.locator("#kept")).to_contain_text("State 0 with both signatures")
        page.goto("/wallet/")
        expect(page.locator("#wallet-balance")).to_contain_text("€")
        page.evaluate("window.announced['example.oak'].emit('accountsChanged', [])")
        expect(page.locator("#wallet-state")).to_have_text("Locked")
        person.picture("account-changed")
        assert [*person.wide, *watch.complaints, *watch.elsewhere] == []
        assert held[0] == Decimal(5)
        assert not any(watch.tells(secret) for secret in (PASSPHRASE, oak.key.hex(), elm.key.hex()))

"""One person's things at one merchant, and everybody who might try to reach them."""

from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.test import Client

from channels_engine.core import types
from channels_engine.core.messages import DepositFunding
from channels_engine.core.signing import LocalSigner
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.store import models as engine
from grid.models import ReplayRun
from marketplace.accounts.documents import add_document
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import AuditEvent, Document, User, Wallet
from marketplace.accounts.services import update_profile
from marketplace.billing.gathering import Frozen
from marketplace.billing.models import Bill, Biller, DebtPayment, Supply
from marketplace.credit import decisions, lists, services
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.keystores import new_keystore
from marketplace.credit.models import (
    Agreement,
    CreditApplication,
    Ledger,
    ListEntry,
    Merchant,
    ReasonTemplate,
)
from marketplace.credit.notes import NoteRequest, issue_note
from marketplace.programs.models import Delivery, Webhook
from marketplace.programs.tokens import make_token
from marketplace.studies.services import add_file
from marketplace.trading.models import (
    AgentRules,
    GateDecision,
    Listing,
    Meter,
    MeterFault,
    MeterToken,
    Prosumer,
    RegisterReading,
)
from marketplace.trading.own_agent.rules import Rules
from marketplace.web.language import catalogue
from tests.marketplace.people import at_desk, png
from tests.stored_channels import store_endpoints

ROLES = ("anonymous", "owner", "other", "operator", "rival", "staff", "meters", "super")
"""In the columns' order: nobody; whose things they are; another participant; operators of the merchant applied to
and of another one; staff without a merchant; the metering operator; who runs the site."""
PASSWORD = "long enough password"
RULES = Rules(
    sells=True, sell_from=1, buys=False, buy_up_to=0, reserve_wh=0, budget=0, most_wh=1, partners="all",
    from_minute=0, to_minute=0, zone="UTC",
)  # fmt: skip
SUMMARY = {
    "energy": {},
    "kpis": {"self_sufficiency": None},
    "slots": 1,
    "households": 1,
    "trades": 0,
    "refused": 0,
}


@dataclass
class World:
    """`objects` by the names of the matrix's second column: what fills a path's arguments."""

    clients: dict[str, Client]
    objects: dict[str, Any]
    users: dict[str, User]
    words: dict[str, tuple[str, ...]]
    """What somebody must be allowed to read, by who may: see `READERS`."""


def _person(number: int, name: str) -> User:
    user = User.objects.create_user(f"{name}@example.org", PASSWORD)
    signer = LocalSigner(number.to_bytes(32, "big"))
    sealed = {"legal_name": f"Legal {name}", "birth_date": "1985-06-01", "street": f"{name}-street 1"}
    where = {
        "postcode": "10115",
        "city": "Berlin",
        "country": "DE",
        "meter_number": "1ESY1160012345",
        "display_name": f"Pseudonym {name}",
    }
    update_profile(user=user, changes={**sealed, **where})
    Wallet.objects.create(user=user, address=to_hex(signer.address), message="m", signature="0x")
    add_document(user=user, kind="identity", filename=f"{name}.png", raw=png((number, 9, 9)))
    return user


def _shop(slug: str) -> tuple[Merchant, User]:
    secret = slug.encode().ljust(32, b"\x01")
    msc = to_hex(LocalSigner(secret).address[::-1])
    merchant = Merchant.objects.create(slug=slug, name=slug.title(), msc=msc, keystore=new_keystore(secret))
    operator = User.objects.create_user(f"{slug}@example.org", PASSWORD, is_staff=True)
    merchant.operators.add(operator)
    return merchant, operator


def _applied(user: User, merchant: Merchant) -> CreditApplication:
    application = services.start_application(
        user=user,
        merchant=merchant,
        requested_limit=150_000_000,
        monthly_income=3_000_000_000,
        monthly_outgoings=1_800_000_000,
        consent=True,
    )
    return services.submit_application(application=application)


def _channel(owner: str, peer: str) -> tuple[str, str]:
    terms = types.EntityContract(b"\x02" * 20, b"\x03" * 20, b"\x04" * 20, 60, 5, 0, b"\x05" * 32)
    none = bytes(20), bytes(32)
    opening = types.ChannelOpen(struct_hash(terms), 0, 10, 20, *none, *none, 1, 2)
    channel = struct_hash(opening)
    state = types.ChannelState(channel, 3, 2, 11, 19, 500, 0, bytes(32), is_final=False)
    funding = DepositFunding(5, b"\x06" * 65)
    endpoint = Endpoint(
        domain=types.Domain(31337, b"\x01" * 20),
        channel=channel,
        me=types.Side.A,
        terms=terms,
        opening=opening,
        phase=Phase.OPEN,
        fundings=(funding, funding),
        current=CoSigned(state, b"\x07" * 65, b"\x08" * 65),
    )
    store_endpoints(endpoint, owners=(owner, peer))
    trade = {"channel": to_hex(channel), "trade": "0x" + "ee" * 32, "seller": owner, "buyer": peer}
    numbers = {"quantity_wh": 500, "price_per_kwh": 2000, "imbalance_per_kwh": 3000, "amount": 1}
    engine.TradeRecord.objects.create(**trade, **numbers, slot_start=900, slot_end=1800, version=3, at=5)
    return to_hex(channel), to_hex(terms.nonce)


def _credit(owner: User, leaver: User, merchant: Merchant, operator: User) -> dict[str, Any]:
    approved = _applied(owner, merchant)
    agreement = decisions.approve_application(
        application=approved, operator=operator, limit=150_000_000, collateral=15_000_000
    )
    Agreement.objects.filter(pk=agreement.pk).update(state=Agreement.State.ACTIVE)
    agreement.refresh_from_db()
    signer, serial, holder = LocalSigner((1).to_bytes(32, "big")), b"\x0a" * 32, b"\x0b" * 20
    receipt = types.NoteReceipt(raw(agreement.sid), serial, holder, 5)
    signature = signer.sign(digest(domain_of(agreement), receipt))
    note = issue_note(agreement=agreement, request=NoteRequest(serial, holder, 5, signature))
    withdrawn = _applied(leaver, merchant)
    services.withdraw_application(application=withdrawn)
    entry = ListEntry.objects.create(
        merchant=merchant, wallet=owner.wallet.address, shade="grey", reason="S3cret"
    )
    answered = ListEntry.objects.create(
        merchant=merchant, wallet=owner.wallet.address, shade="grey", reason="Second S3cret"
    )
    appeal = lists.appeal(entry=answered, user=owner, words="Words of appeal")
    return {
        "appeal": appeal.pk,
        "reason": ReasonTemplate.objects.create(merchant=merchant, use="ask", title="T", text="R3ason").pk,
        "application": _applied(owner, merchant).pk,
        "withdrawn": withdrawn.pk,
        "agreement": agreement.pk,
        "note": note.serial,
        "step": "person",
        "document": Document.objects.filter(user=owner).first().pk,
        "left document": Document.objects.filter(user=leaver).first().pk,
        "merchant": merchant.pk,
        "entry": entry.pk,
        "entry for all": ListEntry.objects.create(wallet="0x" + "99" * 20, shade="black", reason="All").pk,
        "audit": AuditEvent.objects.filter(person=owner, action="application.submitted").first().pk,
    }


def _trade(owner: User, peer: User) -> dict[str, Any]:
    def home(user: User, slug: str) -> Prosumer:
        return Prosumer.objects.create(owner=user.owner, slug=slug, display_name=slug.title(), user=user)

    mine = home(owner, "home")
    home(peer, "peer")
    listing = Listing.objects.create(
        prosumer=mine, side="buys", slot_start=9 * 10**9, quantity_wh=1, price_per_kwh=1
    )
    channel, nonce = _channel(owner.owner, "h-1")
    decided = {"seller": owner.owner, "buyer": "h-1", "quantity_wh": 77_777_777, "allowed": True}
    gate = GateDecision.objects.create(slot_start=900, passes_wh=5, decided_at=1, **decided)
    meter = Meter.objects.create(
        serial="0x" + "dd" * 32, name="Meter-1", key="0x" + "de" * 20, prosumer=mine, installed_at=0
    )
    reading = RegisterReading.objects.create(
        meter=meter,
        sequence=1,
        slot_start=0,
        slot_end=900,
        import_wh=1,
        export_wh=0,
        signature="0x",
        received_at=1,
    )
    said = {"text": "w", "values": {}}
    fault = MeterFault.objects.create(meter=meter, code="late", slot_start=0, sequence=1, said=said, at=1)
    token = MeterToken.objects.create(digest="d" * 64, label="Box", meter=meter)
    rules = AgentRules.objects.create(user=owner, version=4, rules=RULES.as_dict())
    return {
        "home": "home",
        "prosumer": mine.pk,
        "listing": listing.pk,
        "channel": channel,
        "contract": nonce,
        "gate": gate.pk,
        "meter": meter.pk,
        "reading": reading.pk,
        "fault": fault.pk,
        "token": token.pk,
        "rules": rules.version,
        "state": "state",
    }


def _runs(owner: User) -> dict[str, Any]:
    file = add_file(user=owner, filename="my-meter.csv", raw=b"time,Erika_kW\n", reading={})
    own = {"owner": owner, "kind": "study", "status": "finished", "summary": SUMMARY}
    run = ReplayRun.objects.create(scenario="Erika", starts_at=0, ends_at=900, **own)
    return {"file": file.pk, "study": run.pk, "study's table": {"pk": run.pk, "table": "bills"}}


def _programs(owner: User) -> dict[str, Any]:
    token = make_token(user=owner, label="Program of owner", scopes=["trade:read"], days=1)[0]
    webhook = Webhook.objects.create(
        user=owner, url="https://owner.example/hooks", events=["*"], secret="whsec_AAAA"
    )
    sent = Delivery.objects.create(webhook=webhook, event="ping", key="1")
    return {"program token": token.pk, "webhook": webhook.pk, "sent": {"pk": webhook.pk, "delivery": sent.pk}}


def _bill(owner: User, merchant: Merchant) -> dict[str, Any]:
    """An unpaid bill of a quarter-hour."""
    Biller.objects.create(
        merchant=merchant, legal_name="Stadtwerke", street="Ring 1", postcode="10115", city="Berlin",
        vat_id="DE123456788", prefix="S-",
    )  # fmt: skip
    times = {"starts_at": 0, "ends_at": 900}
    run = ReplayRun.objects.create(scenario="june-day", fingerprint="b", funding="books", **times)
    supply = Supply.objects.create(
        merchant=merchant, user=owner, run=run, owner=owner.owner, place=0, name="H", starts_at=0, billed_until=900,
        closed=True,
    )  # fmt: skip
    content = {
        "start": 0, "end": 900, "seller": {"legal_name": "Stadtwerke", "street": "Ring 1", "postcode": "10115",
        "city": "Berlin", "country": "DE", "vat_id": "DE123456788", "email": "", "iban": "", "bic": "",
        "time_zone": "UTC"}, "buyer": {"legal_name": "Legal owner", "street": "", "postcode": "", "city": "",
        "country": "", "number": owner.owner},
        "positions": [{"kind": "import", "wh": 1, "count": 1, "about": 0, "reference": "", "gross": 1, "net_cents": 1}],
        "offsets": [], "trades": [], "slots": [], "ledger": {}, "run": "r", "connection": "H", "import_wh": 1,
        "export_wh": 0, "open_wh": 0, "bought": 0, "sold": 0,
        "days": [{"day": "1970-01-01", "slots": 1, "from_supplier_wh": 1, "from_neighbours_wh": 0,
        "to_supplier_wh": 0, "to_neighbours_wh": 0}],
        "totals": {"vat_permille": 190, "net_cents": 1, "vat_cents": 0, "gross_cents": 1, "offset_cents": 0,
        "rounding_cents": 0, "due_cents": 1, "owed": 10_000, "cut": 0},
    }  # fmt: skip
    sums = {"owed": 10_000, "net_cents": 1, "vat_cents": 0, "offset_cents": 0, "due_cents": 1}
    bill = Bill(
        merchant=merchant, supply=supply, user=owner, number=1, reference="S-000001", issued_at=1, due_at=2,
        **times, **sums,
    )  # fmt: skip
    bill.content = Frozen.of(content).text
    bill.save()
    return {"bill": bill.pk}


def _debt(agreement: Any, operator: User) -> dict[str, Any]:
    """A debt that came by bank and waits for a second operator."""
    row = DebtPayment.objects.create(
        agreement_id=agreement, amount=5, reference="Bank of owner", entered_by=operator, at=1
    )
    return {"debt": row.pk, "debt entry": {"pk": agreement, "number": row.pk}}


def _ledger() -> int:
    places = dict.fromkeys(("token", "factory", "registry"), "0x" + "66" * 20)
    return Ledger.objects.create(chain_id=31337, token_name="T", token_version="1", **places).pk


def build() -> World:
    """Make everybody and everything; whoever adds a kind of thing to the site adds one of `owner`'s here."""
    merchant, operator = _shop("stadtwerke")
    _rival, rival = _shop("rival")
    owner, other, leaver = (_person(i, name) for i, name in enumerate(("owner", "other", "leaver"), 1))
    meters = User.objects.create_user("meters@example.org", PASSWORD, is_staff=True)
    meters.user_permissions.add(Permission.objects.get(codename="operate_meters"))
    users = {
        "owner": owner,
        "other": other,
        "operator": operator,
        "rival": rival,
        "staff": User.objects.create_user("staff@example.org", PASSWORD, is_staff=True),
        "meters": meters,
        "super": User.objects.create_superuser("super@example.org", PASSWORD),
    }
    credit = _credit(owner, leaver, merchant, operator)
    objects = {
        **credit,
        **_trade(owner, other),
        **_runs(owner),
        **_programs(owner),
        **_bill(owner, merchant),
        "ledger": _ledger(),
        **_debt(credit["agreement"], operator),
        "user": owner.pk,
        "address": "credit",
        "shop": "stadtwerke",
        "key": "none",
        "catalogue": {"code": "de", "digest": catalogue("de").digest},
    }
    for user in users.values():
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    clients = {"anonymous": Client(), **{name: at_desk(user) for name, user in users.items()}}
    ids = tuple(str(objects[name]) for name in ("agreement", "application", "document", "note"))
    words = {
        "own": (
            "Program of owner",
            "https://owner.example",
            "whsec_",
            "my-meter.csv",
            str(objects["file"]),
            str(objects["study"]),
        ),
        "person": ("Legal owner", "owner-street", "owner.png"),
        "credit": ids,
        "debt": ("Bank of owner",),
        "list": ("S3cret",),
        "reason": ("R3ason",),
        "appeal": ("Words of appeal",),
        "gate": ("77777777",),
        "withdrawn": ("Legal leaver", "leaver-street", "leaver.png"),
    }
    return World(clients, objects, users, words)


READERS = {
    "owner": {"own", "person", "credit", "debt", "list", "appeal", "gate"},
    "operator": {"person", "credit", "debt", "list", "appeal", "reason"},
    "super": {"credit", "debt", "list", "gate"},
}
"""Who may read which of the world's words; nobody else may, on any page."""

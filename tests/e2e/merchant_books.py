"""A merchant with two clerks, two applicants and somebody who owes: made in a running site's own database and ledger.

Run as a program in the site's environment: `python tests/e2e/merchant_books.py FOLDER-OF-PAPERS`.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "wattnote-demo"
CLERKS = ("clerk-one@example.org", "clerk-two@example.org")
DEBTOR = "debtor@example.org"
APPLICANTS = {1280: "roof-1280@example.org", 390: "roof-390@example.org"}
NAME = "Erika Musterfrau"
COIN = 1_000_000


def keep_books(folder: Path, ledger_url: str) -> None:
    """Run this file beside the site whose data are in `folder`."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "REDIS_"))}
    environment |= {"DJANGO_SETTINGS_MODULE": "marketplace.settings", "LEDGER_URL": ledger_url}
    environment |= {"VAR_DIR": str(folder), "PYTHONPATH": os.pathsep.join(map(str, PLACES))}
    command = [sys.executable, __file__, str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)


PLACES = (ROOT, ROOT / "tests" / "marketplace", ROOT / "tests" / "e2e")


def main(folder: Path) -> None:
    """Make everybody, and the debt."""
    import django  # noqa: PLC0415  only as a program

    django.setup()
    from lending import Pair, agreed, as_lender, noted  # noqa: PLC0415  needs the line before
    from people import Shop  # noqa: PLC0415  as above

    from channels_engine.core.signing import LocalSigner  # noqa: PLC0415  as above
    from marketplace.accounts.models import User  # noqa: PLC0415  as above
    from marketplace.credit.keystores import new_keystore  # noqa: PLC0415  as above
    from marketplace.credit.models import Merchant  # noqa: PLC0415  as above

    clerks = [_user(email, is_staff=True) for email in CLERKS]
    secret = os.urandom(32)
    merchant = Merchant.objects.create(slug="corner", name="Corner Supply", keystore=new_keystore(secret))
    merchant.four_eyes_above, merchant.payment_term = 120 * COIN, 2
    merchant.operators.set(clerks)
    shop = Shop(merchant, clerks[0], None, LocalSigner(secret))
    as_lender(shop)
    for number, email in enumerate((*APPLICANTS.values(), DEBTOR), 1):
        person = _person(email, number, folder)
        application = _applied(person, merchant)
        if email == DEBTOR:
            agreement = agreed(person, shop, application)
            pair = Pair()
            pair.spend(noted(person, agreement, 60 * COIN, pair.a), 12 * COIN)
    if User.objects.filter(email=DEBTOR).count() != 1:
        raise RuntimeError("The debtor is missing.")


def _user(email: str, **rights: bool):  # noqa: ANN202  a model that only exists after the set-up
    from allauth.account.models import EmailAddress  # noqa: PLC0415  needs the set-up

    from marketplace.accounts.models import User  # noqa: PLC0415  as above

    user = User.objects.create_user(email, PASSWORD, **rights)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _person(email: str, number: int, folder: Path):  # noqa: ANN202  as above
    from papers import identity_card, statement  # noqa: PLC0415  needs the set-up
    from people import Person  # noqa: PLC0415  as above

    from channels_engine.core.signing import LocalSigner  # noqa: PLC0415  as above
    from marketplace.accounts.documents import add_document  # noqa: PLC0415  as above
    from marketplace.accounts.hexadecimal import to_hex  # noqa: PLC0415  as above
    from marketplace.accounts.models import Wallet  # noqa: PLC0415  as above
    from marketplace.accounts.services import update_profile  # noqa: PLC0415  as above

    user, signer = _user(email), LocalSigner(bytes([0xE2]) * 31 + bytes([number]))
    profile = {"display_name": email.partition("@")[0], "legal_name": NAME, "birth_date": "1985-06-01"}
    place = {"street": "Hauptstraße 1", "postcode": "10115", "city": "Berlin", "country": "DE"}
    update_profile(user=user, changes={**profile, **place, "meter_number": f"1ESM-{number}"})
    Wallet.objects.create(user=user, address=to_hex(signer.address), message="m", signature="0x")
    papers = {
        "identity": identity_card(folder / f"card-{number}.png", NAME, "1 June 1985"),
        "statement": statement(folder / f"bank-{number}.pdf", NAME),
    }
    for kind, path in papers.items():
        add_document(user=user, kind=kind, filename=path.name, raw=path.read_bytes())
    return Person(user, signer, None)


def _applied(person, merchant):  # noqa: ANN001, ANN202  as above
    from marketplace.credit.services import start_application, submit_application  # noqa: PLC0415  as above

    wish = {"requested_limit": 150 * COIN, "monthly_income": 3100 * COIN, "monthly_outgoings": 1600 * COIN}
    application = start_application(user=person.user, merchant=merchant, consent=True, **wish)
    return submit_application(application=application)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

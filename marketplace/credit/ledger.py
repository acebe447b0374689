"""The site's side of the ledger: deploying, relaying what participants signed, and reading what is there."""

import fcntl
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import canonical
from channels_engine.core.typed_data import digest
from contracts import deploy as contract_deployment
from contracts.bindings import MerchantContract, MerchantFactory, Stablecoin
from contracts.calls import Call, Receipt
from contracts.connection import LedgerClient, LedgerError, LedgerRejectedError
from contracts.devnode.accounts import dev_key
from contracts.encoding import PermitProof, artifact
from contracts.gateway import Sender
from contracts.records import Treasury
from contracts.reverts import ErrorCatalogue
from marketplace.accounts.errors import AwayError, ConflictError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.services import record
from marketplace.credit.issuing import domain_of, raw, terms_of
from marketplace.credit.keystores import merchant_signer
from marketplace.credit.models import Agreement, Lease, Ledger, Merchant
from marketplace.words import protocol

DEV_CHAIN_ID = 31337
RELAYER_ACCOUNT = 9
LEASE_SECONDS = 90.0
WAIT_SECONDS = 30.0
PERMIT_LIFE = 3600
TEST_MONEY_AMOUNT = 1_000_000_000
CONTRACTS = ("TestStablecoin", "MerchantFactory", "MerchantContract", "EntityContracts")
REFUSALS = {
    "ERC20InsufficientBalance": _lazy("The wallet holds too little stablecoin for this."),
    "ERC20InsufficientAllowance": _lazy("The permit does not cover the amount: sign again."),
    "ERC2612ExpiredSignature": _lazy("The permit has run out: sign again."),
    "ERC2612InvalidSigner": _lazy("The permit is signed by another key than the wallet's."),
    "ERC3009InvalidAuthorizationTime": _lazy("The authorization has run out: sign again."),
    "ERC3009UsedAuthorization": _lazy("The ledger has taken this authorization before."),
    "CollateralLocked": _lazy("The collateral is still locked: the agreement's statement says until when."),
    "ClaimOpen": _lazy("A claim is open: the collateral stays until it is executed or dropped."),
    "NothingToWithdraw": _lazy("There is nothing to withdraw."),
    "AgreementExpired": _lazy("The agreement has run out: ask the merchant for a new one."),
}
DOMAIN_FIELDS = ("string name", "string version", "uint256 chainId", "address verifyingContract")


@lru_cache(maxsize=4)
def _client(url: str) -> LedgerClient:
    return LedgerClient(url, errors=ErrorCatalogue(artifact(name)["abi"] for name in CONTRACTS))


def client() -> LedgerClient:
    """Reads of the configured ledger."""
    return _client(settings.LEDGER_URL)


def _relayer_key() -> bytes:
    if settings.RELAYER_KEY:
        return raw(settings.RELAYER_KEY)
    if settings.LEDGER_CHAIN_ID != DEV_CHAIN_ID:
        raise AwayError(
            "no_relayer", _("RELAYER_KEY is not set: transactions can't be relayed on this chain.")
        )
    return dev_key(RELAYER_ACCOUNT)


def the_ledger() -> Ledger:
    """Where the contracts of the configured chain are.

    Raises:
        AwayError: nothing is deployed yet.
    """
    ledger = Ledger.objects.filter(chain_id=settings.LEDGER_CHAIN_ID).first()
    if ledger is None:
        raise AwayError("ledger_away", _("No contracts are deployed yet: the site is still being set up."))
    return ledger


@contextmanager
def lease(name: str) -> Iterator[None]:
    """Hold a named piece of work among all processes; waits for its turn.

    Raises:
        AwayError: nobody gave it back in time.
    """
    holder, deadline = secrets.token_hex(8), time.monotonic() + WAIT_SECONDS
    with _sign_of_life(holder):
        while not _taken(name, holder):
            if time.monotonic() > deadline:
                raise AwayError("ledger_busy", _("The ledger relay is busy: try again in a minute."))
            time.sleep(0.05)
        try:
            yield
        finally:
            Lease.objects.filter(name=name, holder=holder).delete()


@contextmanager
def _sign_of_life(holder: str) -> Iterator[None]:
    """A locked file: the kernel unlocks it when its process dies, so that nobody waits for the dead."""
    path = _sign_of(holder)
    with path.open("w") as sign:
        fcntl.flock(sign, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _sign_of(holder: str) -> Path:
    return Path(settings.VAR_DIR) / f"lease-{holder}"


def _is_dead(holder: str) -> bool:
    """Whether the holder crashed; one that does not share our folder counts as alive until its lease expires."""
    try:
        with _sign_of(holder).open() as sign:
            fcntl.flock(sign, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sign_of(holder).unlink(missing_ok=True)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True


def _taken(name: str, holder: str) -> bool:
    now = time.time()
    Lease.objects.filter(name=name, expires_at__lt=now).delete()
    for other in Lease.objects.filter(name=name).values_list("holder", flat=True):
        if _is_dead(other):
            Lease.objects.filter(name=name, holder=other).delete()
    try:
        with transaction.atomic():
            Lease.objects.create(name=name, holder=holder, expires_at=now + LEASE_SECONDS)
    except IntegrityError:
        return False
    return True


def relay(call: Call) -> Receipt:
    """Send a call from the relayer's account and wait until it is mined.

    Raises:
        ConflictError: the contract refused it, with the contract's own error.
        AwayError: the ledger can't be reached; whether it was mined shows later.
    """
    try:
        with lease("relay"):
            sender = Sender(client(), _relayer_key())
            return sender.wait(sender.send(call), timeout=WAIT_SECONDS)
    except LedgerRejectedError as error:
        known = REFUSALS.get(error.revert.name if error.revert else "")
        reason = str(known) if known else _("The ledger refused: %(error)s") % {"error": error}
        raise ConflictError("ledger_refused", reason) from error
    except LedgerError as error:
        raise AwayError(
            "ledger_away", _("The ledger can't be reached: %(error)s") % {"error": error}
        ) from error


def read(function: Any, *arguments: Any) -> Any:
    """Ask a view of a binding, such as `read(token.balance_of, address)`.

    Raises:
        AwayError: the ledger can't be reached or has no such contract.
    """
    try:
        return function(client().call, *arguments)
    except (LedgerError, ValueError) as error:
        raise AwayError("ledger_away", _("The ledger can't be read: %(error)s") % {"error": error}) from error


def deploy_ledger(*, metering: bytes) -> Ledger:
    """Deploy token, factory and registry once for the configured chain, and remember where they are.

    A row that outlived its chain (a fresh development chain under the same id) is replaced.
    """
    found = Ledger.objects.filter(chain_id=settings.LEDGER_CHAIN_ID).first()
    if found is not None and client().code(raw(found.registry)):
        return found
    owner = Sender(client(), _relayer_key()).address
    made = contract_deployment.deploy(relay, client().call, owner=owner)
    domain = read(Stablecoin(made.token).domain)
    addresses = {
        "token": made.token,
        "factory": made.factory,
        "registry": made.registry,
        "metering": metering,
    }
    values = {name: to_hex(address) for name, address in addresses.items()}
    found_there = {**values, "token_name": domain.name, "token_version": domain.version}
    ledger, _new = Ledger.objects.update_or_create(
        chain_id=settings.LEDGER_CHAIN_ID,
        defaults=found_there,
        create_defaults=found_there | {"challenge_period": settings.CHALLENGE_PERIOD_S},
    )
    return ledger


def ensure_merchant_contract(*, merchant: Merchant) -> Merchant:
    """Give the merchant its contract on the ledger, unless it has one there."""
    factory = MerchantFactory(raw(the_ledger().factory))
    key = merchant_signer(merchant).address
    address = read(factory.contract_of, key)
    if not any(address):
        relay(factory.create(key))
        address = read(factory.contract_of, key)
    if merchant.msc != to_hex(address):
        merchant.msc = to_hex(address)
        merchant.save(update_fields=["msc"])
    return merchant


def balance_of(address: str) -> int:
    """Stablecoin of an address (0x-hex), micro-units."""
    return int(read(Stablecoin(raw(the_ledger().token)).balance_of, raw(address)))


def treasury_of(merchant: Merchant) -> Treasury:
    """Where the tokens of the merchant's contract belong."""
    treasury: Treasury = read(MerchantContract(raw(merchant.msc)).treasury)
    return treasury


def mint_test_money(*, address: str, amount: int = TEST_MONEY_AMOUNT) -> None:
    """Give a wallet stablecoin of a test network.

    Raises:
        ConflictError: this site is on no test network.
    """
    if not settings.TEST_MONEY:
        raise ConflictError("no_test_money", _("This site runs on real money."))
    relay(Stablecoin(raw(the_ledger().token)).mint(raw(address), amount))


def permit_to_sign(agreement: Agreement) -> tuple[dict[str, Any], int]:
    """ERC-2612 permit for the collateral as `eth_signTypedData_v4` takes it, and its deadline."""
    ledger, deadline = the_ledger(), int(timezone.now().timestamp()) + PERMIT_LIFE
    nonce = read(Stablecoin(raw(ledger.token)).permit_nonce, raw(agreement.participant))
    message = {
        "owner": agreement.participant,
        "spender": agreement.msc,
        "value": str(agreement.collateral),
        "nonce": str(nonce),
        "deadline": str(deadline),
    }
    names = ("address owner", "address spender", "uint256 value", "uint256 nonce", "uint256 deadline")
    domain = {
        "name": ledger.token_name,
        "version": ledger.token_version,
        "chainId": ledger.chain_id,
        "verifyingContract": ledger.token,
    }
    types = {"EIP712Domain": _fields(DOMAIN_FIELDS), "Permit": _fields(names)}
    return {"types": types, "primaryType": "Permit", "domain": domain, "message": message}, deadline


def _fields(declarations: tuple[str, ...] | list[str]) -> list[dict[str, str]]:
    return [dict(zip(("type", "name"), declaration.split(" "), strict=True)) for declaration in declarations]


def initialise_agreement(
    *,
    agreement: Agreement,
    signature: bytes,
    permit_signature: bytes,
    permit_deadline: int,
) -> Agreement:
    """Bring an agreement onto the ledger with the participant's signatures; harmless to repeat.

    Raises:
        RefusedError: the participant's root key did not sign this agreement.
        ConflictError: the ledger refuses it, for example for lack of money for the collateral.
        AwayError: the ledger can't be reached; try again.
    """
    signature = _participants(agreement, signature)
    if agreement.state == Agreement.State.ACTIVE or _is_on_ledger(agreement):
        return _activated(agreement, signature, receipt=None)
    _move(agreement, Agreement.State.INITIALISING, participant_signature=to_hex(signature), failure="")
    permit = PermitProof(permit_deadline, permit_signature) if agreement.collateral else None
    merchant_signature = raw(agreement.merchant_signature)
    call = MerchantContract(raw(agreement.msc)).initialise(
        terms_of(agreement), merchant_signature, signature, permit
    )
    try:
        receipt = relay(call)
    except ConflictError as error:
        if _is_on_ledger(agreement):  # a repeated request won the race
            return _activated(agreement, signature, receipt=None)
        _move(agreement, Agreement.State.FAILED, failure=error.detail[:300])
        raise
    return _activated(agreement, signature, receipt=receipt)


def _participants(agreement: Agreement, signature: bytes) -> bytes:
    try:
        return canonical(
            digest(domain_of(agreement), terms_of(agreement)), signature, raw(agreement.participant)
        )
    except SignatureError as error:
        words = protocol.refusal(error)
        raise RefusedError(error.code, words, {"signature": [words]}) from error


def _is_on_ledger(agreement: Agreement) -> bool:
    known = read(MerchantContract(raw(agreement.msc)).agreement_of, raw(agreement.sid))
    return any(known.participant)


def _move(agreement: Agreement, state: str, **values: Any) -> None:
    for name, value in {**values, "state": state}.items():
        setattr(agreement, name, value)
    agreement.save()


@transaction.atomic
def _activated(agreement: Agreement, signature: bytes, *, receipt: Receipt | None) -> Agreement:
    if agreement.state == Agreement.State.ACTIVE:
        return agreement
    values: dict[str, Any] = {}
    if receipt is not None:
        values = {"transaction_hash": to_hex(receipt.transaction_hash), "block_number": receipt.block_number}
    now = timezone.now()
    _move(
        agreement, Agreement.State.ACTIVE, participant_signature=to_hex(signature), activated_at=now, **values
    )
    subject = f"agreement {agreement.sid}"
    record(actor=agreement.user, action="agreement.active", subject=subject, person=agreement.user)
    return agreement

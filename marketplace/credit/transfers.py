"""Stablecoin that people move by signing: to a session key for a deposit, and back to their wallet.

What is signed names the receiver (ERC-3009), so that this site can bring it to the ledger or not, and no more.
"""

import time
from functools import lru_cache

from django.conf import settings
from django.utils.translation import gettext as _

from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import canonical
from channels_engine.core.types import ZERO_ADDRESS
from contracts.authorizations import AuthorizingToken
from contracts.bindings import MerchantContract
from contracts.calls import Receipt
from contracts.connection import LedgerError, LedgerRejectedError
from contracts.consents import earnings_withdrawal, transfer_authorization
from contracts.records import AuthorizedTransfer, NoteAccount, TokenDomain
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import User, Wallet
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.ledger import client, read, relay, the_ledger
from marketplace.credit.models import CreditNote, RelayedTransfer
from marketplace.words import protocol


@lru_cache(maxsize=8)
def _takes_authorizations(url: str, token: str) -> bool:
    del url  # part of what is remembered: another ledger may have another token at the address
    try:
        AuthorizingToken(raw(token)).is_used(client().call, ZERO_ADDRESS, bytes(32))
    except LedgerRejectedError:
        return False
    return True


def takes_authorizations() -> bool | None:
    """Whether the stablecoin moves by ERC-3009 authorizations; None while the ledger can't be reached."""
    try:
        return _takes_authorizations(settings.LEDGER_URL, the_ledger().token)
    except (LedgerError, ValueError):
        return None


def relay_transfer(
    *, user: User, wallet: Wallet, wanted: AuthorizedTransfer, signature: bytes
) -> RelayedTransfer:
    """Bring a signed transfer from or to the user's wallet to the ledger; harmless to repeat.

    Raises:
        RefusedError: nothing is moved, it is too late, it is not the user's, or another key signed.
        ConflictError: the token has no ERC-3009, the nonce was used, or the ledger refuses (too little money).
        AwayError: the ledger can't be reached; ask again with the same signature.
    """
    digest, signature = _checked(wallet, wanted, signature)
    row, is_new = RelayedTransfer.objects.get_or_create(
        source=to_hex(wanted.source),
        nonce=to_hex(wanted.nonce),
        defaults={"user": user, "digest": to_hex(digest)},
    )
    if row.digest != to_hex(digest):
        raise ConflictError("nonce_used", _("This nonce names another transfer: draw a new one."))
    return row if row.transaction_hash else _brought(row, wanted, signature, is_new=is_new)


def _checked(wallet: Wallet, wanted: AuthorizedTransfer, signature: bytes) -> tuple[bytes, bytes]:
    if raw(wallet.address) not in {wanted.source, wanted.to} or wanted.source == wanted.to:
        problem = _("Either end of the transfer must be your wallet.")
        raise RefusedError("not_yours", problem, {"to": [problem]})
    if wanted.amount <= 0 or wanted.to == ZERO_ADDRESS:
        raise RefusedError(
            "nothing", _("A transfer needs a value above 0."), {"value": [_("Must be above 0.")]}
        )
    if wanted.valid_before <= time.time():
        problem = _("The authorization has run out: sign again.")
        raise RefusedError("too_late", problem, {"valid_before": [problem]})
    if takes_authorizations() is False:
        raise ConflictError(
            "no_authorizations", _("This stablecoin has no ERC-3009: transfer it by your own means.")
        )
    digest = transfer_authorization(_token_domain(), wanted)
    return digest, _signed_by(wanted.source, digest, signature)


def _signed_by(signer: bytes, digest: bytes, signature: bytes) -> bytes:
    try:
        return canonical(digest, signature, signer)
    except SignatureError as error:
        words = protocol.refusal(error)
        raise RefusedError(error.code, words, {"signature": [words]}) from error


def _token_domain() -> TokenDomain:
    ledger = the_ledger()
    return TokenDomain(ledger.token_name, ledger.token_version, ledger.chain_id, raw(ledger.token))


def _brought(
    row: RelayedTransfer, wanted: AuthorizedTransfer, signature: bytes, *, is_new: bool
) -> RelayedTransfer:
    token = AuthorizingToken(raw(the_ledger().token))
    if read(token.is_used, wanted.source, wanted.nonce):
        return _used(row, is_new=is_new)
    try:
        receipt = relay(token.transfer(wanted, signature))
    except ConflictError:
        if read(token.is_used, wanted.source, wanted.nonce):  # a repeated request won the race
            return _used(row, is_new=False)
        row.delete()
        raise
    row.transaction_hash, row.block_number = to_hex(receipt.transaction_hash), receipt.block_number
    row.save(update_fields=["transaction_hash", "block_number"])
    return row


def _used(row: RelayedTransfer, *, is_new: bool) -> RelayedTransfer:
    """The ledger took it, and the answer was lost; unless nobody ever asked here before."""
    if not is_new:
        row.refresh_from_db()
        return row
    row.delete()
    raise ConflictError("nonce_used", _("The ledger knows this nonce already: draw a new one."))


def account_of(note: CreditNote) -> NoteAccount:
    """A note's account on the ledger."""
    contract = MerchantContract(raw(note.agreement.msc))
    account: NoteAccount = read(contract.note_of, raw(note.serial), raw(note.holder))
    return account


def withdrawal_nonce(note: CreditNote) -> int:
    """Nonce of the holder's next `EarningsWithdrawal`."""
    return int(read(MerchantContract(raw(note.agreement.msc)).consent_nonce, raw(note.holder)))


def withdraw_earnings(*, note: CreditNote, wallet: Wallet, signature: bytes) -> tuple[int, Receipt]:
    """Send what a note earned to the user's wallet, by its holder's signature; the amount and the receipt.

    Raises:
        RefusedError: the note's holder did not sign this withdrawal to this wallet.
        ConflictError: there is nothing to withdraw, or no longer.
        AwayError: the ledger can't be reached; try again.
    """
    earnings = account_of(note).earnings
    if not earnings:
        raise ConflictError(
            "nothing_to_withdraw", _("This note holds no earnings, or they were withdrawn before.")
        )
    serial, holder, to, nonce = (
        raw(note.serial),
        raw(note.holder),
        raw(wallet.address),
        withdrawal_nonce(note),
    )
    digest = earnings_withdrawal(domain_of(note.agreement), serial=serial, holder=holder, to=to, nonce=nonce)
    proof = _signed_by(holder, digest, signature)
    call = MerchantContract(raw(note.agreement.msc)).withdraw_earnings(serial, holder, to, proof)
    return earnings, relay(call)

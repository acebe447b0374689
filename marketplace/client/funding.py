"""How a person's side of a channel is funded: by a merchant's credit note, or by a deposit at its session key.

The site brings everything to the ledger and pays its gas; each signature names who gets what, so that it can't divert it.
"""

import secrets
import time

from channels_engine.codec import parse_hex, to_hex
from channels_engine.core import messages as m
from channels_engine.core.types import CreditNote, Domain, NoteReceipt
from contracts.consents import token_permit, transfer_authorization
from contracts.records import AuthorizedTransfer, TokenDomain
from marketplace.client import shapes
from marketplace.client.api import Client
from marketplace.client.wallet import Wallet

TRANSFER_LIFE_S = 600


class Purse:
    """The root key's money and credit, on their way to session keys."""

    def __init__(self, client: Client, wallet: Wallet) -> None:
        self._client, self._wallet = client, wallet

    def note(self, agreement: shapes.Agreement, holder: bytes, amount: int) -> m.NoteFunding:
        """Have a credit note of `amount` (micro-units) issued to a session key, for a receipt by the root key.

        Raises:
            ProblemError: The merchant gives no such note.
            PermissionError: It issued another one than asked for; open nothing with it.
        """
        receipt = NoteReceipt(parse_hex(agreement.sid, 32), secrets.token_bytes(32), holder, amount)
        domain = Domain(self._client.ledger().chain_id, parse_hex(agreement.merchant.msc, 20))
        wish = {"agreement": agreement.id, "serial": to_hex(receipt.serial), "holder": to_hex(holder)}
        signed = {"amount": str(amount), "receipt_signature": to_hex(self._wallet.sign_root(domain, receipt))}
        issued = self._client.post("notes/", shapes.IssuedNote, {**wish, **signed})
        note = CreditNote(
            parse_hex(issued.serial, 32), parse_hex(issued.holder, 20), issued.amount, issued.valid_until
        )
        if (note.serial, note.holder, note.amount) != (receipt.serial, holder, amount):
            raise PermissionError("The merchant issued another note than asked for; nothing was opened.")
        return m.NoteFunding(note, parse_hex(issued.merchant_signature, 65))

    def deposit(self, nonce: bytes, amount: int, deadline: int) -> m.Permit:
        """Bring what is missing to the session key of `nonce`, and let the registry take `amount` until `deadline`.

        Raises:
            ProblemError: The wallet does not have it, or the ledger refuses.
        """
        usual, key = self._client.ledger(), self._wallet.session(nonce)
        token = TokenDomain(
            usual.token.name, usual.token.version, usual.chain_id, parse_hex(usual.token.address, 20)
        )
        held = self._client.get(f"wallet/session-keys/{to_hex(nonce)}/", shapes.SessionKey)
        if held.balance < amount:
            self._bring(token, key.address, amount - held.balance)
        permit = token_permit(
            token,
            owner=key.address,
            spender=parse_hex(usual.registry, 20),
            amount=amount,
            nonce=held.permit_nonce,
            deadline=deadline,
        )
        return m.Permit(deadline, key.sign(permit))

    def _bring(self, token: TokenDomain, to: bytes, amount: int) -> None:
        until, nonce = int(time.time()) + TRANSFER_LIFE_S, secrets.token_bytes(32)
        wanted = AuthorizedTransfer(self._wallet.address, to, amount, until, nonce)
        signature = self._wallet.signer.sign(transfer_authorization(token, wanted))
        body = {
            "source": to_hex(wanted.source),
            "to": to_hex(to),
            "value": str(amount),
            "valid_before": until,
        }
        body |= {"nonce": to_hex(nonce), "signature": to_hex(signature)}
        self._client.post("wallet/transfer/", dict, body)

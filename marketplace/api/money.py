"""Money on its way to a deposit and back: signed transfers, session keys and what lies with them, earnings."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contracts.records import AuthorizedTransfer
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import Wallet
from marketplace.accounts.selectors import wallet_of
from marketplace.api.fields import AddressField, HashField, MoneyField, SafeIntegerField, SignatureField
from marketplace.api.trading import PartnerSerializer, partner
from marketplace.api.views import checked, one, user_of
from marketplace.credit.selectors import own_notes
from marketplace.credit.transfers import relay_transfer, withdraw_earnings
from marketplace.trading.selectors import prosumers_by_owner
from marketplace.trading.session_keys import SessionKey, own_contract, own_contracts, session_keys


def wallet_or_404(request: Request) -> Wallet:
    """The asker's proven wallet."""
    wallet = wallet_of(user_of(request))
    if wallet is None:
        raise Http404
    return wallet


class NewTransferSerializer(serializers.Serializer[Any]):
    """A signed `TransferWithAuthorization` (ERC-3009) with `validAfter` 0."""

    source = AddressField()  # type: ignore[assignment]  # the field's name is the API's
    to = AddressField()
    value = MoneyField()
    valid_before = SafeIntegerField()
    nonce = HashField()
    signature = SignatureField()


class TransferSerializer(serializers.Serializer[Any]):
    """What came of it; null where the ledger took it and the answer to that was lost."""

    transaction = serializers.CharField(allow_null=True)
    block = serializers.IntegerField(allow_null=True)


class TransferView(APIView):
    """Transfers."""

    scope = "wallet"
    throttle_scope = "sensitive"

    @extend_schema(request=NewTransferSerializer, responses=TransferSerializer)
    def post(self, request: Request) -> Response:
        """Have a transfer from or to my wallet brought to the ledger."""
        wallet, said = wallet_or_404(request), checked(NewTransferSerializer, request)
        signature, amount = said.pop("signature"), said.pop("value")
        wanted = AuthorizedTransfer(amount=amount, **said)
        row = relay_transfer(user=user_of(request), wallet=wallet, wanted=wanted, signature=signature)
        content = {"transaction": row.transaction_hash or None, "block": row.block_number}
        return Response(TransferSerializer(content).data)


class EarningsSerializer(serializers.Serializer[Any]):
    """What a credit note earned, and the nonce of the `EarningsWithdrawal` that takes it."""

    serial = serializers.CharField()
    msc = serializers.CharField()
    amount = MoneyField()
    nonce = serializers.CharField(help_text="Decimal.")


class SessionKeySerializer(serializers.Serializer[Any]):
    """A session key of mine, as the ledger sees it."""

    nonce = serializers.CharField(help_text="Of the terms: the key derives from it.")
    address = serializers.CharField()
    partner = PartnerSerializer()
    balance = MoneyField()
    permit_nonce = serializers.CharField(help_text="Of the next ERC-2612 permit, decimal.")
    in_use = serializers.BooleanField()
    earnings = EarningsSerializer(many=True)


def _shown(keys: list[SessionKey]) -> list[dict[str, Any]]:
    known = prosumers_by_owner(key.peer for key in keys)
    names = ("nonce", "address", "balance", "permit_nonce", "in_use", "earnings")
    rows = [
        {**{name: getattr(key, name) for name in names}, "partner": partner(key.peer, known)} for key in keys
    ]
    return [dict(row) for row in SessionKeySerializer(rows, many=True).data]


class SessionKeysView(APIView):
    """My session keys."""

    scope = "wallet"

    @extend_schema(responses=SessionKeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """Those of my 50 newest contracts."""
        user = user_of(request)
        return Response(_shown(session_keys(user, own_contracts(user))))


class SessionKeyView(APIView):
    """One of my session keys."""

    scope = "wallet"

    @extend_schema(responses=SessionKeySerializer, operation_id="wallet_session_key_retrieve")
    def get(self, request: Request, nonce: str) -> Response:
        """What lies with it, and what its next signatures need."""
        found = own_contract(user_of(request), nonce)
        keys = session_keys(user_of(request), [found]) if found is not None else []
        if not keys:
            raise Http404
        return Response(_shown(keys)[0])


class WithdrawalSerializer(serializers.Serializer[Any]):
    """The session key's signature over `EarningsWithdrawal(serial, holder, to, nonce)`."""

    signature = SignatureField()


class WithdrawnSerializer(serializers.Serializer[Any]):
    """What came into my wallet."""

    amount = MoneyField()
    transaction = serializers.CharField()
    block = serializers.IntegerField()


class WithdrawEarningsView(APIView):
    """Earnings of one of my notes."""

    scope = "wallet"
    throttle_scope = "sensitive"

    @extend_schema(request=WithdrawalSerializer, responses=WithdrawnSerializer)
    def post(self, request: Request, serial: str) -> Response:
        """Have them sent to my wallet."""
        note = one(own_notes(user_of(request)).select_related("agreement"), serial=serial)
        wallet, said = wallet_or_404(request), checked(WithdrawalSerializer, request)
        amount, receipt = withdraw_earnings(note=note, wallet=wallet, **said)
        transaction = to_hex(receipt.transaction_hash)
        content = {"amount": amount, "transaction": transaction, "block": receipt.block_number}
        return Response(WithdrawnSerializer(content).data)

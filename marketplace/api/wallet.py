"""My wallet, proven by EIP-4361; and what a browser needs to know of the ledger."""

from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from grid.assets import SLOT_SECONDS
from marketplace.accounts.errors import AwayError
from marketplace.accounts.models import Wallet
from marketplace.accounts.selectors import wallet_of
from marketplace.accounts.services import issue_challenge, prove_wallet
from marketplace.api.fields import AddressField, MomentField, MoneyField, SignatureField, StrictCharField
from marketplace.api.views import checked, site_of, user_of
from marketplace.credit.ledger import balance_of, mint_test_money, the_ledger
from marketplace.credit.transfers import takes_authorizations
from marketplace.trading.services import ensure_prosumer


class ChallengeRequestSerializer(serializers.Serializer[Any]):
    """The address to be proven."""

    address = AddressField()


class ChallengeSerializer(serializers.Serializer[Any]):
    """The text to be signed as it stands."""

    message = serializers.CharField()
    nonce = serializers.CharField()
    expires_at = MomentField()


class ProofSerializer(serializers.Serializer[Any]):
    """The text and its signature (EIP-191)."""

    message = StrictCharField(max_length=2000, trim_whitespace=False)
    signature = SignatureField()


class WalletSerializer(serializers.Serializer[Any]):
    """A proven wallet; the balance is null while the ledger can't be read."""

    address = AddressField()
    proven_at = MomentField()
    balance = MoneyField(allow_null=True)


def _wallet(wallet: Wallet) -> dict[str, Any]:
    try:
        balance: int | None = balance_of(wallet.address)
    except AwayError:
        balance = None
    content = {"address": wallet.address, "proven_at": wallet.proven_at, "balance": balance}
    return dict(WalletSerializer(content).data)


def _mine(request: Request) -> Wallet:
    wallet = wallet_of(user_of(request))
    if wallet is None:
        raise Http404
    return wallet


class ChallengeView(APIView):
    """Asking for a sign-in text."""

    scope = "wallet"
    throttle_scope = "sensitive"

    @extend_schema(request=ChallengeRequestSerializer, responses=ChallengeSerializer)
    def post(self, request: Request) -> Response:
        """Get the EIP-4361 text for my wallet to sign."""
        address = checked(ChallengeRequestSerializer, request)["address"]
        site = site_of(request, settings.LEDGER_CHAIN_ID)
        challenge = issue_challenge(user=user_of(request), address=address, site=site)
        return Response(ChallengeSerializer(challenge).data)


class WalletView(APIView):
    """My wallet."""

    scope = "wallet"
    session_only = ("POST",)

    @extend_schema(responses=WalletSerializer)
    def get(self, request: Request) -> Response:
        """The wallet that I have proven."""
        return Response(_wallet(_mine(request)))

    @extend_schema(request=ProofSerializer, responses={201: WalletSerializer})
    def post(self, request: Request) -> Response:
        """Prove a wallet by a signed text."""
        user, proof = user_of(request), checked(ProofSerializer, request)
        site = site_of(request, settings.LEDGER_CHAIN_ID)
        wallet = prove_wallet(user=user, text=proof["message"], signature=proof["signature"], site=site)
        ensure_prosumer(user=user)
        return Response(_wallet(wallet), status=status.HTTP_201_CREATED)


class TestMoneyView(APIView):
    """Money of test networks."""

    scope = "wallet"
    throttle_scope = "sensitive"

    @extend_schema(request=None, responses=WalletSerializer)
    def post(self, request: Request) -> Response:
        """Get stablecoin for my wallet."""
        wallet = _mine(request)
        mint_test_money(address=wallet.address)
        return Response(_wallet(wallet))


class TokenSerializer(serializers.Serializer[Any]):
    """The stablecoin."""

    address = AddressField()
    name = serializers.CharField()
    version = serializers.CharField()
    symbol = serializers.CharField()
    decimals = serializers.IntegerField()
    takes_authorizations = serializers.BooleanField(
        allow_null=True, help_text="Whether it has ERC-3009; null while the ledger can't be reached."
    )


class LedgerSerializer(serializers.Serializer[Any]):
    """Chain, contracts and the usual terms of entity contracts."""

    chain_id = serializers.IntegerField()
    registry = AddressField()
    token = TokenSerializer()
    metering = AddressField(allow_null=True)
    challenge_period = serializers.IntegerField()
    dispute_limit = serializers.IntegerField()
    stale_penalty = MoneyField()
    slot_seconds = serializers.IntegerField()


class LedgerView(APIView):
    """The ledger."""

    scope = "public"
    permission_classes = (AllowAny,)

    @extend_schema(responses=LedgerSerializer, auth=[])
    def get(self, request: Request) -> Response:
        """What a browser needs to build typed data."""
        del request
        ledger = the_ledger()
        token = {
            "address": ledger.token,
            "name": ledger.token_name,
            "version": ledger.token_version,
            "takes_authorizations": takes_authorizations(),
        }
        content = {
            "chain_id": ledger.chain_id,
            "registry": ledger.registry,
            "token": {**token, "symbol": "tEUR", "decimals": 6},
            "metering": ledger.metering or None,
            "challenge_period": ledger.challenge_period,
            "dispute_limit": ledger.dispute_limit,
            "stale_penalty": ledger.stale_penalty,
            "slot_seconds": SLOT_SECONDS,
        }
        return Response(LedgerSerializer(content).data)

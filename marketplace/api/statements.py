"""What I owe and earned under a credit agreement; paying, and adding collateral."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.hexadecimal import to_hex
from marketplace.api.fields import MoneyField, SafeIntegerField, SignatureField
from marketplace.api.views import asked, checked, one, user_of
from marketplace.credit import selectors
from marketplace.credit.billing import NoteStanding, Statement
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.models import Agreement
from marketplace.credit.payments import PAY, TOP_UP, SignedPayment, pay_in, to_sign, withdraw_collateral


class PeriodSerializer(serializers.Serializer[Any]):
    """One billing period; `debt` is what was owed at its end, or now if it still runs."""

    number = serializers.IntegerField()
    starts_at = serializers.IntegerField()
    ends_at = serializers.IntegerField()
    spent = MoneyField()
    earned = MoneyField()
    withdrawn = MoneyField()
    paid = MoneyField()
    claimed = MoneyField(help_text="Taken out of the collateral.")
    debt = MoneyField()


class NoteStandingSerializer(serializers.Serializer[Any]):
    """A note's account on the ledger."""

    serial = serializers.CharField()
    amount = MoneyField()
    available = MoneyField()
    reserved = MoneyField()
    debt = MoneyField()
    earnings = MoneyField()
    ends_at = serializers.IntegerField()
    due_at = serializers.IntegerField(allow_null=True, help_text="When its debt falls due; null without one.")


class ClaimSerializer(serializers.Serializer[Any]):
    """A claim against my collateral: pay `to_pay` until `deadline`, and the collateral stays."""

    due = MoneyField()
    deadline = serializers.IntegerField()
    to_pay = MoneyField()


class StatementSerializer(serializers.Serializer[Any]):
    """The books of an agreement."""

    limit = MoneyField()
    available = MoneyField(help_text="What a further note may be worth.")
    collateral = MoneyField()
    released = serializers.BooleanField()
    locked_until = serializers.IntegerField(
        help_text="The collateral can be withdrawn after it, while no claim is open; 0 once released."
    )
    debt = MoneyField(help_text="Owed for all notes, due or not.")
    due = MoneyField(help_text="The part of the debt that the merchant may claim.")
    paid = MoneyField(help_text="Payments that no claim has used.")
    payable = MoneyField(help_text="What to pay now: due less paid.")
    earnings = MoneyField(help_text="What the session keys may withdraw.")
    notes = NoteStandingSerializer(many=True)
    periods = PeriodSerializer(many=True)
    claim = ClaimSerializer(allow_null=True)


def statement_of_books(books: Statement) -> dict[str, Any]:
    """A statement as JSON."""
    names = ("limit", "available", "collateral", "released", "locked_until", "debt", "due", "paid", "payable")
    content = {name: getattr(books, name) for name in (*names, "earnings", "periods", "claim")}
    notes = [_note(note, books) for note in books.notes]
    return dict(StatementSerializer({**content, "notes": notes}).data)


def _note(standing: NoteStanding, books: Statement) -> dict[str, Any]:
    names = ("available", "reserved", "debt", "earnings", "ends_at")
    due_at = standing.due_at(books.terms) if standing.debt else None
    fixed = {"serial": to_hex(standing.note.serial), "amount": standing.note.amount, "due_at": due_at}
    return {**fixed, **{name: getattr(standing, name) for name in names}}


def _own(request: Request, pk: UUID) -> Agreement:
    return one(selectors.own_agreements(user_of(request)), pk=pk)


class StatementView(APIView):
    """The statement of one of my agreements."""

    scope = "credit"

    @extend_schema(responses=StatementSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Debt, earnings and payments by billing period, read from the ledger now."""
        return Response(statement_of_books(fresh_statement_of(_own(request, pk))))


class AmountSerializer(serializers.Serializer[Any]):
    """How much."""

    amount = MoneyField()


class PaymentToSignSerializer(serializers.Serializer[Any]):
    """Typed data as `eth_signTypedData_v4` takes it, for my root key."""

    consent = serializers.DictField()
    permit = serializers.DictField()
    permit_deadline = serializers.IntegerField()


class SignedPaymentSerializer(serializers.Serializer[Any]):
    """My root key's signatures over the consent and over the token's permit."""

    amount = MoneyField()
    signature = SignatureField()
    permit_signature = SignatureField()
    permit_deadline = SafeIntegerField()


class _PaymentView(APIView):
    """Money of my wallet for one of my agreements."""

    scope = "credit"
    throttle_scope = "sensitive"
    purpose = ""

    @extend_schema(parameters=[AmountSerializer], responses=PaymentToSignSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """What my root key signs for it."""
        agreement = _own(request, pk)
        amount = asked(AmountSerializer, request)["amount"]
        signing = to_sign(agreement=agreement, purpose=self.purpose, amount=amount)
        names = ("consent", "permit", "permit_deadline")
        return Response(dict(zip(names, signing, strict=True)))

    @extend_schema(request=SignedPaymentSerializer, responses=StatementSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Have it brought to the ledger; gives the statement after it."""
        agreement = _own(request, pk)
        signed = checked(SignedPaymentSerializer, request)
        pay_in(agreement=agreement, purpose=self.purpose, payment=SignedPayment(**signed))
        return Response(statement_of_books(fresh_statement_of(agreement)))


class PayView(_PaymentView):
    """Paying what I owe."""

    purpose = PAY


class TopUpView(_PaymentView):
    """Adding collateral."""

    purpose = TOP_UP


class WithdrawCollateralView(APIView):
    """My collateral, after the agreement."""

    scope = "credit"
    throttle_scope = "sensitive"

    @extend_schema(request=None, responses=StatementSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Have it sent back to my wallet."""
        agreement = _own(request, pk)
        withdraw_collateral(agreement=agreement)
        return Response(statement_of_books(fresh_statement_of(agreement)))

"""Bills: mine with their statements and documents, paying them; recording transfers, for a merchant's operators."""

import time
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import Wallet
from marketplace.accounts.selectors import wallet_of
from marketplace.api.fields import MoneyField, SafeIntegerField, SignatureField, StrictCharField
from marketplace.api.views import PagedView, asked, checked, one, user_of
from marketplace.billing import correcting, paying
from marketplace.billing.documents.csv import bill_csv
from marketplace.billing.forecast import running
from marketplace.billing.keeping import content_of, document_of
from marketplace.billing.models import Bill, Supply
from marketplace.billing.selectors import merchant_bills, own_bills, own_supply
from marketplace.credit.rules import may


@extend_schema_field({"type": "string", "pattern": "^(0|-?[1-9][0-9]{0,18})$", "example": "-250000"})
class SignedMoneyField(MoneyField):
    """Micro-units as a decimal string; below zero the merchant owes them."""


class BillSerializer(serializers.Serializer[Any]):
    """A bill's head. Cents stand on the document, micro-units behind it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(
        choices=Bill.Kind.choices, help_text="A correction asks for differences only."
    )
    reference = serializers.CharField(help_text="Its number as it is written.")
    merchant = serializers.CharField(source="merchant.name")
    starts_at = serializers.IntegerField(help_text="Market time.")
    ends_at = serializers.IntegerField()
    issued_at = serializers.IntegerField()
    due_at = serializers.IntegerField()
    paid_at = serializers.IntegerField(allow_null=True)
    owed = SignedMoneyField(help_text="Exact.")
    net_cents = serializers.IntegerField()
    vat_cents = serializers.IntegerField()
    offset_cents = serializers.IntegerField(help_text="What the merchant owes for energy that it took.")
    due_cents = serializers.IntegerField(help_text="To be paid; below zero the merchant pays.")
    received = SignedMoneyField()
    reminders = serializers.IntegerField(source="level")


class WholeBillSerializer(BillSerializer):
    """A bill with all that it froze; null once its time is over."""

    statement = serializers.DictField(allow_null=True)


class RunningSerializer(serializers.Serializer[Any]):
    """The period that runs."""

    merchant = serializers.CharField()
    start = serializers.IntegerField()
    until = serializers.IntegerField(help_text="How far it is settled.")
    end = serializers.IntegerField()
    owed = SignedMoneyField(help_text="So far.")
    expected = SignedMoneyField(help_text="At its end, at the pace so far.")
    cost = SignedMoneyField(help_text="So far, trades included.")
    import_wh = serializers.IntegerField()
    export_wh = serializers.IntegerField()


class BillsView(PagedView):
    """My bills."""

    scope = "billing"
    serializer_class = BillSerializer
    queryset = Bill.objects.none()

    def get(self, request: Request) -> Response:
        """List them, the newest first."""
        return self.listed(own_bills(user_of(request)))


class RunningView(APIView):
    """The period that is not billed yet."""

    scope = "billing"

    @extend_schema(responses=RunningSerializer, operation_id="bills_running_retrieve")
    def get(self, request: Request) -> Response:
        """What it has come to and will come to; 404 while nothing is supplied."""
        supply = own_supply(user_of(request))
        found = None if supply is None else running(supply)
        if found is None:
            raise Http404
        return Response(RunningSerializer(found).data)


def _own(request: Request, pk: UUID) -> Bill:
    return one(own_bills(user_of(request)).defer(None), pk=pk)


class BillView(APIView):
    """One of my bills."""

    scope = "billing"

    @extend_schema(responses=WholeBillSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """With its statement: lines, trades, quarter-hours, bookings."""
        found = _own(request, pk)
        found.statement = content_of(found)  # type: ignore[attr-defined]  # for the serializer alone
        return Response(WholeBillSerializer(found).data)


class BillDocumentView(APIView):
    """The document."""

    scope = "billing"

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """PDF/A-3 with its figures as XML inside (Factur-X, EN 16931)."""
        found = _own(request, pk)
        pdf = document_of(found)
        if pdf is None:
            raise Http404
        return _download(pdf, "application/pdf", f"{found.reference}.pdf")


class BillTableView(APIView):
    """The table."""

    scope = "billing"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """Positions, trades, bookings and quarter-hours as CSV."""
        found = _own(request, pk)
        content = content_of(found)
        if content is None:
            raise Http404
        return _download(bill_csv(content).encode(), "text/csv", f"{found.reference}.csv")


def _download(raw: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(raw, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


class TransferToSignSerializer(serializers.Serializer[Any]):
    """The fields of the `TransferWithAuthorization` (ERC-3009) that pays the rest; `validAfter` is 0."""

    source = serializers.CharField(help_text="My wallet.")  # type: ignore[assignment]  # the field's name is the API's
    to = serializers.CharField(help_text="The merchant's.")
    value = MoneyField()
    nonce = serializers.CharField(help_text="Made of the bill, so that it is paid once.")


class SignedBillPaymentSerializer(serializers.Serializer[Any]):
    """My root key's signature over that transfer."""

    valid_before = SafeIntegerField()
    signature = SignatureField()


class PaymentSerializer(serializers.Serializer[Any]):
    """Money that came."""

    way = serializers.CharField(help_text="`ledger` or `transfer`.")
    amount = SignedMoneyField()
    reference = serializers.CharField()
    at = serializers.IntegerField()


def _wallet(request: Request) -> Wallet:
    found = wallet_of(user_of(request))
    if found is None:
        raise Http404
    return found


class PayBillView(APIView):
    """Paying on the ledger."""

    scope = "billing"
    throttle_scope = "sensitive"

    @extend_schema(responses=TransferToSignSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """What my wallet signs to pay the rest."""
        found, wallet = _own(request, pk), _wallet(request)
        content = {
            "source": wallet.address,
            "to": paying.payee_of(found),
            "value": max(0, paying.open_amount(found)),
            "nonce": to_hex(paying.transfer_nonce(found)),
        }
        return Response(TransferToSignSerializer(content).data)

    @extend_schema(request=SignedBillPaymentSerializer, responses=PaymentSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Have it brought to the ledger."""
        found, wallet = _own(request, pk), _wallet(request)
        said = checked(SignedBillPaymentSerializer, request)
        return Response(PaymentSerializer(paying.pay_on_ledger(bill=found, wallet=wallet, **said)).data)


class IssuedQuerySerializer(serializers.Serializer[Any]):
    """Which of them."""

    overdue = serializers.BooleanField(default=False)


class IssuedBillsView(PagedView):
    """Bills of the merchants that I operate."""

    scope = "billing"
    serializer_class = BillSerializer
    queryset = Bill.objects.none()

    @extend_schema(parameters=[IssuedQuerySerializer], operation_id="bills_issued_list")
    def get(self, request: Request) -> Response:
        """List them, the newest first; with `overdue` those that are late."""
        rows: QuerySet[Bill] = merchant_bills(user_of(request))
        if asked(IssuedQuerySerializer, request)["overdue"]:
            rows = rows.filter(paid_at__isnull=True, due_cents__gt=0, due_at__lt=int(time.time()))
        return self.listed(rows)


class NewTransferRecordSerializer(serializers.Serializer[Any]):
    """Money at the bank."""

    amount = MoneyField()
    reference = StrictCharField(max_length=140, help_text="How the bank's statement names it.")
    at = SafeIntegerField(help_text="When it came.")


class _SupplyVerbView(APIView):
    """For operators of the bill's merchant; the bill does not exist for others."""

    scope = "billing"
    throttle_scope = "sensitive"

    def supply(self, request: Request, pk: UUID) -> Supply:
        """Of a bill of my merchant's."""
        found = one(merchant_bills(user_of(request)).select_related("supply__run"), pk=pk)
        if not may(user_of(request), "credit.operate_merchant", found.merchant):
            raise Http404
        return found.supply


class CorrectBillView(_SupplyVerbView):
    """What late readings change."""

    @extend_schema(request=None, responses={201: BillSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Issue now what was corrected about the bills of this bill's supply; 409 `nothing_corrected`."""
        user = user_of(request)
        made = correcting.correct_now(supply=self.supply(request, pk), operator=user)
        content = BillSerializer(one(merchant_bills(user), pk=made.pk)).data
        return Response(content, status=status.HTTP_201_CREATED)


class EndSupplyView(_SupplyVerbView):
    """Moving out."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: UUID) -> Response:
        """End this bill's supply at the last settled quarter-hour: its last bill follows at once; 409 `supply_over`."""
        correcting.end_supply(supply=self.supply(request, pk), operator=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class BillPaymentsView(APIView):
    """Payments of a bill of my merchant's."""

    scope = "billing"

    @extend_schema(request=NewTransferRecordSerializer, responses={201: PaymentSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Record a bank transfer; the same reference again changes nothing."""
        user = user_of(request)
        found = one(merchant_bills(user), pk=pk)
        if not may(user, "credit.operate_merchant", found.merchant):
            raise Http404
        payment = paying.record_transfer(
            bill=found, operator=user, **checked(NewTransferRecordSerializer, request)
        )
        return Response(PaymentSerializer(payment).data, status=status.HTTP_201_CREATED)

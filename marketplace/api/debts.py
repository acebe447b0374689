"""Debts of credit notes that came by bank, paid on the ledger by the merchant's key. For signed-in operators."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.api.fields import MoneyField, StrictCharField
from marketplace.api.scopes import SESSION
from marketplace.api.views import PagedView, checked, one, user_of
from marketplace.billing import debts
from marketplace.billing.models import DebtPayment
from marketplace.billing.selectors import merchant_debt_payments
from marketplace.credit.models import Agreement
from marketplace.credit.selectors import merchant_agreements, staffed_merchants


class DebtPaymentSerializer(serializers.Serializer[DebtPayment]):
    """What came, and how far it is."""

    id = serializers.IntegerField()
    amount = MoneyField()
    reference = serializers.CharField(help_text="How the bank's statement names it.")
    state = serializers.ChoiceField(choices=DebtPayment.State.choices)
    at = serializers.IntegerField(help_text="When it was entered.")
    alone_before = MoneyField(
        help_text="What the same operator alone had paid for this participant lately; it counts towards the limit for two."
    )
    is_mine = serializers.SerializerMethodField(help_text="Another operator must approve it then.")
    transaction = serializers.CharField(source="transaction_hash", help_text="Empty until it is paid.")

    def get_is_mine(self, payment: DebtPayment) -> bool:
        """Whether the asker has entered it."""
        return bool(payment.entered_by_id == self.context["request"].user.pk)


class NewDebtPaymentSerializer(serializers.Serializer[Any]):
    """Money that I have seen at the bank."""

    amount = MoneyField()
    reference = StrictCharField(max_length=debts.MOST_LETTERS, help_text="How the bank's statement names it.")


def _mine(request: Request, pk: UUID) -> Agreement:
    """For operators of its merchant; it does not exist for others."""
    user = user_of(request)
    return one(merchant_agreements(user).filter(merchant__in=staffed_merchants(user)), pk=pk)


class DebtPaymentsView(PagedView):
    """Debts paid by bank, of one agreement."""

    scope = SESSION
    throttle_scope = "sensitive"
    serializer_class = DebtPaymentSerializer
    queryset = DebtPayment.objects.none()

    def get(self, request: Request, pk: UUID) -> Response:
        """List them, the newest first."""
        agreement = one(merchant_agreements(user_of(request)), pk=pk)
        return self.listed(merchant_debt_payments(user_of(request)).filter(agreement=agreement))

    @extend_schema(request=NewDebtPaymentSerializer, responses={201: DebtPaymentSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Pay a debt on the ledger by my merchant's key. The same again pays once; above the limit for two it waits for a colleague's: it is judged with what I alone had paid for this participant lately."""
        agreement, wanted = _mine(request, pk), checked(NewDebtPaymentSerializer, request)
        made = debts.pay_debt_for(agreement=agreement, operator=user_of(request), **wanted)
        content = DebtPaymentSerializer(made, context={"request": request}).data
        return Response(content, status=status.HTTP_201_CREATED)


class DebtPaymentView(APIView):
    """An entry that waits for a second operator."""

    scope = SESSION

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID, number: int) -> Response:
        """Take it back; what is paid stays paid."""
        agreement, user = _mine(request, pk), user_of(request)
        row = merchant_debt_payments(user).filter(agreement=agreement, pk=number).first()
        if row is None:
            raise Http404
        debts.drop_debt_payment(agreement=agreement, operator=user, reference=row.reference)
        return Response(status=status.HTTP_204_NO_CONTENT)

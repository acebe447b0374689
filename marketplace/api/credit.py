"""Merchants, applications, agreements, credit notes."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.models import User
from marketplace.api.fields import (
    AddressField,
    HashField,
    MomentField,
    MoneyField,
    SafeIntegerField,
    SignatureField,
    StrictBooleanField,
    StrictCharField,
)
from marketplace.api.views import PagedView, checked, one, user_of
from marketplace.credit import ledger, selectors, services
from marketplace.credit.issuing import agreement_to_sign
from marketplace.credit.models import Agreement, CreditApplication, CreditNote, Merchant
from marketplace.credit.notes import NoteRequest, issue_note


class MerchantSerializer(serializers.ModelSerializer[Merchant]):
    """A merchant that takes applications."""

    class Meta:
        """Public facts."""

        model = Merchant
        fields = ("slug", "name", "role", "msc", "description")


class MerchantsView(PagedView):
    """Merchants."""

    scope = "credit"
    serializer_class = MerchantSerializer
    queryset = Merchant.objects.none()

    def get(self, request: Request) -> Response:
        """Merchants that take applications."""
        del request
        return self.listed(selectors.open_merchants())


class MerchantNameSerializer(serializers.ModelSerializer[Merchant]):
    """A merchant's name."""

    class Meta:
        """Name only."""

        model = Merchant
        fields = ("slug", "name")


class ApplicationSerializer(serializers.Serializer[CreditApplication]):
    """A credit application, as its applicant sees it."""

    id = serializers.UUIDField()
    merchant = MerchantNameSerializer()
    state = serializers.ChoiceField(choices=CreditApplication.State.choices)
    requested_limit = MoneyField()
    monthly_income = MoneyField(allow_null=True)
    monthly_outgoings = MoneyField(allow_null=True)
    consent = serializers.SerializerMethodField()
    documents = serializers.SerializerMethodField()
    question = serializers.CharField()
    decision_reason = serializers.CharField()
    created_at = MomentField()
    submitted_at = MomentField(allow_null=True)
    decided_at = MomentField(allow_null=True)
    agreement = serializers.SerializerMethodField()

    def get_consent(self, application: CreditApplication) -> bool:
        """Whether the applicant consented to the check."""
        return application.consent_at is not None

    def get_documents(self, application: CreditApplication) -> list[UUID]:
        """The documents that it was submitted with."""
        return [document.pk for document in application.documents.all()]

    def get_agreement(self, application: CreditApplication) -> UUID | None:
        """The agreement that came of it."""
        agreement = getattr(application, "agreement", None)
        return agreement.pk if agreement else None


class NewApplicationSerializer(serializers.Serializer[Any]):
    """What an applicant fills in."""

    merchant = StrictCharField(max_length=50)
    requested_limit = MoneyField()
    monthly_income = MoneyField()
    monthly_outgoings = MoneyField()
    consent = StrictBooleanField()


class ChangedApplicationSerializer(serializers.Serializer[Any]):
    """What an applicant may change."""

    requested_limit = MoneyField(required=False)
    monthly_income = MoneyField(required=False)
    monthly_outgoings = MoneyField(required=False)
    consent = StrictBooleanField(required=False)


class ApplicationsView(PagedView):
    """My applications."""

    scope = "credit"
    serializer_class = ApplicationSerializer
    queryset = CreditApplication.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """Amounts are sealed: fetch the key once."""
        prefetch_keys(rows)
        return rows

    def get(self, request: Request) -> Response:
        """List my applications."""
        return self.listed(selectors.own_applications(user_of(request)))

    @extend_schema(request=NewApplicationSerializer, responses={201: ApplicationSerializer})
    def post(self, request: Request) -> Response:
        """Begin an application, or get the open one to the same merchant."""
        wanted = checked(NewApplicationSerializer, request)
        merchant = one(selectors.open_merchants(), slug=wanted.pop("merchant"))
        made = services.start_application(user=user_of(request), merchant=merchant, **wanted)
        return _application(user_of(request), made.pk, status.HTTP_201_CREATED)


def _application(user: User, pk: UUID, code: int = status.HTTP_200_OK) -> Response:
    return Response(ApplicationSerializer(one(selectors.own_applications(user), pk=pk)).data, status=code)


class ApplicationView(APIView):
    """One of my applications."""

    scope = "credit"

    @extend_schema(responses=ApplicationSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """How far it is."""
        return _application(user_of(request), pk)

    @extend_schema(request=ChangedApplicationSerializer, responses=ApplicationSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change it while it is my turn."""
        application = one(selectors.own_applications(user_of(request)), pk=pk)
        services.change_application(
            application=application, changes=checked(ChangedApplicationSerializer, request)
        )
        return _application(user_of(request), pk)


class SubmitView(APIView):
    """Handing in."""

    scope = "credit"

    @extend_schema(request=None, responses=ApplicationSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Hand it to the merchant with all my documents."""
        services.submit_application(application=one(selectors.own_applications(user_of(request)), pk=pk))
        return _application(user_of(request), pk)


class WithdrawView(APIView):
    """Taking back."""

    scope = "credit"

    @extend_schema(request=None, responses=ApplicationSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Take it back before it is decided."""
        services.withdraw_application(application=one(selectors.own_applications(user_of(request)), pk=pk))
        return _application(user_of(request), pk)


class AgreementMerchantSerializer(serializers.ModelSerializer[Merchant]):
    """The merchant of an agreement."""

    class Meta:
        """Name and contract."""

        model = Merchant
        fields = ("slug", "name", "msc")


class AgreementSerializer(serializers.Serializer[Agreement]):
    """A credit agreement."""

    id = serializers.UUIDField()
    merchant = AgreementMerchantSerializer()
    sid = HashField()
    state = serializers.ChoiceField(choices=Agreement.State.choices)
    participant = AddressField()
    credit_limit = MoneyField()
    collateral = MoneyField()
    billing_period = serializers.IntegerField()
    payment_term = serializers.IntegerField()
    valid_until = serializers.IntegerField()
    documents_hash = HashField()
    nonce = HashField()
    merchant_signature = SignatureField()
    outstanding = MoneyField()
    available = serializers.SerializerMethodField()
    transaction = serializers.SerializerMethodField()
    block = serializers.IntegerField(source="block_number", allow_null=True)
    failure = serializers.CharField()

    def get_available(self, agreement: Agreement) -> str:
        """What further notes may add up to, unless ended ones are still owed: the statement knows."""
        return str(max(0, agreement.limit - agreement.outstanding))

    def get_transaction(self, agreement: Agreement) -> str | None:
        """The transaction that initialised it."""
        return agreement.transaction_hash or None


class AgreementsView(PagedView):
    """My agreements."""

    scope = "credit"
    serializer_class = AgreementSerializer
    queryset = Agreement.objects.none()

    def get(self, request: Request) -> Response:
        """List my agreements."""
        return self.listed(selectors.own_agreements(user_of(request)))


class AgreementView(APIView):
    """One of my agreements."""

    scope = "credit"

    @extend_schema(responses=AgreementSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """What was agreed, and whether the ledger knows it."""
        return Response(AgreementSerializer(one(selectors.own_agreements(user_of(request)), pk=pk)).data)


class ToSignSerializer(serializers.Serializer[Any]):
    """Typed data as `eth_signTypedData_v4` takes it."""

    agreement = serializers.DictField()
    permit = serializers.DictField()
    permit_deadline = serializers.IntegerField()


class ToSignView(APIView):
    """What my root key signs."""

    scope = "credit"

    @extend_schema(responses=ToSignSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """The agreement, and the permit of its collateral."""
        agreement = one(selectors.own_agreements(user_of(request)), pk=pk)
        permit, deadline = ledger.permit_to_sign(agreement)
        return Response(
            {"agreement": agreement_to_sign(agreement), "permit": permit, "permit_deadline": deadline}
        )


class InitialiseSerializer(serializers.Serializer[Any]):
    """My root key's signatures."""

    signature = SignatureField()
    permit_signature = SignatureField()
    permit_deadline = SafeIntegerField()


class InitialiseView(APIView):
    """Onto the ledger."""

    scope = "credit"
    throttle_scope = "sensitive"

    @extend_schema(request=InitialiseSerializer, responses=AgreementSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Initialise the agreement on the ledger; the site sends the transaction."""
        agreement = one(selectors.own_agreements(user_of(request)), pk=pk)
        signed = checked(InitialiseSerializer, request)
        ledger.initialise_agreement(agreement=agreement, **signed)
        return Response(AgreementSerializer(one(selectors.own_agreements(user_of(request)), pk=pk)).data)


class NoteSerializer(serializers.Serializer[CreditNote]):
    """A credit note with its merchant's signature."""

    serial = HashField()
    agreement = serializers.UUIDField(source="agreement_id")
    msc = AddressField(source="agreement.msc")
    holder = AddressField()
    amount = MoneyField()
    valid_until = serializers.IntegerField()
    merchant_signature = SignatureField()
    issued_at = MomentField()


class NewNoteSerializer(serializers.Serializer[Any]):
    """What I ask for, with my receipt."""

    agreement = serializers.UUIDField()
    serial = HashField()
    holder = AddressField()
    amount = MoneyField()
    receipt_signature = SignatureField()


class NotesView(PagedView):
    """My credit notes."""

    scope = "credit"
    serializer_class = NoteSerializer
    queryset = CreditNote.objects.none()

    def get(self, request: Request) -> Response:
        """List my credit notes."""
        return self.listed(selectors.own_notes(user_of(request)))

    @extend_schema(request=NewNoteSerializer, responses={201: NoteSerializer})
    def post(self, request: Request) -> Response:
        """Get a note for one of my session keys."""
        wanted = checked(NewNoteSerializer, request)
        agreement = one(_agreements(request), pk=wanted.pop("agreement"))
        note = issue_note(agreement=agreement, request=NoteRequest(**wanted))
        return Response(NoteSerializer(note).data, status=status.HTTP_201_CREATED)


def _agreements(request: Request) -> QuerySet[Agreement]:
    return selectors.own_agreements(user_of(request))


class NoteView(APIView):
    """One of my credit notes."""

    scope = "credit"

    @extend_schema(responses=NoteSerializer)
    def get(self, request: Request, serial: str) -> Response:
        """The note and its signature."""
        return Response(NoteSerializer(one(selectors.own_notes(user_of(request)), serial=serial)).data)

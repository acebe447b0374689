"""The merchants' back office: queue, review, decisions, agreements with their claims. For signed-in operators, not for tokens."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.selectors import opened_documents, participant_of, wallet_of
from marketplace.api.documents import DocumentSerializer
from marketplace.api.fields import AddressField, HashField, MomentField, MoneyField, StrictCharField
from marketplace.api.scopes import SESSION
from marketplace.api.statements import StatementSerializer, statement_of_books
from marketplace.api.views import PagedView, asked, checked, one, user_of
from marketplace.credit import claims, decisions, queue, selectors
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.models import Agreement, CreditApplication
from marketplace.credit.overview import overview_of, standings
from marketplace.credit.record import record_of

State = CreditApplication.State


class OfficeWaitingSerializer(serializers.Serializer[Any]):
    """How many applications wait, and in whose hands."""

    waiting = serializers.IntegerField()
    mine = serializers.IntegerField()
    unassigned = serializers.IntegerField()
    second = serializers.IntegerField(help_text="Waiting for a second approval that the asker may give.")
    with_applicant = serializers.IntegerField()


class OfficeSerializer(serializers.Serializer[Any]):
    """What waits, and money at risk."""

    queue = OfficeWaitingSerializer()
    appeals = serializers.IntegerField(help_text="Open appeals that are the asker's to answer.")
    used = MoneyField(help_text="Reserved or owed, and not paid.")
    collateral = MoneyField()
    at_risk = MoneyField(help_text="What collateral does not cover.")
    overdue = MoneyField()
    notes = MoneyField(help_text="What notes may still come to cost.")
    claims = serializers.ListField(child=serializers.UUIDField(), help_text="Agreements with an open claim.")


class OfficeView(APIView):
    """The desk's front page."""

    scope = SESSION

    @extend_schema(responses=OfficeSerializer)
    def get(self, request: Request) -> Response:
        """What waits for me, and what is at risk."""
        user = user_of(request)
        sums = overview_of(standings(list(selectors.merchant_agreements(user))))
        names = ("used", "collateral", "at_risk", "overdue", "notes")
        content = {
            **{name: getattr(sums, name) for name in names},
            "queue": queue.counted(selectors.reviewable_applications(user), user),
            "appeals": selectors.appeals_before(user).filter(state="open").count(),
            "claims": [one.agreement.pk for one in sums.claims],
        }
        return Response(OfficeSerializer(content).data)


class QueuedSerializer(serializers.Serializer[CreditApplication]):
    """An application in the queue."""

    id = serializers.UUIDField()
    merchant = serializers.SlugField(source="merchant.slug")
    applicant = serializers.SerializerMethodField(help_text="Pseudonym.")
    state = serializers.ChoiceField(choices=State.choices)
    requested_limit = MoneyField()
    proposed_limit = MoneyField(allow_null=True)
    proposed_collateral = MoneyField(allow_null=True)
    score = serializers.IntegerField(allow_null=True)
    risk = serializers.SerializerMethodField()
    submitted_at = MomentField(allow_null=True)
    in_my_hands = serializers.SerializerMethodField()
    has_reviewer = serializers.SerializerMethodField()
    waits_for_second = serializers.SerializerMethodField()

    def get_applicant(self, application: CreditApplication) -> str:
        """Never the name."""
        participant = getattr(application.user, "participant", None)
        return participant.display_name if participant else application.user.owner

    def get_risk(self, application: CreditApplication) -> str:
        """`low`, `middle` or `high`."""
        return queue.risk_of(application)

    def get_in_my_hands(self, application: CreditApplication) -> bool:
        """Whether the asker has taken it."""
        return bool(application.reviewer_id == self.context["request"].user.pk)

    def get_has_reviewer(self, application: CreditApplication) -> bool:
        """Whether anybody has."""
        return application.reviewer_id is not None

    def get_waits_for_second(self, application: CreditApplication) -> bool:
        """Whether one operator has approved it, and another must."""
        return hasattr(application, "first_approval")


class QueueQuerySerializer(serializers.Serializer[Any]):
    """Which ones; without a state those that wait for the merchant."""

    state = serializers.ChoiceField(choices=[*State.values, "all"], required=False)
    hands = serializers.ChoiceField(choices=["me", "nobody", "second"], required=False)


class QueueView(PagedView):
    """Applications to the asker's merchants."""

    scope = SESSION
    serializer_class = QueuedSerializer
    queryset = CreditApplication.objects.none()

    @extend_schema(parameters=[QueueQuerySerializer])
    def get(self, request: Request) -> Response:
        """What needs this operator first, then the longest waiting."""
        wanted, user = asked(QueueQuerySerializer, request), user_of(request)
        rows = queue.ranked(selectors.reviewable_applications(user), user)
        state = wanted.get("state", "")
        if state != "all":
            states = [state] if state else CreditApplication.REVIEWABLE_STATES
            rows = rows.filter(state__in=states)
        return self.listed(rows.filter(queue.hands_of(wanted.get("hands", ""), user)))


class CheckSerializer(serializers.Serializer[Any]):
    """One check of the scorecard."""

    code = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["pass", "warn", "fail"])
    reason = serializers.CharField()
    points = serializers.IntegerField()
    max_points = serializers.IntegerField()


class PersonSerializer(serializers.Serializer[Any]):
    """Who applies."""

    display_name = serializers.CharField(allow_null=True)
    legal_name = serializers.CharField(allow_null=True)
    birth_date = serializers.CharField(allow_null=True)
    street = serializers.CharField(allow_null=True)
    postcode = serializers.CharField(allow_null=True)
    city = serializers.CharField(allow_null=True)
    country = serializers.CharField(allow_null=True)


class FirstApprovalSerializer(serializers.Serializer[Any]):
    """Terms that one operator has approved."""

    limit = MoneyField()
    collateral = MoneyField()
    is_mine = serializers.BooleanField()


class RecordSerializer(serializers.Serializer[Any]):
    """What the ledger remembers of the applicant."""

    disputes = serializers.IntegerField()
    stale = serializers.IntegerField(help_text="Disputes that the applicant raised with an old state.")
    channels_closed = serializers.IntegerField()
    notes_settled = serializers.IntegerField()
    overdue = MoneyField()
    defaulted = serializers.IntegerField()


class ReviewSerializer(QueuedSerializer):
    """An application as its reviewer sees it; a withdrawn one has no person, papers or checks any more."""

    monthly_income = MoneyField(allow_null=True)
    monthly_outgoings = MoneyField(allow_null=True)
    question = serializers.CharField()
    decision_reason = serializers.CharField()
    seen = serializers.SerializerMethodField(help_text="Give it back with a decision.")
    person = PersonSerializer(allow_null=True)
    wallet = AddressField(allow_null=True)
    documents = DocumentSerializer(many=True)
    checks = CheckSerializer(many=True)
    record = RecordSerializer(allow_null=True)
    first_approval = FirstApprovalSerializer(allow_null=True)
    agreement = serializers.UUIDField(allow_null=True)

    def get_seen(self, application: Any) -> str:
        """The submission that is shown."""
        return application.submitted_at.isoformat() if application.submitted_at else ""


class _Reviewed:
    """An application with what a reviewer is shown beside it."""

    def __init__(self, application: CreditApplication, me: Any) -> None:
        self._application = application
        is_gone = application.state == State.WITHDRAWN
        person, wallet = participant_of(application.user), wallet_of(application.user)
        prefetch_keys([application, *([person] if person else [])])
        first = decisions.first_approval_of(application)
        terms = first and {"limit": first.limit, "collateral": first.collateral}
        agreement = getattr(application, "agreement", None)
        self.person = None if is_gone else person
        self.wallet = None if is_gone or wallet is None else wallet.address
        self.documents = [] if is_gone else opened_documents(application.documents.all())
        self.checks = [] if is_gone else list(application.checks.all())
        self.record = None if is_gone else record_of(application.user)
        self.monthly_income = None if is_gone else _amount(application.monthly_income)
        self.monthly_outgoings = None if is_gone else _amount(application.monthly_outgoings)
        self.first_approval = terms and {**terms, "is_mine": bool(first and first.operator_id == me.pk)}
        self.agreement = agreement and agreement.pk
        self.has_first = first is not None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)


def _amount(text: str | None) -> int | None:
    return None if text is None else int(text)


class _ShownSerializer(ReviewSerializer):
    def get_waits_for_second(self, application: Any) -> bool:
        """Whether one operator has approved it, and another must."""
        return bool(application.has_first)


def _reviewed(request: Request, pk: UUID) -> Response:
    application = one(selectors.reviewable_applications(user_of(request)), pk=pk)
    shown: Any = _Reviewed(application, user_of(request))
    return Response(_ShownSerializer(shown, context={"request": request}).data)


class ReviewView(APIView):
    """One application."""

    scope = SESSION

    @extend_schema(responses=ReviewSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Person, papers, checks, the ledger's memory. Documents are read one by one, and each look is recorded."""
        return _reviewed(request, pk)


class DecisionSerializer(serializers.Serializer[Any]):
    """What to do; `words` is the question, the reason of a refusal, or a note to an approval."""

    decision = serializers.ChoiceField(choices=["take", "hand_back", "approve", "ask", "reject"])
    limit = MoneyField(required=False)
    collateral = MoneyField(required=False)
    words = StrictCharField(max_length=2000, required=False, allow_blank=True)
    seen = serializers.DateTimeField(
        required=False, help_text="Of the review; refuses what was changed meanwhile."
    )


class DecisionView(APIView):
    """Deciding."""

    scope = SESSION

    @extend_schema(request=DecisionSerializer, responses=ReviewSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Take, hand back, ask, reject, or approve. An approval above the merchant's limit waits for a second operator's."""
        application = one(selectors.reviewable_applications(user_of(request)), pk=pk)
        wanted = checked(DecisionSerializer, request)
        hands: dict[str, Any] = {"application": application, "operator": user_of(request)}
        words, seen = wanted.get("words", ""), wanted.get("seen")
        match wanted["decision"]:
            case "take":
                decisions.start_review(**hands)
            case "hand_back":
                decisions.hand_back(**hands)
            case "ask":
                decisions.ask_for_more(**hands, question=words, seen=seen)
            case "reject":
                decisions.reject_application(**hands, reason=words, seen=seen)
            case _:
                terms: dict[str, Any] = {
                    "limit": wanted.get("limit", 0),
                    "collateral": wanted.get("collateral", 0),
                }
                decisions.approve_application(**hands, **terms, reason=words, seen=seen)
        return _reviewed(request, pk)


class HeldAgreementSerializer(serializers.Serializer[Agreement]):
    """An agreement of one of the asker's merchants."""

    id = serializers.UUIDField()
    merchant = serializers.SlugField(source="merchant.slug")
    participant = AddressField()
    sid = HashField()
    state = serializers.ChoiceField(choices=Agreement.State.choices)
    limit = MoneyField()
    collateral = MoneyField()
    outstanding = MoneyField()
    waiting_limit = serializers.SerializerMethodField(
        help_text="A raise that waits for a second operator, micro-units; null where none does."
    )
    valid_until = serializers.IntegerField()

    def get_waiting_limit(self, agreement: Agreement) -> str | None:
        """What one operator has entered."""
        first = getattr(agreement, "first_raise", None)
        return str(first.limit) if first else None


class HeldAgreementsView(PagedView):
    """Agreements."""

    scope = SESSION
    serializer_class = HeldAgreementSerializer
    queryset = Agreement.objects.none()

    def get(self, request: Request) -> Response:
        """Those of the asker's merchants."""
        return self.listed(selectors.merchant_agreements(user_of(request)))


class HeldStatementView(APIView):
    """An agreement's statement, as its merchant reads it."""

    scope = SESSION

    @extend_schema(responses=StatementSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Debt, notes, payments, and the claim with its clock; read from the ledger now."""
        agreement = one(selectors.merchant_agreements(user_of(request)), pk=pk)
        return Response(statement_of_books(fresh_statement_of(agreement)))


CLAIMS = {
    "start": claims.start_claim,
    "execute": claims.execute_claim,
    "cancel": claims.cancel_claim,
    "hold": claims.hold_collateral,
    "release": claims.release_collateral,
    "drop_raise": claims.drop_raise,
}


class ClaimingSerializer(serializers.Serializer[Any]):
    """What to do under an agreement; `limit` with `limit` alone."""

    action = serializers.ChoiceField(choices=[*CLAIMS, "limit"])
    limit = MoneyField(required=False)


class ClaimingView(APIView):
    """Claims and collateral."""

    scope = SESSION
    throttle_scope = "sensitive"

    @extend_schema(request=ClaimingSerializer, responses={200: StatementSerializer, 202: StatementSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Start, execute or drop a claim; hold or release the collateral; change the limit.

        202: the raise takes a second operator, who must enter the same; `waiting_limit` of the agreement has it.
        """
        user = user_of(request)
        mine = selectors.merchant_agreements(user).filter(merchant__in=selectors.staffed_merchants(user))
        agreement = one(mine, pk=pk)
        wanted = checked(ClaimingSerializer, request)
        code: int = status.HTTP_200_OK
        if wanted["action"] == "limit":
            done = claims.change_limit(agreement=agreement, operator=user, limit=wanted.get("limit", 0))
            code = status.HTTP_200_OK if done else status.HTTP_202_ACCEPTED
        else:
            CLAIMS[wanted["action"]](agreement=agreement, operator=user)
        return Response(statement_of_books(fresh_statement_of(agreement)), status=code)

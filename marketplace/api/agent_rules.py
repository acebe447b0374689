"""My own agent: its rules, dry run and mandate, pausing (docs/agent.md)."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.api.fields import (
    MomentField,
    MoneyField,
    SafeIntegerField,
    SignatureField,
    StrictBooleanField,
    StrictCharField,
)
from marketplace.api.views import PagedView, checked, user_of
from marketplace.trading.models import AgentRules, OwnAgent
from marketplace.trading.own_agent import selectors, services
from marketplace.trading.own_agent.rules import DAY_MINUTES, Partners, Rules, rules_from

MINUTES = DAY_MINUTES - 1


class RulesSerializer(serializers.Serializer[Any]):
    """What the agent may do. Prices in micro-units per kWh, the budget in micro-units for a day of delivery."""

    sells = StrictBooleanField()
    sell_from = MoneyField()
    buys = StrictBooleanField()
    buy_up_to = MoneyField()
    reserve_wh = SafeIntegerField()
    budget = MoneyField()
    most_wh = SafeIntegerField(min_value=1)
    partners = serializers.ChoiceField(choices=[(one.value, one.value) for one in Partners])
    from_minute = SafeIntegerField(max_value=MINUTES)
    to_minute = SafeIntegerField(max_value=MINUTES)
    zone = StrictCharField(max_length=60)


class DayResultSerializer(serializers.Serializer[Any]):
    """A day of a dry run; `saved` is against feeding everything in and buying everything from the supplier."""

    day = serializers.DateField()
    slots = serializers.IntegerField()
    surplus_wh = serializers.IntegerField()
    need_wh = serializers.IntegerField()
    sold_wh = serializers.IntegerField()
    bought_wh = serializers.IntegerField()
    earned = serializers.CharField()
    spent = serializers.CharField()
    saved = serializers.CharField(help_text="May be negative.")
    trades = serializers.IntegerField()


class DryRunSerializer(DayResultSerializer):
    """All days of a dry run; `source` is `meter` (own readings) or `replay` (the connection's record)."""

    day = None  # type: ignore[assignment]  # the sums have none
    source = serializers.ChoiceField(choices=[("meter", "meter"), ("replay", "replay")])  # type: ignore[assignment]  # the field's name is the API's
    days = DayResultSerializer(many=True)


class VersionSerializer(serializers.Serializer[AgentRules]):
    """One version of the rules."""

    version = serializers.IntegerField()
    rules = RulesSerializer()
    created_at = MomentField()
    dry_run = DryRunSerializer(allow_null=True)
    dry_run_at = MomentField(allow_null=True)
    mandate_until = serializers.IntegerField(help_text="0 where none was ever signed.")


class AgentStateSerializer(serializers.Serializer[Any]):
    """Where the agent stands. It works in the person's browser or program: `at_work` says whether one asked lately."""

    state = serializers.ChoiceField(choices=OwnAgent.State.choices)
    paused_because = serializers.CharField()
    at_work = serializers.BooleanField()
    doing = serializers.CharField(help_text="Why it did nothing when it last asked.")
    live = VersionSerializer(allow_null=True)
    newest = VersionSerializer(allow_null=True)
    day = serializers.CharField(allow_null=True, help_text="The market's day of delivery.")
    spent = MoneyField(help_text="Of this day's budget, open offers included.")


def _state(request: Request) -> dict[str, Any]:
    user = user_of(request)
    agent = selectors.agent_of(user)
    day, spent = (
        selectors.spent_today(user, rules_from(agent.live.rules)) if agent and agent.live else (None, 0)
    )
    return {
        "state": agent.state if agent else OwnAgent.State.DRAFT,
        "paused_because": agent.paused_because if agent else "",
        "at_work": bool(agent and selectors.is_at_work(agent)),
        "doing": agent.doing if agent else "",
        "live": agent.live if agent else None,
        "newest": selectors.versions_of(user).first(),
        "day": day,
        "spent": spent,
    }


class OwnAgentView(APIView):
    """My agent."""

    scope = "agent"

    @extend_schema(responses=AgentStateSerializer)
    def get(self, request: Request) -> Response:
        """Where it stands."""
        return Response(AgentStateSerializer(_state(request)).data)


class VersionsView(PagedView):
    """Versions of my rules."""

    scope = "agent"
    serializer_class = VersionSerializer
    queryset = AgentRules.objects.none()

    def get(self, request: Request) -> Response:
        """All of them, the newest first."""
        return self.listed(selectors.versions_of(user_of(request)))

    @extend_schema(request=RulesSerializer, responses={201: VersionSerializer})
    def post(self, request: Request) -> Response:
        """Keep rules as a new version; the newest one's very rules again are that version."""
        wanted = checked(RulesSerializer, request)
        row = services.save_rules(user=user_of(request), rules=Rules(**wanted))
        return Response(VersionSerializer(row).data, status=status.HTTP_201_CREATED)


class VersionView(APIView):
    """One version of my rules."""

    scope = "agent"

    @extend_schema(responses=VersionSerializer)
    def get(self, request: Request, version: int) -> Response:
        """As it is kept."""
        return Response(VersionSerializer(services.rules_row(user_of(request), version)).data)


class DryRunView(APIView):
    """A dry run."""

    scope = "agent"

    @extend_schema(request=None, responses=VersionSerializer)
    def post(self, request: Request, version: int) -> Response:
        """Play this version over my own past; nothing is signed, nobody is asked."""
        return Response(VersionSerializer(services.try_rules(user=user_of(request), version=version)).data)


class MandateSerializer(serializers.Serializer[Any]):
    """What the wallet is to sign as a text (EIP-191) so that the agent may go live."""

    text = serializers.CharField()
    until = serializers.IntegerField()


class GoLiveSerializer(serializers.Serializer[Any]):
    """The wallet's signature under the mandate."""

    until = SafeIntegerField()
    signature = SignatureField()


class MandateView(APIView):
    """Going live."""

    scope = "agent"

    @extend_schema(responses=MandateSerializer)
    def get(self, request: Request, version: int) -> Response:
        """What to sign; it holds for 30 days."""
        text, until = services.mandate_for(services.rules_row(user_of(request), version))
        return Response({"text": text, "until": until})

    @extend_schema(request=GoLiveSerializer, responses=AgentStateSerializer)
    def post(self, request: Request, version: int) -> Response:
        """Go live with this version, which must have had its dry run."""
        services.rules_row(user_of(request), version)  # what isn't theirs is not there, whatever was sent
        services.go_live(user=user_of(request), version=version, **checked(GoLiveSerializer, request))
        return Response(AgentStateSerializer(_state(request)).data)


class PauseView(APIView):
    """Pausing."""

    scope = "agent"

    @extend_schema(request=None, responses=AgentStateSerializer)
    def post(self, request: Request) -> Response:
        """From now on there is nothing for it to do."""
        services.pause(user=user_of(request))
        return Response(AgentStateSerializer(_state(request)).data)


class ResumeView(APIView):
    """Going on."""

    scope = "agent"

    @extend_schema(request=None, responses=AgentStateSerializer)
    def post(self, request: Request) -> Response:
        """Go on by the rules that it had, while their mandate holds."""
        services.resume(user=user_of(request))
        return Response(AgentStateSerializer(_state(request)).data)

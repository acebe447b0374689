"""What my own agent is to do next, and what it did (docs/agent.md)."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.models import User
from marketplace.api.agent_rules import RulesSerializer
from marketplace.api.asker import asker_of
from marketplace.api.fields import (
    HashField,
    MoneyField,
    SafeIntegerField,
    StrictBooleanField,
    StrictCharField,
)
from marketplace.api.trading import PartnerSerializer, partner
from marketplace.api.views import PagedView, asked, checked, user_of
from marketplace.trading.models import AgentDecision
from marketplace.trading.own_agent import selectors, services
from marketplace.trading.own_agent.holding import Holding, hold
from marketplace.trading.own_agent.planner import Action, Slot, left_wh
from marketplace.trading.own_agent.rules import Rules, rules_from
from marketplace.trading.own_agent.words import KINDS, REASON_CHOICES, REASONS
from marketplace.trading.selectors import prosumers_by_owner
from marketplace.words import protocol


class SlotPositionSerializer(serializers.Serializer[Slot]):
    """What is expected of a slot, and what is spoken for."""

    start = serializers.IntegerField()
    surplus_wh = serializers.IntegerField()
    need_wh = serializers.IntegerField()
    stored_wh = serializers.IntegerField()
    sold_wh = serializers.IntegerField()
    bought_wh = serializers.IntegerField()


class ActionSerializer(serializers.Serializer[Any]):
    """A step to take: accept the live `offer`, counter it, or make an offer in `channel`."""

    kind = serializers.ChoiceField(choices=[("accept", "accept"), ("counter", "counter"), ("offer", "offer")])
    channel = serializers.CharField()
    offer = serializers.CharField(help_text="Of the partner; empty for a new one.")
    partner = PartnerSerializer()
    sells = serializers.BooleanField()
    quantity_wh = serializers.IntegerField()
    price_per_kwh = MoneyField()
    imbalance_per_kwh = MoneyField()
    amount = MoneyField()
    slot_start = serializers.IntegerField()
    reason = serializers.ChoiceField(choices=REASON_CHOICES)
    position = SlotPositionSerializer()
    left_wh = serializers.IntegerField(help_text="Uncovered in this slot, before the step.")
    day = serializers.CharField()
    spent = MoneyField(help_text="For this day of delivery, before the step.")


class PlanSerializer(serializers.Serializer[Any]):
    """What to do now. Check it against the rules that the mandate names before anything is signed."""

    action = ActionSerializer(allow_null=True)
    reason = serializers.ChoiceField(choices=REASON_CHOICES)
    words = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    rules = RulesSerializer(allow_null=True)
    mandate = serializers.CharField(allow_null=True, help_text="The wallet's signature under the mandate.")
    until = serializers.IntegerField(allow_null=True)
    look_again_s = serializers.IntegerField()


def _action(step: selectors.NextStep, action: Action, rules: Rules) -> dict[str, Any]:
    quote, moment = action.quote, step.moment
    slot = next(one for one in moment.slots if one.start == quote.slot_start) if moment else None
    if slot is None or moment is None:
        raise ValueError("a step without the moment that it was planned for")
    day = rules.day_of(slot.start)
    return {
        "kind": action.kind,
        "channel": moment.channels[quote.partner].id,
        "offer": quote.offer,
        "partner": partner(quote.partner, prosumers_by_owner([quote.partner])),
        "sells": action.sells,
        "quantity_wh": action.quantity_wh,
        "price_per_kwh": action.price_per_kwh,
        "imbalance_per_kwh": step.imbalance_per_kwh,
        "amount": action.amount,
        "slot_start": slot.start,
        "reason": "at_bound" if action.at_bound else action.kind,
        "position": slot,
        "left_wh": left_wh(rules, slot, sells=action.sells),
        "day": day,
        "spent": moment.spent.get(day, 0),
    }


class PlanQuerySerializer(serializers.Serializer[Any]):
    """Who asks."""

    holder = StrictCharField(
        max_length=40, default="", allow_blank=True, help_text="As in `agent/presence/`."
    )


class PlanView(APIView):
    """The next step."""

    scope = "agent"

    @extend_schema(parameters=[PlanQuerySerializer], responses=PlanSerializer)
    def get(self, request: Request) -> Response:
        """What the agent is to do now, or why nothing: `by_browser` or `by_program` where another one acts."""
        step = selectors.next_step(user_of(request), asked(PlanQuerySerializer, request)["holder"])
        row, action = step.rules, step.plan.action
        content = {
            "action": _action(step, action, rules_from(row.rules)) if row and action else None,
            "reason": step.plan.reason,
            "words": REASONS[step.plan.reason],
            "version": row.version if row else None,
            "rules": row.rules if row else None,
            "mandate": row.mandate if row else None,
            "until": row.mandate_until if row else None,
            "look_again_s": step.look_again_s,
        }
        return Response(PlanSerializer(content).data)


class PresenceSerializer(serializers.Serializer[Any]):
    """Where the agent stands: `doing` is the plan's reason, or `locked` while its wallet is.

    One browser or program acts at a time: the one that said so under its own name within the last minute.
    """

    doing = serializers.ChoiceField(choices=REASON_CHOICES)
    holder = StrictCharField(
        max_length=40, default="", allow_blank=True, help_text="My own name for this browser or program."
    )
    takes_over = StrictBooleanField(
        default=False, help_text="This one acts from now on, the other one rests."
    )
    leaves = StrictBooleanField(default=False, help_text="This one ends: whoever asks next may act.")


class HoldingSerializer(serializers.Serializer[Holding]):
    """Who acts."""

    mine = serializers.BooleanField(help_text="Whether the asker may: it does, or nobody else.")
    acts = serializers.ChoiceField(choices=[("browser", "browser"), ("program", "program"), ("", "nobody")])
    until = serializers.IntegerField(help_text="Without another word; 0 where nobody acts.")


class PresenceView(APIView):
    """A sign of life."""

    scope = "agent"

    @extend_schema(request=PresenceSerializer, responses=HoldingSerializer)
    def post(self, request: Request) -> Response:
        """Say that the agent is at work, or why it rests, and learn who acts: where it is another one, rest."""
        user, said = user_of(request), checked(PresenceSerializer, request)
        doing, acts = said["doing"], "program" if asker_of(request).token else "browser"
        held = hold(user=user, acts=acts, **said)
        if held.mine and not said["leaves"]:
            self._note(user, doing)
        return Response(HoldingSerializer(held).data)

    @staticmethod
    def _note(user: User, doing: str) -> None:
        agent = selectors.agent_of(user)
        day = selectors.spent_today(user, rules_from(agent.live.rules))[0] if agent and agent.live else ""
        services.note_presence(user=user, doing=doing, day=day)


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of a step. `offer` is its offeror's id, `trade` the struct hash of the whole offer."""

    version = SafeIntegerField(min_value=1)
    kind = serializers.ChoiceField(choices=[(name, name) for name in KINDS])
    reason = serializers.ChoiceField(choices=REASON_CHOICES)
    detail = StrictCharField(max_length=300, allow_blank=True, default="")
    channel = HashField()
    offer = HashField(required=False, allow_null=True, default=None)
    trade = HashField(required=False, allow_null=True, default=None)
    sells = StrictBooleanField()
    slot_start = SafeIntegerField()
    quantity_wh = SafeIntegerField(max_value=10**9)
    price_per_kwh = MoneyField()


class TradeOfSerializer(serializers.Serializer[Any]):
    """The co-signed trade behind a step."""

    channel = serializers.CharField()
    version = serializers.IntegerField()
    quantity_wh = serializers.IntegerField()
    amount = MoneyField()


class AgentStepSerializer(serializers.Serializer[Any]):
    """A line of the log."""

    version = serializers.IntegerField(help_text="Of the rules.")
    kind = serializers.CharField()
    reason = serializers.CharField()
    words = serializers.CharField()
    detail = serializers.CharField()
    partner = PartnerSerializer()
    channel = serializers.CharField()
    sells = serializers.BooleanField()
    slot_start = serializers.IntegerField()
    quantity_wh = serializers.IntegerField()
    price_per_kwh = MoneyField()
    amount = MoneyField()
    at = serializers.IntegerField()
    trade = TradeOfSerializer(allow_null=True)


def _steps(rows: list[AgentDecision]) -> list[dict[str, Any]]:
    known = prosumers_by_owner(row.partner for row in rows)
    names = ("version", "kind", "reason", "channel", "sells", "slot_start", "quantity_wh", "at")
    return [
        {
            **{name: getattr(step.decision, name) for name in names},
            "words": REASONS.get(step.decision.reason, ""),
            "detail": protocol.reason(step.decision.detail),
            "partner": partner(step.decision.partner, known),
            "price_per_kwh": step.decision.price_per_kwh,
            "amount": step.decision.amount,
            "trade": step.trade,
        }
        for step in selectors.steps_of(rows)
    ]


class StepsView(PagedView):
    """What my agent did."""

    scope = "agent"
    serializer_class = AgentStepSerializer
    queryset = AgentDecision.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """With partners and trades."""
        return _steps(rows)

    def get(self, request: Request) -> Response:
        """Its log, the newest first."""
        return self.listed(selectors.decisions_of(user_of(request)))

    @extend_schema(request=OutcomeSerializer, responses={201: AgentStepSerializer})
    def post(self, request: Request) -> Response:
        """Put a step into the log; the same one again changes nothing."""
        told = checked(OutcomeSerializer, request)
        for name in ("channel", "offer", "trade"):
            told[name] = "0x" + told[name].hex() if told[name] else ""
        row = services.note_step(user=user_of(request), **told)
        return Response(AgentStepSerializer(_steps([row])[0]).data, status=status.HTTP_201_CREATED)

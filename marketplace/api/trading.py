"""Partners, listings, trades, the gate's answers."""

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from channels_engine.store.models import TradeRecord
from marketplace.accounts.hexadecimal import to_hex
from marketplace.api.fields import MAX_SAFE, HashField, MomentField, MoneyField, SafeIntegerField
from marketplace.api.views import PagedView, asked, checked, one, user_of
from marketplace.trading import selectors, services
from marketplace.trading.finding import HOUSES, PEOPLE, SORTS, Wanted, listings_of
from marketplace.trading.live.decisions import visible_decisions
from marketplace.trading.live.listings import listings_from
from marketplace.trading.live.view import market_now
from marketplace.trading.models import GateDecision, Listing, Prosumer
from marketplace.trading.standings import standing_with


class ProsumerSerializer(serializers.ModelSerializer[Prosumer]):
    """Somebody to trade with."""

    is_me = serializers.SerializerMethodField()

    class Meta:
        """What partners may know."""

        model = Prosumer
        fields = (
            "slug",
            "owner",
            "display_name",
            "kind",
            "is_agent",
            "bus",
            "has_pv",
            "has_battery",
            "is_me",
        )

    def get_is_me(self, prosumer: Prosumer) -> bool:
        """Whether it is the asker."""
        request = self.context.get("request")
        return request is not None and prosumer.owner == getattr(request.user, "owner", None)


class ProsumerQuerySerializer(serializers.Serializer[Any]):
    """Filters of the partners' list."""

    is_agent = serializers.BooleanField(required=False, allow_null=True, default=None)
    search = serializers.CharField(required=False, max_length=40, allow_blank=True, default="")


class ProsumersView(PagedView):
    """Partners."""

    scope = "trade"
    serializer_class = ProsumerSerializer
    queryset = Prosumer.objects.none()

    @extend_schema(parameters=[ProsumerQuerySerializer])
    def get(self, request: Request) -> Response:
        """Everybody who trades."""
        wanted = asked(ProsumerQuerySerializer, request)
        rows = selectors.prosumers()
        if wanted["is_agent"] is not None:
            rows = rows.filter(is_agent=wanted["is_agent"])
        if wanted["search"]:
            rows = rows.filter(
                Q(display_name__icontains=wanted["search"]) | Q(slug__icontains=wanted["search"])
            )
        return self.listed(rows)


class ProsumerView(APIView):
    """One partner."""

    scope = "trade"

    @extend_schema(responses=ProsumerSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Who it is."""
        prosumer = one(selectors.prosumers(), slug=slug)
        return Response(ProsumerSerializer(prosumer, context={"request": request}).data)


class StandingSerializer(serializers.Serializer[Any]):
    """How near we are to the dispute limit that we agreed on; `shade` is empty, `grey` (half) or `black`."""

    shade = serializers.CharField()
    raised = serializers.IntegerField()
    resolved = serializers.IntegerField()
    failed = serializers.IntegerField()
    stale = serializers.IntegerField()
    limit = serializers.IntegerField(help_text="0 without a contract.")
    meaning = serializers.CharField(source="in_words")


class StandingView(APIView):
    """My dispute record with a partner."""

    scope = "trade"

    @extend_schema(responses=StandingSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Whether the ledger would open another channel between us."""
        prosumer = one(selectors.prosumers(), slug=slug)
        return Response(StandingSerializer(standing_with(user_of(request), prosumer.owner)).data)


class AgentSerializer(ProsumerSerializer):
    """A prosumer that an agent trades for."""

    rules = serializers.DictField(source="agent_rules", read_only=True)
    active = serializers.BooleanField(source="is_active", read_only=True)

    class Meta(ProsumerSerializer.Meta):
        """With its rules."""

        fields = (*ProsumerSerializer.Meta.fields, "rules", "active")  # type: ignore[assignment]  # a longer tuple


class AgentsView(PagedView):
    """Agents."""

    scope = "trade"
    serializer_class = AgentSerializer
    queryset = Prosumer.objects.none()

    def get(self, request: Request) -> Response:
        """Prosumers that agents trade for."""
        del request
        return self.listed(selectors.prosumers().filter(is_agent=True))


class ListingSerializer(serializers.Serializer[Listing]):
    """A surplus or need in one slot."""

    id = serializers.IntegerField()
    prosumer = ProsumerSerializer()
    side = serializers.ChoiceField(choices=Listing.Side.choices)
    slot_start = serializers.IntegerField()
    slot_end = serializers.IntegerField()
    quantity_wh = serializers.IntegerField()
    price_per_kwh = MoneyField()
    state = serializers.ChoiceField(choices=Listing.State.choices)
    created_at = MomentField()
    is_mine = serializers.SerializerMethodField()

    def get_is_mine(self, listing: Listing) -> bool:
        """Whether it is the asker's."""
        return listing.prosumer.owner == getattr(self.context["request"].user, "owner", None)


class NewListingSerializer(serializers.Serializer[Any]):
    """What I list."""

    side = serializers.ChoiceField(choices=Listing.Side.choices)
    slot_start = SafeIntegerField()
    quantity_wh = SafeIntegerField()
    price_per_kwh = MoneyField()


class ListingChangeSerializer(serializers.Serializer[Any]):
    """What I change of a listing; another slot or side is another listing."""

    quantity_wh = SafeIntegerField(required=False)
    price_per_kwh = MoneyField(required=False)


class ListingQuerySerializer(serializers.Serializer[Any]):
    """Filters of the listings; all but `mine`, `side` and `slot_start` are for those of others."""

    slot_start = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SAFE)
    side = serializers.ChoiceField(choices=Listing.Side.choices, required=False)
    mine = serializers.BooleanField(required=False, default=False)
    search = serializers.CharField(required=False, max_length=40, help_text="Part of the partner's name.")
    slot_from = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SAFE)
    slot_to = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SAFE)
    price_min = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SAFE)
    price_max = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SAFE)
    quantity_min = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SAFE)
    who = serializers.ChoiceField(choices=[(PEOPLE, PEOPLE), (HOUSES, HOUSES)], required=False)
    known = serializers.BooleanField(required=False, help_text="Only partners I have had a channel with.")
    near_m = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_SAFE, help_text="Metres of cable."
    )
    sort = serializers.ChoiceField(choices=[(name, name) for name in SORTS], required=False)


class ListingsView(PagedView):
    """Listings."""

    scope = "trade"
    serializer_class = ListingSerializer
    queryset = Listing.objects.none()

    @extend_schema(parameters=[ListingQuerySerializer])
    def get(self, request: Request) -> Response:
        """Open listings of everybody, or all of mine."""
        wanted, user = asked(ListingQuerySerializer, request), user_of(request)
        plain = {name: wanted[name] for name in ("slot_start", "side") if name in wanted}
        if wanted.pop("mine"):
            return self.listed(selectors.own_listings(user).filter(**plain))
        if wanted.keys() <= {"slot_start", "side"}:
            return self.listed(selectors.open_listings(now=listings_from()).filter(**plain))
        slot = wanted.pop("slot_start", None)
        rows = listings_of(user, Wanted(**wanted), now=listings_from())
        return self.listed(rows if slot is None else rows.filter(slot_start=slot))

    @extend_schema(request=NewListingSerializer, responses={201: ListingSerializer})
    def post(self, request: Request) -> Response:
        """List a surplus or a need of mine."""
        wanted = checked(NewListingSerializer, request)
        listing = services.list_energy_of(user=user_of(request), now=market_now(), **wanted)
        content = ListingSerializer(listing, context={"request": request}).data
        return Response(content, status=status.HTTP_201_CREATED)


class ListingView(APIView):
    """One of my listings."""

    scope = "trade"

    @extend_schema(request=ListingChangeSerializer, responses=ListingSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Change its quantity or price."""
        listing = one(selectors.own_listings(user_of(request)), pk=pk)
        wanted = checked(ListingChangeSerializer, request)
        changed = services.edit_listing(listing=listing, now=market_now(), **wanted)
        return Response(ListingSerializer(changed, context={"request": request}).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Take it back."""
        services.withdraw_listing(listing=one(selectors.own_listings(user_of(request)), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PartnerSerializer(serializers.Serializer[Any]):
    """The other side, by name where it has one."""

    owner = serializers.CharField()
    display_name = serializers.CharField()
    slug = serializers.CharField(allow_null=True)


class TradeSerializer(serializers.Serializer[Any]):
    """A trade, as one side sees it."""

    id = serializers.CharField()
    channel = serializers.CharField()
    version = serializers.IntegerField()
    is_enforced = serializers.BooleanField(
        help_text="The ledger made it of an accepted offer: its money moves with the payout of the dispute."
    )
    role = serializers.ChoiceField(choices=[("seller", "seller"), ("buyer", "buyer")])
    partner = PartnerSerializer()
    quantity_wh = serializers.IntegerField()
    price_per_kwh = MoneyField()
    amount = MoneyField()
    slot_start = serializers.IntegerField()
    slot_end = serializers.IntegerField()
    delivered_wh = serializers.IntegerField(allow_null=True)
    agreed_at = serializers.IntegerField()


def partner(owner: str, known: dict[str, Prosumer]) -> dict[str, Any]:
    """The partner's JSON; one that has no prosumer here goes by its id."""
    prosumer = known.get(owner)
    name = prosumer.display_name if prosumer else owner
    slug = prosumer.slug if prosumer and prosumer.is_active else None
    return {"owner": owner, "display_name": name, "slug": slug}


def trades(rows: list[TradeRecord], *, owner: str) -> list[dict[str, Any]]:
    """Trades as `owner` sees them; one query for all partners' names."""
    known = selectors.prosumers_by_owner({row.seller for row in rows} | {row.buyer for row in rows})
    return [_trade(row, owner, known) for row in rows]


def _trade(row: TradeRecord, owner: str, known: dict[str, Prosumer]) -> dict[str, Any]:
    sells = row.seller == owner
    return {
        "id": row.trade,
        "channel": row.channel,
        "version": row.version,
        "is_enforced": row.is_enforced,
        "role": "seller" if sells else "buyer",
        "partner": partner(row.buyer if sells else row.seller, known),
        "quantity_wh": row.quantity_wh,
        "price_per_kwh": row.price_per_kwh,
        "amount": row.amount,
        "slot_start": row.slot_start,
        "slot_end": row.slot_end,
        "delivered_wh": row.delivered_wh if row.settled_version is not None else None,
        "agreed_at": row.at,
    }


class TradesView(PagedView):
    """My trades."""

    scope = "trade"
    serializer_class = TradeSerializer
    queryset = TradeRecord.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """With the partners' names."""
        return trades(rows, owner=user_of(self.request).owner)

    def get(self, request: Request) -> Response:
        """List my trades, the newest first."""
        return self.listed(selectors.own_trades(user_of(request)))


class GateDecisionSerializer(serializers.ModelSerializer[GateDecision]):
    """What the grid gate said; `words` in the reader's language, `trade` is the id of the offer."""

    words = serializers.CharField(read_only=True)

    class Meta:
        """All of it."""

        model = GateDecision
        fields = (
            "slot_start",
            "seller",
            "buyer",
            "quantity_wh",
            "allowed",
            "limit",
            "element",
            "passes_wh",
            "cost",
            "words",
            "trade",
            "decided_at",
        )


class GateDecisionQuerySerializer(serializers.Serializer[Any]):
    """Filters of the gate's answers."""

    trade = HashField(required=False, allow_null=True, default=None, help_text="Id of the offer.")


class GateDecisionsView(PagedView):
    """The gate's answers about my trades; about everybody's for operators of the market."""

    scope = "trade"
    serializer_class = GateDecisionSerializer
    queryset = GateDecision.objects.none()

    @extend_schema(parameters=[GateDecisionQuerySerializer])
    def get(self, request: Request) -> Response:
        """List them, the newest first."""
        rows, wanted = visible_decisions(user_of(request)), asked(GateDecisionQuerySerializer, request)
        return self.listed(rows.filter(trade=to_hex(wanted["trade"])) if wanted["trade"] else rows)

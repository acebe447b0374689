"""Black and grey lists: what they say of me, and keeping and answering for them as an operator."""

from typing import Any

from django.core.exceptions import PermissionDenied
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.fields import prefetch_keys
from marketplace.api.fields import AddressField, MomentField, StrictBooleanField, StrictCharField
from marketplace.api.scopes import SESSION
from marketplace.api.views import PagedView, checked, one, user_of
from marketplace.credit import lists, selectors
from marketplace.credit.listing import Appeal, ListEntry


class AppealSerializer(serializers.Serializer[Appeal]):
    """An appeal and its answer."""

    id = serializers.IntegerField()
    entry = serializers.IntegerField(source="entry_id")
    words = serializers.CharField(allow_null=True, help_text="Null once the person is erased.")
    state = serializers.ChoiceField(choices=Appeal.State.choices)
    answer = serializers.CharField()
    created_at = MomentField()
    decided_at = MomentField(allow_null=True)


class EntrySerializer(serializers.Serializer[ListEntry]):
    """An entry; without a merchant it holds for all."""

    id = serializers.IntegerField()
    merchant = serializers.SlugField(source="merchant.slug", allow_null=True, default=None)
    wallet = AddressField()
    shade = serializers.ChoiceField(choices=ListEntry.Shade.choices)
    reason = serializers.CharField()
    in_force = serializers.BooleanField()
    lifted_at = MomentField(allow_null=True)
    created_at = MomentField()


class MyEntrySerializer(EntrySerializer):
    """An entry about me, with my appeal."""

    appeal = serializers.SerializerMethodField()

    @extend_schema_field(AppealSerializer(allow_null=True))
    def get_appeal(self, entry: ListEntry) -> Any:
        """Mine, or null."""
        appeal = getattr(entry, "appeal", None)
        return AppealSerializer(appeal).data if appeal else None


class MyEntriesView(PagedView):
    """What the lists say of my wallet."""

    scope = "credit"
    serializer_class = MyEntrySerializer
    queryset = ListEntry.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """Words are sealed: fetch the key once."""
        prefetch_keys([row.appeal for row in rows if hasattr(row, "appeal")])
        return rows

    def get(self, request: Request) -> Response:
        """Every entry about me, with its reason."""
        return self.listed(selectors.own_entries(user_of(request)))


class WordsSerializer(serializers.Serializer[Any]):
    """What I say to it."""

    words = StrictCharField(max_length=lists.MOST_WORDS)


class AppealView(APIView):
    """Appealing."""

    scope = "credit"

    @extend_schema(request=WordsSerializer, responses={201: AppealSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Say something against an entry about me, once."""
        user = user_of(request)
        entry = one(selectors.own_entries(user), pk=pk)
        made = lists.appeal(entry=entry, user=user, words=checked(WordsSerializer, request)["words"])
        return Response(AppealSerializer(made).data, status=status.HTTP_201_CREATED)


class NewEntrySerializer(serializers.Serializer[Any]):
    """A new entry; without a merchant it is proposed for all, which takes two of those who run the site."""

    merchant = StrictCharField(max_length=50, required=False, allow_null=True)
    wallet = StrictCharField(max_length=42)
    shade = serializers.ChoiceField(choices=ListEntry.Shade.choices)
    reason = StrictCharField(max_length=lists.MOST_REASON)


class EntriesView(PagedView):
    """The lists that I keep."""

    scope = SESSION
    serializer_class = EntrySerializer
    queryset = ListEntry.objects.none()

    def get(self, request: Request) -> Response:
        """Those of my merchants, and those that hold for all."""
        return self.listed(selectors.merchant_list_entries(user_of(request)).select_related("merchant"))

    @extend_schema(request=NewEntrySerializer, responses={201: EntrySerializer})
    def post(self, request: Request) -> Response:
        """Put a wallet on a list; its owner is told."""
        user = user_of(request)
        if not selectors.operated_merchants(user).exists():
            raise PermissionDenied
        wanted = checked(NewEntrySerializer, request)
        slug = wanted.pop("merchant", None)
        merchant = one(selectors.staffed_merchants(user), slug=slug) if slug else None
        entry = lists.list_wallet(operator=user, merchant=merchant, **wanted)
        return Response(EntrySerializer(entry).data, status=status.HTTP_201_CREATED)


class _EntryVerbView(APIView):
    scope = SESSION
    verb = staticmethod(lists.lift_entry)

    @extend_schema(request=None, responses=EntrySerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Do it."""
        user = user_of(request)
        entry = one(selectors.merchant_list_entries(user), pk=pk)
        return Response(EntrySerializer(self.verb(entry=entry, operator=user)).data)


class LiftView(_EntryVerbView):
    """Taking a wallet off a list."""


class ConfirmView(_EntryVerbView):
    """Putting an entry for all in force, as the second of two."""

    verb = staticmethod(lists.confirm_entry)


class AppealsView(PagedView):
    """Appeals to me."""

    scope = SESSION
    serializer_class = AppealSerializer
    queryset = Appeal.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """Words are sealed: fetch the keys at once."""
        prefetch_keys(rows)
        return rows

    def get(self, request: Request) -> Response:
        """Those that are mine to answer, and those that were."""
        return self.listed(selectors.appeals_before(user_of(request)))


class AnswerSerializer(serializers.Serializer[Any]):
    """The answer, as the person reads it."""

    grant = StrictBooleanField()
    answer = StrictCharField(max_length=lists.MOST_WORDS)


class AnswerView(APIView):
    """Answering."""

    scope = SESSION

    @extend_schema(request=AnswerSerializer, responses=AppealSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Grant it, which lifts the entry, or refuse it. For an entry that holds for all two must agree."""
        user = user_of(request)
        appeal = one(selectors.appeals_before(user), pk=pk)
        answered = lists.decide_appeal(appeal=appeal, operator=user, **checked(AnswerSerializer, request))
        return Response(AppealSerializer(answered).data)

"""What the endpoints share."""

from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, mixins, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.models import User
from marketplace.accounts.siwe import Site

M = TypeVar("M", bound=Model)


def user_of(request: Request) -> User:
    """The signed-in user; the default permission lets nobody else through."""
    return cast("User", request.user)


def site_of(request: Request, chain_id: int) -> Site:
    """This site as an EIP-4361 message names it."""
    host = request.get_host()
    return Site(domain=host, uri=f"{request.scheme}://{host}/", chain_id=chain_id)


def checked(
    serializer: type[serializers.Serializer[Any]], request: Request, *, partial: bool = False
) -> dict[str, Any]:
    """The body as the serializer reads it.

    Raises:
        ValidationError: with what is wrong in each field.
    """
    content = serializer(data=request.data, partial=partial)
    content.is_valid(raise_exception=True)
    return dict(content.validated_data)


def asked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The query string as the serializer reads it."""
    content = serializer(data=request.query_params)
    content.is_valid(raise_exception=True)
    return dict(content.validated_data)


def one(rows: QuerySet[M], **wanted: object) -> M:
    """The only row that fits.

    Raises:
        Http404: there is none among those that the asker may see.
    """
    found = rows.filter(**wanted).first()
    if found is None:
        raise Http404
    return found


class PagedView(mixins.ListModelMixin, generics.GenericAPIView[Any]):
    """A list in pages; `present` gets the rows of one page only."""

    def present(self, rows: list[Any]) -> list[Any]:
        """Make rows ready for the serializer, with as many queries as one row needs."""
        return rows

    def listed(self, rows: QuerySet[Any]) -> Response:
        """One page of `rows`."""
        page = self.paginate_queryset(rows)
        serializer = self.get_serializer(self.present(list(page or ())), many=True)
        return self.get_paginated_response(serializer.data)


@extend_schema(exclude=True)
class NowhereView(APIView):
    """Any other path of the API."""

    scope = "public"
    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Say so, whatever the method."""
        del request, args, kwargs
        raise Http404

"""What another team's client is written from, as files: served as the code makes them."""

from collections.abc import Callable
from functools import cache
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from channels_engine.published import asyncapi, eip712, structures

DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "asyncapi.json": cache(asyncapi.document),
    "schema/messages.json": cache(structures.document),
    "schema/eip712.json": cache(eip712.document),
}
"""Path below /api/v1/, and below docs/ -> what makes it."""


class PublishedView(APIView):
    """One of the documents; open to everybody."""

    scope = "public"
    authentication_classes = ()
    permission_classes = (AllowAny,)
    document = ""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, _request: Request) -> Response:
        """Show it."""
        return Response(DOCUMENTS[self.document]())


class DescriptionView(SpectacularAPIView):
    """This API's own description; open to everybody."""

    scope = "public"
    authentication_classes = ()
    permission_classes = (AllowAny,)

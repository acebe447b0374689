"""My documents."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.clickjacking import xframe_options_sameorigin
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.documents import add_document, read_document, remove_document
from marketplace.accounts.models import Document
from marketplace.accounts.selectors import opened_documents, own_documents
from marketplace.api.fields import MomentField
from marketplace.api.parsers import BoundedMultiPartParser
from marketplace.api.views import PagedView, checked, one, user_of
from marketplace.credit.rules import may

# Chromium's viewer of PDFs does not run in a sandbox; their active content is gone since the upload.
BARE_CSP = {"default-src": ["'none'"], "sandbox": True, "frame-ancestors": ["'self'"]}
MEDIA = ("application/pdf", "image/jpeg", "image/png")
VIEWING_CSP = {"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "frame-ancestors": ["'self'"]}


class DocumentSerializer(serializers.Serializer[Document]):
    """A private document."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Document.Kind.choices)
    filename = serializers.CharField()
    content_type = serializers.CharField()
    size_bytes = serializers.IntegerField()
    pages = serializers.IntegerField()
    scan = serializers.ChoiceField(choices=Document.Scan.choices)
    uploaded_at = MomentField()


class UploadSerializer(serializers.Serializer[Any]):
    """An upload."""

    kind = serializers.ChoiceField(choices=Document.Kind.choices)
    file = serializers.FileField(allow_empty_file=True, max_length=255)


class DocumentsView(PagedView):
    """My documents."""

    scope = "documents"
    parser_classes = (BoundedMultiPartParser,)
    serializer_class = DocumentSerializer
    queryset = Document.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """Their names are sealed: fetch the key once."""
        return opened_documents(Document.objects.filter(pk__in=[row.pk for row in rows]))

    def get(self, request: Request) -> Response:
        """List my documents."""
        return self.listed(own_documents(user_of(request)))

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={201: DocumentSerializer})
    def post(self, request: Request) -> Response:
        """Upload a PDF, JPEG or PNG; a statement also as CAMT.053, MT940 or CSV."""
        upload = checked(UploadSerializer, request)
        file = upload["file"]
        document = add_document(
            user=user_of(request), kind=upload["kind"], filename=file.name, raw=file.read()
        )
        return Response(DocumentSerializer(document).data, status=status.HTTP_201_CREATED)


class DocumentView(APIView):
    """One of my documents."""

    scope = "documents"

    @extend_schema(responses=DocumentSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """What it is."""
        return Response(DocumentSerializer(one(own_documents(user_of(request)), pk=pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete it, unless an application was submitted with it."""
        document = one(own_documents(user_of(request)), pk=pk)
        remove_document(document=document)
        return Response(status=status.HTTP_204_NO_CONTENT)


@method_decorator(xframe_options_sameorigin, name="dispatch")
class DocumentContentView(APIView):
    """The file itself."""

    scope = "session"

    @extend_schema(responses={(200, media): OpenApiTypes.BINARY for media in MEDIA})
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """Read it, as its owner or as the reviewing merchant's operator; each view is recorded. Data is plain text."""
        user, document = user_of(request), one(Document.objects.select_related("user"), pk=pk)
        if not may(user, "accounts.read_document", document):
            raise Http404
        is_data = document.content_type in Document.STATEMENT_TYPES
        content_type = "text/plain; charset=utf-8" if is_data else document.content_type
        response = HttpResponse(read_document(document=document, viewer=user), content_type=content_type)
        name = quote(document.filename or "document")
        response["Content-Disposition"] = f"inline; filename*=UTF-8''{name}"
        response["Cache-Control"] = "private, no-store"
        response._csp_config = VIEWING_CSP if document.content_type == "application/pdf" else BARE_CSP  # type: ignore[attr-defined]  # noqa: SLF001  django-csp's own hook
        return response

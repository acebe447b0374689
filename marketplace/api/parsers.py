"""JSON bodies within bounds."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, MultiPartParser

from marketplace.api.errors import TooLarge

MAX_DEPTH = 16
_STRING = re.compile(rb'"(?:[^"\\\\]|\\\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def _refuse_depth(raw: bytes) -> None:
    """Stop nesting before the decoder sees it: it recurses on the C stack.

    A library (py_ecc) raises Python's recursion limit to 100,000, from which on deep input crashes the process.
    """
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", raw)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError("too deep")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class BoundedJSONParser(BaseParser):
    """JSON of limited length and depth: no NaN, no infinity, and an object at the top."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Decode a body.

        Raises:
            TooLarge: longer than DATA_UPLOAD_MAX_MEMORY_SIZE.
            ParseError: no JSON object.
        """
        del media_type, parser_context
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge
        try:
            _refuse_depth(raw)
            content = json.loads(raw.decode(), parse_constant=_refuse_constant)
        except ValueError as error:
            raise ParseError(_("The body is no readable JSON.")) from error
        if not isinstance(content, dict):
            raise ParseError(_("The body must be a JSON object."))
        return content


class BoundedMultiPartParser(MultiPartParser):
    """Multipart that fits into memory, so that no document is ever written down in the clear."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Decode a body.

        Raises:
            TooLarge: longer than FILE_UPLOAD_MAX_MEMORY_SIZE.
        """
        length = (parser_context or {})["request"].META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        return super().parse(stream, media_type, parser_context)

"""Pages of lists."""

from typing import Any

from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response


class Pages(PageNumberPagination):
    """Numbered pages, `page_size` up to 200; the neighbours stand in the `Link` header too (RFC 8288)."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_paginated_response(self, data: Any) -> Response:
        """A page."""
        answer = super().get_paginated_response(data)
        links = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        shown = [f'<{address}>; rel="{name}"' for name, address in links.items() if address]
        if shown:
            answer.headers["Link"] = ", ".join(shown)
        return answer

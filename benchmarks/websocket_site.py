"""The server of `benchmarks/websocket.py`: the engine's websocket, and a bare echo beside it."""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine")]

import engine_site  # noqa: E402  configures Django
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402  as above
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  as above
from django.urls import path  # noqa: E402  as above


class Echo(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """Sends back what it gets."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002  of the base
        """One frame."""
        await self.send(text_data=text_data)


routes: list[Any] = [path("ws/echo/", Echo.as_asgi()), *engine_site.websocket_urlpatterns]
application = ProtocolTypeRouter({"websocket": engine_site.UserFromQuery(URLRouter(routes))})

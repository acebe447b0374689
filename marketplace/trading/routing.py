"""The live market's websocket address."""

from django.urls import path

from marketplace.trading.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]

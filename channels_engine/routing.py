"""The engine's websocket address."""

from django.urls import path

from channels_engine.consumers import ChannelsConsumer

websocket_urlpatterns = [path("ws/channels/", ChannelsConsumer.as_asgi())]

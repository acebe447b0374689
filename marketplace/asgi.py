"""The site's ASGI application: HTTP by Django, websockets by the channel engine."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
http = get_asgi_application()

from channels_engine.routing import websocket_urlpatterns as channel_urls  # noqa: E402  models load after the apps
from marketplace.trading.routing import websocket_urlpatterns as live_urls  # noqa: E402  as above

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter([*channel_urls, *live_urls]))),
    },
)

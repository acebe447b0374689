"""The site's ASGI application: HTTP by Django, websockets by the channel engine."""

import os
import sys

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
http = get_asgi_application()

from channels_engine.routing import websocket_urlpatterns as channel_urls  # noqa: E402  models load after the apps
from marketplace.api.sockets import ByTokenOrSession  # noqa: E402  as above
from marketplace.trading.routing import websocket_urlpatterns as live_urls  # noqa: E402  as above

# py_ecc, which web3 loads, raises the limit to 100,000: deeply nested input would then overflow the C stack
# and crash the process instead of raising RecursionError.
sys.setrecursionlimit(5_000)

application = ProtocolTypeRouter(
    {"http": http, "websocket": ByTokenOrSession(URLRouter([*channel_urls, *live_urls]))},
)

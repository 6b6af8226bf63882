"""The ASGI door: pages and API over HTTP, `/live` over a websocket."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runyard.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()  # loads the apps; what follows needs them

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from runyard.kit.turns import Turns
from runyard.live.consumer import LiveConsumer
from runyard.live.origin import SameOrigin

AT_A_TIME = 16  # fewer than the pool has connections

application = ProtocolTypeRouter(
    {
        "http": Turns(http, AT_A_TIME, free=("/healthz",)),
        "websocket": SameOrigin(URLRouter([path("live", LiveConsumer.as_asgi())])),
    }
)

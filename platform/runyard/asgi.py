"""The ASGI door: pages and API over HTTP, `/live` over a websocket, and tools on hosts of their own."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runyard.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()  # loads the apps; what follows needs them

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from runyard.connect.app import Tools
from runyard.kit.turns import Turns
from runyard.live.consumer import LiveConsumer
from runyard.live.origin import SameOrigin

AT_A_TIME = 16  # fewer than the pool has connections

application = Tools(
    ProtocolTypeRouter(
        {
            "http": Turns(http, AT_A_TIME, free=("/healthz",)),
            "websocket": SameOrigin(URLRouter([path("live", LiveConsumer.as_asgi())])),
        }
    )
)

# A page makes thousands of short-lived things: look for lost ones rarely, and not among what the start made.
gc.set_threshold(20_000)
gc.freeze()

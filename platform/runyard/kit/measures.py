"""What this process measures of itself, for whoever scrapes it: request times and open sockets.

Names follow the Prometheus conventions: seconds and bytes, `_total` for counters. Knows no domain.
"""

import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from prometheus_client import CollectorRegistry, Gauge, Histogram, PlatformCollector, ProcessCollector

registry = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)

REQUESTS = Histogram(
    "runyard_http_request_duration_seconds",
    "From the arrival of a request to the head of its answer.",
    ("view", "method", "status"),
    registry=registry,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SOCKETS = Gauge("runyard_websockets", "Open websockets of pages.", registry=registry)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


@sync_and_async_middleware
def timed(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Django middleware. Requests are told apart by the name of their view: addresses are without end."""

    async def later(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        return _told(request, await get_response(request), began)

    def now(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        return _told(request, get_response(request), began)

    return later if iscoroutinefunction(get_response) else now


def _told(request: HttpRequest, response: HttpResponseBase, began: float) -> HttpResponseBase:
    view = (request.resolver_match.view_name if request.resolver_match else "") or "none"
    method = request.method if request.method in _METHODS else "other"
    REQUESTS.labels(view, method, f"{response.status_code // 100}xx").observe(time.perf_counter() - began)
    return response

"""Which pods were given which GPUs: asked of the kubelet, or of the embedded cluster's node.

A real kubelet answers by gRPC on a socket of the node (PodResources, v1); the embedded one gives the same as
JSON through its API server. Both are asked on a lane and for a few seconds only.
"""

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from . import wire
from .holders import Holder, Holders
from .lanes import Hangs, Lane

log = logging.getLogger(__name__)
FRESH_SECONDS = 5.0
ASK_SECONDS = 3.0
RECONNECT_MS = 5000  # after a kubelet has gone; gRPC's own two minutes are long
_LARGEST_BYTES = 16 * 2**20


class Source(Protocol):
    """`name` is for people."""

    name: str

    def ask(self) -> Holders:
        """May block, may raise anything."""


class Nobody:
    """Without a kubelet: no figure belongs to a pod."""

    name = "none"

    def ask(self) -> Holders:
        return {}


class Kubelet:
    """PodResources on the kubelet's socket. Raises RuntimeError when grpcio is not installed."""

    name = "kubelet"

    def __init__(self, socket: str) -> None:
        try:
            import grpc
        except ImportError:
            raise RuntimeError("the kubelet's socket needs gRPC: pip install 'runyard[exporter]'") from None
        # The name is for the HTTP/2 header alone; a kubelet refuses the path of a socket there.
        options = [
            ("grpc.default_authority", "localhost"),
            ("grpc.max_receive_message_length", _LARGEST_BYTES),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
        ]
        channel = grpc.insecure_channel(f"unix://{Path(socket).absolute()}", options)
        self._list: Callable[..., bytes] = channel.unary_unary(
            "/v1.PodResourcesLister/List",
            request_serializer=lambda message: message,
            response_deserializer=lambda message: message,
        )

    def ask(self) -> Holders:
        return wire.holders(self._list(b"", timeout=ASK_SECONDS))


#: It is on this machine: a proxy that the environment names is not to see its token.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class EmbeddedNode:
    """The node of the embedded cluster, found by its kubeconfig, which is read anew each time."""

    name = "embedded cluster"

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    def ask(self) -> Holders:
        config = json.loads(self.kubeconfig.read_text())  # the embedded cluster writes it as JSON
        server, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
        nodes = self._get(f"{server}/api/v1/nodes", token)["items"]
        found: Holders = {}
        for node in nodes:
            page = f"{server}/api/v1/nodes/{quote(node['metadata']['name'])}/proxy/podresources"
            _collect(self._get(page, token)["podResources"], found)
        return found

    def _get(self, url: str, token: str) -> Any:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 ours
        with _DIRECT.open(request, timeout=ASK_SECONDS) as answer:
            return json.loads(answer.read(_LARGEST_BYTES))


def _collect(pods: list[dict[str, Any]], found: Holders) -> None:
    for pod in pods:
        for container in pod["containers"]:
            holder = Holder(pod["namespace"], pod["name"], container["name"], pod.get("uid", ""))
            for device in container.get("devices") or []:
                for uuid in device["deviceIds"]:
                    found.setdefault(uuid, []).append(holder)


@dataclass(frozen=True)
class Known:
    """What a source said last, by its name; `reason` says why there is nothing."""

    source: str
    reason: str = ""
    holders: Holders = field(default_factory=dict)


class Attribution:
    """Asks a source, at most once in some seconds. What it does not repeat is dropped, not kept."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._lane, self._turn = Lane("pods"), threading.Lock()
        self._known, self._asked_at = Known(source.name), float("-inf")

    def now(self) -> Known:
        """Never raises; bounded."""
        with self._turn:
            if time.monotonic() - self._asked_at > FRESH_SECONDS:
                self._known, self._asked_at = self._ask(), time.monotonic()
            return self._known

    def _ask(self) -> Known:
        try:
            return Known(self.source.name, holders=self._lane.call(self.source.ask, ASK_SECONDS + 1))
        except Hangs:
            return Known(self.source.name, "hangs")
        except Exception as error:
            if not self._known.reason:
                log.warning("the %s does not tell which pods have GPUs: %s", self.source.name, error)
            return Known(self.source.name, "unreachable")

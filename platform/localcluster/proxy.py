"""The proxy paths of nodes and pods: which address a request is for, and what is said when there is none.

/api/v1/nodes/[SCHEME:]NAME[:PORT]/proxy/PATH       without a port the kubelet's own pages
/api/v1/namespaces/NS/pods/[SCHEME:]NAME[:PORT]/proxy/PATH      without a port the first that the pod declares

It is no open proxy: a node shows only the ports that it was started with, and a pod's port is one on which a
process of that pod listens. Called by `app`; `forward` and `tunnel` carry what comes and goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from localcluster.doors import Address, Door
from localcluster.registry import Registry
from localcluster.status import ApiError, bad_request, no_such_path, not_found

Obj = dict[str, Any]
_PATH = re.compile(
    r"/api/v1/(?:nodes/(?P<node>[^/]+)|namespaces/(?P<namespace>[^/]+)/pods/(?P<pod>[^/]+))"
    r"/proxy(?P<rest>/.*)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Wanted:
    """A request for a proxy; without a namespace it is a node's, `path` is still encoded."""

    namespace: str | None
    name: str
    port: int | None
    path: str


def wanted(raw_path: bytes) -> Wanted | None:
    """What a path asks for, None when it is no proxy path. ApiError 400 for one that cannot be read."""
    match = _PATH.fullmatch(raw_path.decode("latin-1"))
    if match is None:
        return None
    scheme, name, port = _parts(unquote(match["node"] or match["pod"]))
    if scheme not in ("", "http"):
        raise bad_request(f"the proxy speaks http only, not {scheme[:20]!r}")
    namespace = unquote(match["namespace"]) if match["namespace"] else None
    return Wanted(namespace, name, _port(port) if port else None, match["rest"] or "/")


def _parts(text: str) -> tuple[str, str, str]:
    """(scheme, name, port) of NAME, NAME:PORT or SCHEME:NAME:PORT."""
    match text.split(":"):
        case [name]:
            return "", name, ""
        case [name, port]:
            return "", name, port
        case [scheme, name, port]:
            return scheme, name, port
    raise bad_request(f"invalid name and port: {text[:100]!r}")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) < 65536:
        raise bad_request(f"invalid port number {text[:20]!r}: must be between 1 and 65535")
    return int(text)


def is_kubelet(asked: Wanted) -> bool:
    """Whether the kubelet itself is asked for one of its pages."""
    return asked.namespace is None and asked.port is None


async def kubelet_page(asked: Wanted, door: Door) -> tuple[bytes, str]:
    """Body and media type; ApiError 404 for another node or page."""
    if asked.name != door.name:
        raise not_found("nodes", asked.name)
    page = await door.page(unquote(asked.path))
    if page is None:
        raise no_such_path()
    return page


def address(asked: Wanted, registry: Registry, door: Door) -> Address:
    """Where to connect. ApiError 404 for what does not exist, 503 where nothing listens."""
    if asked.namespace is None:
        found, port = _node(asked, door), asked.port
    else:
        pod = registry.get("pods", asked.namespace, asked.name)
        port = asked.port or _first_port(pod)
        found = door.pod_port(pod, port)
    if found is None:
        raise unreachable(f"{asked.name}:{port}: connection refused: nothing of it listens there")
    return found


def _node(asked: Wanted, door: Door) -> Address | None:
    if asked.name != door.name:
        raise not_found("nodes", asked.name)
    assert asked.port is not None
    return door.node_port(asked.port)


def _first_port(pod: Obj) -> int:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or []:
            return int(port["containerPort"])
    raise bad_request("the pod declares no port: name one as NAME:PORT")


def unreachable(why: str) -> ApiError:
    """503 as an API server gives it for a service behind it that does not answer."""
    return ApiError(503, "ServiceUnavailable", f"error trying to reach service: {why}")

"""The kubelet of the embedded cluster: runs pods as processes of this machine. See `kubelet.Node`.

The server calls `start_node`, then `Node.logs`, `Node.door` and `Node.stop`; the rest is not for outsiders.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from localcluster.backoff import Backoff

from . import gpus, machine
from .fields import Machine
from .kubelet import Node

if TYPE_CHECKING:
    from localcluster.registry import Registry

__all__ = ["Node", "start_node"]


async def start_node(
    registry: "Registry",
    home: Path,
    node_name: str,
    *,
    service: tuple[str, int] | None = None,
    ports: Mapping[int, int] | None = None,
    backoff: Backoff | None = None,
) -> Node:
    """Registers this machine, takes up the pods of an earlier server in `home`, and runs new ones.

    `service` is the API's host and port, told to pods as KUBERNETES_SERVICE_HOST and _PORT; `ports` are those
    of the node that its proxy leads to, with where on this machine that is; `backoff` is how long crashed
    containers wait. Raises OSError when `home` cannot be written.
    """
    devices = gpus.discover()
    about = Machine(node_name, machine.capacity(home, devices), service, bool(devices))
    node = Node(registry, home, about, devices, backoff or Backoff())
    node.door.ports = dict(ports or {})
    node.start()
    return node

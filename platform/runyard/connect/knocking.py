"""Asking a tool for its page by way of its cluster's API, which knows whose port it is.

Used by `probing`, for its answer, and by `addresses`, for whose it is.
"""

from runyard.clusters.connection import connect
from workloads.models import Pod
from workloads.tools import Tool

ANSWER_SECONDS = 3.0
NO_RIGHT = (
    "The cluster refuses Runyard's account the proxy of its pods (pods/proxy); whoever runs it grants that."
)


def path_to(pod: Pod, tool: Tool) -> str:
    """The path of `tool` at its cluster's API, without a slash at its end."""
    return f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}:{tool.port}/proxy"


def knock(pod: Pod, tool: Tool) -> None:
    """Returns when `tool` answers. Raises ClusterError; where the cluster refuses it has a reason."""
    path = path_to(pod, tool) + tool.path
    connect(pod.cluster).request("GET", path, read_seconds=ANSWER_SECONDS, accept="*/*").close()

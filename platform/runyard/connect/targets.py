"""Where a tool's requests go: to a port of its workload's pod, by our rows alone and the cluster's API."""

import ssl
from dataclasses import dataclass

from runyard.clusters.connection import ClusterError, connect
from runyard.connect.hosts import Place
from workloads.models import Pod, Workload
from workloads.tools import Tool, load

NO_RIGHT = (
    "The cluster refuses Runyard's account the proxy of its pods (pods/proxy); whoever runs it grants that."
)


class NotReady(Exception):
    """There is nothing to connect to now; the message says why, in words."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: `base` is a URL without a slash at its end, `prefix` its path; `headers` let us in."""

    base: str
    prefix: str
    headers: dict[str, str]
    tls: ssl.SSLContext | None


def tool_of(workload: Workload, name: str) -> Tool | None:
    return next((tool for tool in load(workload.tools) if tool.name == name), None)


def path_to(workload: Workload, tool: Tool) -> str:
    """The path of `tool` at its cluster's API, without a slash at its end. Raises NotReady."""
    pods = Pod.objects.filter(workload=workload, gone_at=None, phase="Running")
    pod = pods.order_by("created_at", "pk").first()
    if pod is None:
        raise NotReady(f"{workload.name} has no running pod; it is {workload.phase}.")
    return f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}:{tool.port}/proxy"


def target_of(place: Place) -> Target:
    """Where requests for `place` go now. The right to go there was asked before. Raises NotReady."""
    workload = Workload.objects.select_related("cluster").filter(pk=place.workload).first()
    tool = tool_of(workload, place.tool) if workload else None
    if workload is None or tool is None:
        raise NotReady("This workload has no such tool.")
    prefix = path_to(workload, tool)
    try:
        host, headers, tls = connect(workload.cluster).credentials()
    except ClusterError as error:
        raise NotReady(str(error)) from error
    return Target(host + prefix, prefix, headers, tls)

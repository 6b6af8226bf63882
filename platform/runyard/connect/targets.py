"""Where a tool's requests go: to a port of its workload's pod, by our rows alone.

Straight to the pod's address where that is reached from here, else through the cluster's API.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from runyard.clusters.connection import Access, ClusterError, connect
from runyard.connect import addresses
from runyard.connect.asking import NotReady
from runyard.connect.hosts import Place
from runyard.connect.knocking import path_to
from workloads.models import Pod, Workload
from workloads.tools import Tool, load


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send; `prefix` is the path of the tool there, without a slash at its end, empty for a pod."""

    access: Access
    prefix: str = ""

    @property
    def base(self) -> str:
        return self.access.url + self.prefix

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        url = urlsplit(self.access.url)
        return url.hostname or "", url.port or 80

    @property
    def direct(self) -> bool:
        return not self.prefix


def tool_of(workload: Workload, name: str) -> Tool | None:
    return next((tool for tool in load(workload.tools) if tool.name == name), None)


def pod_of(workload: Workload) -> Pod:
    """The pod that serves its tools. Raises NotReady."""
    pods = Pod.objects.select_related("cluster").filter(workload=workload, gone_at=None, phase="Running")
    pod = pods.order_by("created_at", "pk").first()
    if pod is None:
        raise NotReady(f"{workload.name} has no running pod; it is {workload.phase}.")
    return pod


def target_of(place: Place) -> Target:
    """Where requests for `place` go now. The right to go there was asked before. Raises NotReady."""
    workload = Workload.objects.filter(pk=place.workload).first()
    tool = tool_of(workload, place.tool) if workload else None
    if workload is None or tool is None:
        raise NotReady("This workload has no such tool.")
    pod = pod_of(workload)
    address = addresses.address_of(pod)
    if address and addresses.reaches(address, tool.port):
        return Target(Access(f"http://{addresses.host_of(pod)}:{tool.port}"))
    try:
        return Target(connect(pod.cluster).access(), path_to(pod, tool))
    except ClusterError as error:
        raise NotReady(str(error)) from error

"""Where in its queue a workload stands that Kueue holds: asked of Kueue's own visibility API, each time.

That API need not be there, or not for us: then nothing is known, and nothing is guessed.
"""

import re

import msgspec

from runyard.clusters.connection import ApiError, ClusterError, connect
from runyard.clusters.objects import Struct
from runyard.kit.pages import counted
from workloads.models import Workload
from workloads.queueing.saying import is_switched

GROUP, VERSIONS = "visibility.kueue.x-k8s.io", ("v1beta2", "v1beta1")
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")  # of a queue; anybody may have written another
MOST, SECONDS = 1_000, 2.0  # of a queue that are asked for; for an answer


class _Name(Struct):
    name: str


class _Waiting(Struct):
    metadata: _Name
    position_in_cluster_queue: int | None = None
    position_in_local_queue: int | None = None


class _Summary(Struct):
    items: list[_Waiting] | None = None


_summary = msgspec.json.Decoder(_Summary)


def place(workload: Workload) -> str:
    """In words how many are before it; empty where it waits in no queue, or that is not known."""
    if not is_switched(workload.queueing) or not _NAME.fullmatch(workload.queue):
        return ""
    mine = next((one for one in _waiting(workload) if one.metadata.name == workload.queueing["name"]), None)
    if mine is None or mine.position_in_cluster_queue is None:
        return ""
    before, near = max(0, mine.position_in_cluster_queue), mine.position_in_local_queue
    if not before:
        return "It is the first in its cluster queue."
    words = f"{counted(before, 'workload')} {'is' if before == 1 else 'are'} before it in its cluster queue"
    return f"{words}, {near} of them in queue {workload.queue}." if near and before > 1 else f"{words}."


def _waiting(workload: Workload) -> list[_Waiting]:
    for version in VERSIONS:
        path = f"/apis/{GROUP}/{version}/namespaces/{workload.namespace}/localqueues/{workload.queue}"
        try:
            body = connect(workload.cluster).read(
                "GET", f"{path}/pendingworkloads", params={"limit": MOST}, read_seconds=SECONDS
            )
            return _summary.decode(body).items or []
        except ApiError as error:
            if error.code != 404:
                return []
        except (ClusterError, msgspec.MsgspecError):
            return []
    return []

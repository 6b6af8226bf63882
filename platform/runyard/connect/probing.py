"""Whether each tool answers: asked of running workloads now and then, and by whoever waits for one.

A tool answers when it says anything at all over HTTP, be it that one must sign in.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from celery import shared_task
from django.db import connection

from runyard.clusters.connection import ApiError, ClusterError, connect
from runyard.connect.asking import NotReady
from runyard.connect.targets import NO_RIGHT, path_to, pod_of
from workloads import tool_states
from workloads.models import Workload
from workloads.status import Phase
from workloads.tool_states import ToolState
from workloads.tools import Tool, load

log = logging.getLogger(__name__)
ANSWER_SECONDS, AT_A_TIME, MOST_SECONDS = 3.0, 8, 12.0
RUNNING = (Phase.RUNNING, Phase.DEGRADED)


def ask(workload: Workload, tool: Tool) -> str:
    """Empty where `tool` answers now; else why not, in words."""
    try:
        path = path_to(pod_of(workload), tool) + tool.path
        connect(workload.cluster).request("GET", path, read_seconds=ANSWER_SECONDS, accept="*/*").close()
    except ApiError as error:
        if error.reason and error.code in (401, 403):
            return NO_RIGHT
        if error.reason:  # the cluster's answer, not the tool's
            return f"Nothing listens on port {tool.port} of its pod yet."
    except (NotReady, ClusterError) as error:
        return str(error)
    return ""


def look(workload: Workload, tool: Tool) -> ToolState:
    """Ask `tool`, and keep what was found."""
    return tool_states.found(workload, tool, ask(workload, tool))


@shared_task(name="connect.probe")
def probe() -> int:
    """Look at every tool of what runs, and forget those of what does not; how many were looked at in time."""
    live = Workload.objects.filter(deleted_at=None)
    for ended in live.exclude(phase__in=RUNNING).exclude(tool_states={}).only("pk"):
        tool_states.forget(ended)
    until = monotonic() + MOST_SECONDS
    running = (
        live.filter(phase__in=RUNNING).exclude(tools=[]).select_related("cluster").order_by("?")
    )  # so that many silent ones keep nobody waiting for ever
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return sum(pool.map(lambda workload: _in_time(workload, until), running))


def _in_time(workload: Workload, until: float) -> int:
    try:
        return sum(monotonic() < until and bool(look(workload, tool)) for tool in load(workload.tools))
    except Exception:
        log.exception("the tools of a workload could not be looked at")
        return 0
    finally:
        connection.close()

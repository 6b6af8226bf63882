"""Whether each tool answers: asked of running workloads now and then, and by whoever waits for one.

A tool answers when it says anything at all over HTTP, be it that one must sign in.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from celery import shared_task
from django.db import connection

from runyard.clusters.connection import ApiError, ClusterError, Silent
from runyard.connect.asking import NotReady
from runyard.connect.knocking import ANSWER_SECONDS, NO_RIGHT, knock
from runyard.connect.targets import pod_of
from workloads import tool_states
from workloads.models import Pod, Workload
from workloads.status import Phase
from workloads.tool_states import ToolState
from workloads.tools import Tool, load

log = logging.getLogger(__name__)
AT_A_TIME, MOST_SECONDS = 8, 12.0
RUNNING = (Phase.RUNNING, Phase.DEGRADED)


def ask(pod: Pod, tool: Tool) -> str:
    """Empty where `tool` answers now; else why not, in words."""
    try:
        knock(pod, tool)
    except ApiError as error:
        if error.reason and error.code in (401, 403):
            return NO_RIGHT
        if error.reason:  # the cluster's answer, not the tool's
            return f"Nothing listens on port {tool.port} of its pod."
    except Silent:
        return f"It said nothing for {ANSWER_SECONDS:.0f} seconds."
    except ClusterError as error:
        return str(error)
    return ""


def look(workload: Workload, tool: Tool) -> ToolState:
    """Ask `tool`, and keep what was found."""
    try:
        pod = pod_of(workload)
    except NotReady as error:
        return tool_states.found(workload, tool, str(error))
    return tool_states.found(workload, tool, ask(pod, tool), pod.uid)


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

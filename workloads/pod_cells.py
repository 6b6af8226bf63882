"""HTML of a pod's cells that are unlike others of their kind, for the columns of `workloads.pods_table`."""

from markupsafe import escape

from runyard.kit import cells
from workloads.cells import phase
from workloads.endings import said, was_stopped
from workloads.models import Pod

LONGEST = 80  # characters of a message
_LIKE = {"Running": "Running", "Succeeded": "Completed", "Failed": "Failed", "Pending": "Pending"}


def name(pod: Pod) -> str:
    safe = escape(pod.name)
    return f'<a class="mono" href="{pod.get_absolute_url()}" title="{safe}: open its log">{safe}</a>'


def gpu_use(pod: Pod) -> str:
    """Where what it used is drawn, if it holds any of a GPU."""
    return _spark("gpu", pod) if pod.gpu_millis or pod.gpu_memory_bytes else cells.NONE


def cpu_use(pod: Pod) -> str:
    return _spark("cpu", pod)


def _spark(what: str, pod: Pod) -> str:
    return f'<span class="spark" data-spark="{what}-{pod.pk}"></span>'


def state(pod: Pod) -> str:
    gone = ' <span class="dim">gone</span>' if pod.gone_at else ""
    drawn = phase("Stopped") if was_stopped(pod) else phase(_shown(pod), pod.phase)
    return f"{drawn}{gone}{_why(pod)}"


def _shown(pod: Pod) -> str:
    """The phase of a workload whose mark it wears."""
    starts = (pod.phase == "Running" and not pod.ready) or (pod.phase == "Pending" and pod.scheduled)
    return "Initializing" if starts else _LIKE.get(pod.phase, "Stopped")


def _why(pod: Pod) -> str:
    if not pod.reason or pod.phase not in ("Pending", "Running", "Unknown"):
        return ""
    message = pod.message if len(pod.message) <= LONGEST else f"{pod.message[:LONGEST]}…"
    words = f"{pod.reason}: {message}" if message else pod.reason
    return f'<span class="why" title="{escape(pod.message[:1000])}">{escape(words)}</span>'


def exit_code(pod: Pod) -> str:
    return cells.words(said(pod))


def image(pod: Pod) -> str:
    return cells.code(pod.containers[0]["image"] if pod.containers else "")

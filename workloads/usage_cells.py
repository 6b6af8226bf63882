"""HTML of what a workload uses now: cells of the table's columns. What is not known is a dash, never zero."""

from functools import lru_cache
from typing import Any

from markupsafe import escape

from runyard.kit import cells
from runyard.kit.pages import clock
from workloads.models import Usage, Workload

#: A GPU that works less is likely to be wasted: its meter is drawn in another colour.
LOW = 5.0
_WIDE, _HIGH = 44, 5


def _usage(row: Workload) -> Usage | None:
    found: Usage | None = getattr(row, "usage", None)  # of no row where nothing was ever measured
    return found


def gpu_compute(row: Workload) -> str:
    usage = _usage(row)
    if usage is None or usage.gpu_compute is None:
        return cells.NONE
    percent = round(usage.gpu_compute)
    return _said(usage, _meter(percent, usage.gpu_compute < LOW) + f"{percent} %")


def gpu_memory(row: Workload) -> str:
    usage = _usage(row)
    if usage is None or usage.gpu_memory_bytes is None:
        return cells.NONE
    words = amount(usage.gpu_memory_bytes)
    if not usage.gpu_memory_total_bytes:
        return _said(usage, words)
    part = min(100, round(100 * usage.gpu_memory_bytes / usage.gpu_memory_total_bytes))
    return _said(usage, _meter(part, False) + words, f"of {amount(usage.gpu_memory_total_bytes)}, ")


def gpus_idle(row: Workload) -> str:
    usage = _usage(row)
    if usage is None or usage.gpus_idle is None:
        return cells.NONE
    words = f"of {usage.gpus_seen}, idle for over five minutes, "
    return _said(usage, f"<b>{usage.gpus_idle}</b>" if usage.gpus_idle else "0", words)


def cpu(row: Workload) -> str:
    usage = _usage(row)
    if usage is None or usage.cpu_millis is None:
        return cells.NONE
    return _said(usage, f"{usage.cpu_millis / 1000:,.2f}".rstrip("0").rstrip("."))


def memory(row: Workload) -> str:
    usage = _usage(row)
    if usage is None or usage.memory_bytes is None:
        return cells.NONE
    return _said(usage, amount(usage.memory_bytes))


def amount(value: int) -> str:
    """Bytes as people read them; nothing is "0 MiB", for it is known."""
    if value < 2**30:
        return f"{value / 2**20:,.0f} MiB"
    return f"{value / 2**30:,.1f}".removesuffix(".0") + " GiB"


def _said(usage: Usage, words: str, more: str = "") -> str:
    """With where it comes from and when it was measured, at the pointer."""
    return f'<span class="use" title="{more}{escape(usage.source)} at {clock(usage.at)} UTC">{words}</span>'


@lru_cache(202)
def _meter(percent: int, low: Any) -> str:
    """A bar of that part; sizes are attributes, since pages allow no inline style."""
    part = f'<rect width="{_WIDE * min(percent, 100) / 100:g}" height="{_HIGH}" rx="2.5"/>' if percent else ""
    return (
        f'<svg class="meter{" low" if low else ""}" width="{_WIDE}" height="{_HIGH}" aria-hidden="true">'
        f'<rect class="ground" width="{_WIDE}" height="{_HIGH}" rx="2.5"/>{part}</svg>'
    )

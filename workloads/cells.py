"""HTML of a workload's cells that are unlike others of their kind, for the columns of `workloads.tables`."""

from functools import lru_cache
from typing import Any

from django.template import engines
from django.urls import reverse
from markupsafe import escape

from runyard.kit import cells
from workloads.models import Workload
from workloads.status import Phase
from workloads.tools import Tool, load


def name(row: Workload) -> str:
    safe = escape(row.name)
    return f'<a href="{row.get_absolute_url()}" title="{safe}">{safe}</a>'


def status(row: Workload) -> str:
    words = escape(row.why.strip())
    return phase(row.phase) + (f'<span class="why" title="{words}">{words}</span>' if words else "")


def kind(row: Workload) -> str:
    return _drawn("kind", row.kind)


def phase(value: str, words: str = "") -> str:
    """The mark of a phase, and `words` or its own name."""
    return _drawn("phase", value, words)


@lru_cache(1000)
def _drawn(macro: str, *values: str) -> str:
    """By the macro of templates/workloads/cells.html, once for what there is of them, not once a row."""
    jinja: Any = engines["jinja2"]
    return str(getattr(jinja.env.get_template("workloads/cells.html").module, macro)(*values))


def project(row: Workload) -> str:
    if row.project:
        return str(escape(row.project.name))
    return f'<span class="dim">none ({escape(row.namespace)})</span>'


def created_by(row: Workload) -> str:
    return str(escape(row.created_by.label)) if row.created_by else cells.NONE


def pods(row: Workload) -> str:
    return cells.NONE if row.phase == Phase.COMPLETED else f"{row.pods_running}/{row.pods_requested}"


def pending_time(row: Workload) -> str:
    since = row.phase_at - row.time_pending if row.phase == Phase.PENDING else None
    return cells.lasted(row.pending_for, since)


def run_time(row: Workload) -> str:
    since = row.phase_at - row.time_running if row.phase == Phase.RUNNING else None
    return cells.lasted(row.running_for, since)


def connections(row: Workload) -> str:
    """A link for each tool while its workload runs."""
    return ", ".join(_connection(row, tool) for tool in load(row.tools)) or cells.NONE


def _connection(row: Workload, tool: Tool) -> str:
    if row.phase not in (Phase.RUNNING, Phase.DEGRADED):
        return f'<span class="dim">{escape(tool.title)}</span>'
    address = reverse("workload-connect", args=[row.pk, tool.name])
    return f'<a class="link" href="{address}" target="_blank" rel="noopener">{escape(tool.title)}</a>'


def data_sources(row: Workload) -> str:
    """The first; a click on it opens the list where there are more."""
    if len(row.data_sources) < 2:
        return cells.listed(row.data_sources)
    every = "".join(f"<li>{escape(source)}</li>" for source in row.data_sources)
    return (
        f'<button type="button" class="link several mono" popovertarget="data-{row.pk}" '
        f'title="Show them all">{cells.leading(row.data_sources)}</button>'
        f'<div id="data-{row.pk}" class="sources" popover><b>Data sources of {escape(row.name)}</b>'
        f'<ul class="mono">{every}</ul></div>'
    )


def labels(row: Workload) -> str:
    return cells.listed(row.labels)

"""Rows as the API shows them: explicit fields, ISO 8601 UTC times, plain units in the names."""

from typing import Any

from django.urls import reverse

from runyard.kit.looks import Look
from runyard.kit.pages import iso
from runyard.tenancy.models import SavedView
from workloads.history import Happening
from workloads.models import Bulk, Pod, Workload
from workloads.tables import WorkloadTable


def workload(row: Workload) -> dict[str, Any]:
    """The fields that the columns of the table declare, and four that are no column.

    What it uses changes without its `version`: `used_at` says when that was measured.
    """
    usage = getattr(row, "usage", None)
    shown = {"id": row.pk, "version": row.version, "deleted_at": iso(row.deleted_at)}
    shown["used_at"] = iso(usage.at) if usage else None
    for column in WorkloadTable.columns.values():
        shown |= column.json(row)
    return shown


def pod(row: Pod) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "role": row.role,
        "node": row.node,
        "phase": row.phase,
        "ready": row.ready,
        "reason": row.reason,
        "message": row.message,
        "exit_code": row.exit_code,
        "restarts": row.restarts,
        "containers": [{key: c[key] for key in ("name", "image", "init", "state")} for c in row.containers],
        "created_at": iso(row.created_at),
        "scheduled_at": iso(row.scheduled_at),
        "started_at": iso(row.started_at),
        "running_at": iso(row.running_at),
        "finished_at": iso(row.finished_at),
        "gone_at": iso(row.gone_at),
    }


def happening(one: Happening) -> dict[str, Any]:
    """`title` is a phase, what was asked, what changed, or the reason of a cluster event."""
    about = {"kind": one.about_kind, "name": one.about} if one.about else None
    return {
        "id": one.key,
        "type": one.type,
        "at": one.at.isoformat().replace("+00:00", "Z"),
        "title": one.title,
        "words": one.sentence,
        "message": one.words,
        "source": one.source,
        "regarding": about,
        "count": one.count,
        "first_at": iso(one.first_at),
        "last_at": iso(one.last_at),
    }


def saved_view(row: SavedView, look: Look, lost: list[str]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "table": row.table,
        "name": row.name,
        "owner": row.owner.username,
        "project": row.project.name if row.project else None,
        "default": row.is_default,
        "query": look.query,
        "columns": list(look.columns),
        "widths": dict(look.widths),
        "lost": lost,
        "created_at": iso(row.created_at),
        "changed_at": iso(row.changed_at),
    }


def bulk(row: Bulk) -> dict[str, Any]:
    return {
        "id": row.pk,
        "url": reverse("api-one-batch", args=[row.pk]),
        "verb": row.verb,
        "state": row.state,
        "total": row.total,
        "done": row.done,
        "succeeded": row.succeeded,
        "failed": row.failed,
        "created_at": iso(row.created_at),
        "finished_at": iso(row.finished_at),
    }

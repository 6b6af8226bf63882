"""Roles and what each allows, as data. Pure: read by `access`, shown in docs.

A permission is `noun.verb`; `*` stands for every noun or verb. Role names follow Run:ai's.
"""

from django.db.models import TextChoices


class Role(TextChoices):
    """What a person is within a scope: a project, a department, or the whole system."""

    VIEWER = "viewer", "Viewer"
    PRACTITIONER = "practitioner", "AI practitioner"
    ADMINISTRATOR = "administrator", "Administrator"


_READ = frozenset(
    {"workload.read", "workload.read_logs", "project.read", "department.read", "cluster.read", "view.read"}
)
_WORK = _READ | {
    "workload.create",
    "workload.stop",
    "workload.run",
    "workload.delete",
    "workload.copy",
    "workload.connect",
    "view.share",  # and change or take back what one shared; a view of one's own takes no role
}

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.VIEWER: _READ,
    Role.PRACTITIONER: _WORK,
    Role.ADMINISTRATOR: frozenset({"*.*"}),
}


def allows(role: str, permission: str) -> bool:
    """Whether `role` holds `permission`; an unknown role holds none."""
    held = PERMISSIONS.get(role, frozenset())
    return "*.*" in held or permission in held

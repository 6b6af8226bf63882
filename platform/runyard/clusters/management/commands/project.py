"""`manage.py project red --department research`: a project, its department where it is new, its namespaces.

Idempotent: what is there stays as it is, and a call that asks for something else of it is refused. A cluster
that does not let Runyard make the namespace is named, with what its administrator has to say there.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from runyard.clusters.connection import ApiError, ClusterError, connect
from runyard.clusters.models import Cluster
from runyard.tenancy.models import Department, Project

CONFLICT = 409


class Command(BaseCommand):
    help = "Make a project and its namespaces, so that people can be given roles in it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="such as red")
        parser.add_argument("--department", help="made if new; of a new project default without it")
        parser.add_argument("--namespace", help="on every cluster; a new project's name without it")

    def handle(self, **options: Any) -> None:
        with transaction.atomic():
            project = _project(options["name"], options["namespace"], options["department"])
        self.stdout.write(_words(project))
        for cluster in Cluster.objects.followed():
            self.stdout.write(f"Cluster {cluster.name}: {_make_namespace(cluster, project.namespace)}")


def _project(name: str, namespace: str | None, department: str | None) -> Project:
    """The project, made where it is new. Raises CommandError where it cannot be, or is another."""
    project = Project.objects.select_related("department").filter(name=name).first()
    if project is None:
        wanted = department or "default"
        group = Department.objects.filter(name=wanted).first() or Department(name=wanted)
        _save(group)
        project = Project(name=name, namespace=namespace or name, department=group)
        _save(project)
    has = (project.department.name, project.namespace)
    if (department or has[0], namespace or has[1]) != has:
        raise CommandError(f"There is one already: {_words(project)}. Give it another name.")
    return project


def _save(made: Department | Project) -> None:
    try:
        made.full_clean()
    except ValidationError as wrong:
        raise CommandError(" ".join(wrong.messages)) from None
    made.save()


def _make_namespace(cluster: Cluster, name: str) -> str:
    """Make it on `cluster`; what came of it, in words."""
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    try:
        connect(cluster).create("/api/v1/namespaces", manifest)
    except ApiError as refused:
        if refused.code == CONFLICT:
            return f"namespace {name} is there"
        return f"refused ({refused}); have somebody there run: kubectl create namespace {name}"
    except ClusterError as away:
        return f"namespace {name} is not made: {away} Run this line again when it answers."
    return f"namespace {name} made"


def _words(project: Project) -> str:
    return f"Project {project.name} of department {project.department}, namespace {project.namespace}"

"""`manage.py project red --department research`: a project, its department where it is new, its namespace.

Idempotent: what is there stays as it is, and a call that asks for something else of it is refused.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from runyard.tenancy.models import Department, Project


class Command(BaseCommand):
    help = "Make a project, so that people can be given roles in it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="such as red")
        parser.add_argument("--department", default="default", help="made if new; default without it")
        parser.add_argument("--namespace", help="on every cluster; the project's name without it")

    @transaction.atomic
    def handle(self, **options: Any) -> None:
        name, namespace = options["name"], options["namespace"] or options["name"]
        project = Project.objects.select_related("department").filter(name=name).first()
        if project is None:
            project = _made(name, namespace, options["department"])
        if (project.department.name, project.namespace) != (options["department"], namespace):
            raise CommandError(f"There is one already: {_words(project)}. Give it another name.")
        self.stdout.write(_words(project))


def _made(name: str, namespace: str, department: str) -> Project:
    try:
        group = Department.objects.filter(name=department).first() or Department(name=department)
        group.full_clean()
        group.save()
        project = Project(name=name, namespace=namespace, department=group)
        project.full_clean()
    except ValidationError as wrong:
        raise CommandError(" ".join(wrong.messages)) from None
    project.save()
    return project


def _words(project: Project) -> str:
    return f"Project {project.name} of department {project.department}, namespace {project.namespace}"

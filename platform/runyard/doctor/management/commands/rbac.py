"""`manage.py rbac`: the manifest with the least rights that Runyard works with, for `kubectl apply -f -`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from runyard.clusters import rbac
from runyard.clusters.rights import rights
from runyard.doctor.names import namespaces_of


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--namespaces", default="", help="of the projects, such as a,b; any by default")
        parser.add_argument("--read-only", action="store_true", help="people will look at workloads only")

    def handle(self, **options: Any) -> None:
        wanted = rights(read_only=options["read_only"])
        self.stdout.write(rbac.manifest(wanted, namespaces_of(options["namespaces"])))

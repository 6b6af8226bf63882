"""`manage.py doctor`: what works on a cluster, what does not, what to do; 1 when Runyard cannot work there.

Looks at a kubeconfig file (that of RUNYARD_KUBECONFIG by default), or at a cluster that was added; and
whether the Redis of the settings takes tasks.
"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from metrics.sources.prometheus import server_of
from runyard.clusters.models import Cluster
from runyard.doctor import telling
from runyard.doctor.broker import check_broker
from runyard.doctor.examining import examine
from runyard.doctor.names import namespaces_of
from runyard.tenancy.models import Project


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--kubeconfig", default="", help="a file; RUNYARD_KUBECONFIG by default")
        where.add_argument("--cluster", default="", help="the name of a cluster that was added")
        parser.add_argument("--context", default="", help="of the kubeconfig; its current one by default")
        parser.add_argument("--namespaces", default="", help="of the projects, such as a,b; any by default")
        parser.add_argument("--read-only", action="store_true", help="people will look at workloads only")
        parser.add_argument("--json", action="store_true")

    def handle(self, **options: Any) -> None:
        namespaces = namespaces_of(options["namespaces"])
        looked = {"kubeconfig": options["kubeconfig"] or settings.KUBECONFIG, "context": options["context"]}
        if options["cluster"]:
            if options["context"]:
                raise CommandError("--context goes with --kubeconfig: an added cluster has its own.")
            cluster = _cluster(options["cluster"])
            looked |= {"kubeconfig": cluster.kubeconfig, "prometheus": server_of(cluster)}
            namespaces = namespaces or tuple(
                Project.objects.order_by("pk").values_list("namespace", flat=True)
            )
        diagnosis = examine(**looked, namespaces=namespaces, read_only=options["read_only"])
        diagnosis.findings.append(check_broker())
        tell = telling.as_json if options["json"] else telling.as_text
        self.stdout.write(tell(diagnosis, namespaces))
        if not diagnosis.ok:
            sys.exit(1)


def _cluster(name: str) -> Cluster:
    if found := Cluster.objects.filter(name=name).first():
        return found
    names = ", ".join(Cluster.objects.order_by("name").values_list("name", flat=True))
    raise CommandError(f"There is no cluster {name}; there are: {names}.")

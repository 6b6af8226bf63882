"""`manage.py prometheus CLUSTER --url ...`: which Prometheus has the figures of a cluster; asks it once.

With an empty `--url` none is asked, nor looked for; `--forget` goes back to the settings and to looking.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from metrics.models import PrometheusServer
from metrics.sources.prometheus import server_of
from metrics.sources.source import SourceError
from runyard.clusters.models import Cluster


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("cluster")
        parser.add_argument("--url", help="such as https://prometheus.example.com:9090")
        parser.add_argument("--token-file", default="", help="a file with a bearer token")
        parser.add_argument("--ca-file", default="", help="a file with the certificates to trust")
        parser.add_argument("--header", action="append", default=[], help="such as 'X-Scope-OrgID: team'")
        parser.add_argument("--matchers", default="", help="what tells its series, such as 'cluster=\"a\"'")
        parser.add_argument("--forget", action="store_true")

    def handle(self, **options: Any) -> None:
        cluster = Cluster.objects.filter(name=options["cluster"]).first()
        if cluster is None:
            names = ", ".join(Cluster.objects.order_by("name").values_list("name", flat=True))
            raise CommandError(f"There is no cluster {options['cluster']}; there are: {names}.")
        if options["forget"]:
            PrometheusServer.objects.filter(cluster=cluster).delete()
        elif options["url"] is not None:
            self._set(cluster, options)
        self.stdout.write(_heard(cluster))

    def _set(self, cluster: Cluster, options: dict[str, Any]) -> None:
        row = PrometheusServer(
            cluster=cluster, headers=dict(_header(text) for text in options["header"]),
            **{name: options[name] for name in ("url", "token_file", "ca_file", "matchers")},
        )  # fmt: skip
        try:
            row.clean_fields(exclude=["cluster"])
            row.clean()
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        PrometheusServer.objects.filter(cluster=cluster).delete()
        row.save()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip().isprintable() or " " in name.strip() or not value.strip().isprintable():
        raise CommandError(f"{text[:60]!r} is no header; write one such as 'X-Scope-OrgID: team'.")
    return name.strip(), value.strip()


def _heard(cluster: Cluster) -> str:
    """How many figures it has now, or what is wrong."""
    server = server_of(cluster)
    if server is None:
        return "No Prometheus is asked: Runyard looks at the nodes itself."
    try:
        return f"It answers, with {len(server.now())} figures of now."
    except SourceError as error:
        raise CommandError(f"{error}. {error.advice}".strip()) from error

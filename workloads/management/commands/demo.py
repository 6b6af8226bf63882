"""`manage.py demo --workloads 100000`: fill a cluster named demo with believable workloads."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workloads import demo

MOST = 1_000_000


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workloads", type=int, default=1000, help=f"1 to {MOST:,}; 1,000 by default")

    def handle(self, **options: Any) -> None:
        count = options["workloads"]
        if not 0 < count <= MOST:
            raise CommandError(f"--workloads takes a number from 1 to {MOST:,}.")
        began = time.monotonic()
        demo.fill(count)
        self.stdout.write(f"{count:,} workloads on cluster {demo.CLUSTER} ({time.monotonic() - began:.1f} s)")

"""`manage.py collect_logs`: the process that keeps the logs of containers, until SIGTERM or SIGINT."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from workloads.keeping.collecting import Collector
from workloads.keeping.hearing import hear
from workloads.keeping.store import store


class Command(BaseCommand):
    """Several may run: each takes logs that no other has."""

    requires_system_checks = []  # they load every page of the site, 30 MiB that are of no use here
    help = "Keeps the logs of containers while they run, so that they outlive their pods."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        collector = Collector(store(), settings.LOG_STREAMS)

        def end(*_: object) -> None:
            stop.set()
            collector.wake()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        threading.Thread(target=hear, args=(collector.hint, stop), name="hints", daemon=True).start()
        if file := os.environ.get("RUNYARD_READY_FILE"):
            Path(file).touch()
        collector.run(stop)

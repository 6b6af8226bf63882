"""The sync of one cluster beside a test: in a thread of its own, or as a process on the database of the test.

For tests whose rows are committed (`transactional_db`), and with `valkey`: what changed is published.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from runyard.clusters.models import Cluster

FOLLOW = "import sys; from runyard.sync import tasks; tasks.follow(int(sys.argv[1]))"


@contextmanager
def followed(cluster: "Cluster") -> Iterator[None]:
    """The block runs while a thread keeps our rows equal to `cluster`."""
    from django.db import connections

    from runyard.sync import lease
    from runyard.sync.runner import Runner

    stop, epoch = threading.Event(), lease.take(cluster)
    assert epoch is not None, f"somebody else follows {cluster}"

    def run() -> None:
        try:
            Runner(cluster, epoch, stop).run(300)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def process(program: str, *words: object) -> "Iterator[subprocess.Popen[bytes]]":
    """`program`, Python that may import ours, as a process of its own; killed at the end of the block."""
    argv = [sys.executable, "-c", f"import django; django.setup()\n{program}", *map(str, words)]
    with subprocess.Popen(argv, env=_environment()) as running:
        try:
            yield running
        finally:
            running.kill()


def _environment() -> dict[str, str]:
    from django.db import connections

    found = connections["default"].settings_dict
    url = f"postgresql://{found['USER']}@/{found['NAME']}?host={quote(found['HOST'], safe='')}"
    return os.environ | {"RUNYARD_DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "runyard.settings"}

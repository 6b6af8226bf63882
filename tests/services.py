"""Loaded by pytest before Django's settings: a PostgreSQL and a Valkey of the test session's own.

They are started when the first test asks for the database, and end with the session.
"""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from runyardctl.postgres import Postgres
from runyardctl.valkey import Valkey

_folder = tempfile.TemporaryDirectory(prefix="runyard-test-", ignore_cleanup_errors=True)
HOME = Path(_folder.name)
(HOME / "static").mkdir()  # the server of static files warns without it
POSTGRES, VALKEY = Postgres(HOME, durable=False), Valkey(HOME)
_running = ExitStack()

os.environ.update(
    RUNYARD_MODE="test",
    RUNYARD_HOME=str(HOME),
    RUNYARD_DATABASE_URL=os.environ.get("RUNYARD_TEST_DATABASE_URL") or POSTGRES.url,
    RUNYARD_REDIS_URL=VALKEY.url,
)
for name in ("RUNYARD_SECRET_KEY", "RUNYARD_ALLOWED_HOSTS", "RUNYARD_ORIGINS", "RUNYARD_KUBECONFIG"):
    os.environ.pop(name, None)


def start_postgres() -> None:
    """Once a session; nothing when the environment names a server."""
    if not os.environ.get("RUNYARD_TEST_DATABASE_URL"):
        _running.enter_context(POSTGRES.running())


def start_valkey() -> str:
    return _running.enter_context(VALKEY.running())


def pytest_unconfigure():
    _running.close()
    _folder.cleanup()

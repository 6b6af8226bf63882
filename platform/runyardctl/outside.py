"""Services that somebody else runs: named by RUNYARD_DATABASE_URL, RUNYARD_REDIS_URL, RUNYARD_KUBECONFIG.

Each check raises Trouble at the start, rather than letting a page fail later. No password is shown.
"""

from pathlib import Path

import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict

from runyardctl.trouble import Trouble

SECONDS = 5


def require_database(url: str) -> None:
    """Raise Trouble unless a PostgreSQL answers at the libpq URL `url`."""
    try:
        parts = conninfo_to_dict(url)
        psycopg.connect(url, connect_timeout=SECONDS).close()
    except psycopg.ProgrammingError as error:
        # libpq's own words repeat the URL, password and all.
        raise Trouble(
            "RUNYARD_DATABASE_URL is not a PostgreSQL URL, such as postgresql://user:password@host/name."
        ) from error
    except psycopg.OperationalError as error:
        place = f"{parts.get('host') or 'the local socket'}, database {parts.get('dbname') or '(default)'}"
        raise Trouble(
            f"RUNYARD_DATABASE_URL: no PostgreSQL answers at {place} ({_line(error)});"
            " start it, or unset the variable to use the embedded one."
        ) from error


def require_redis(url: str) -> None:
    """Raise Trouble unless a Redis or Valkey answers at `url` (redis://, rediss:// or unix://)."""
    try:
        with redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS) as client:
            client.ping()
    except ValueError as error:
        raise Trouble("RUNYARD_REDIS_URL must begin with redis://, rediss:// or unix://.") from error
    except redis.RedisError as error:
        raise Trouble(
            f"RUNYARD_REDIS_URL: no Redis answers ({_line(error)});"
            " start it, or unset the variable to use the embedded Valkey."
        ) from error


def require_kubeconfig(name: str) -> str:
    """The absolute path of the file `name`. Raises Trouble when it cannot be read."""
    file = Path(name).expanduser().absolute()
    try:
        file.open("rb").close()
    except OSError as error:
        raise Trouble(
            f"RUNYARD_KUBECONFIG names {file}, which cannot be read ({error.strerror});"
            " correct it, or unset the variable to use the embedded cluster."
        ) from error
    return str(file)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

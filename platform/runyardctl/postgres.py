"""The embedded PostgreSQL: makes its data folder, starts it on a unix socket, says when it is ready.
Used by `runyard up` and by the test session (`with Postgres(home).running() as url`)."""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import psutil
import psycopg

from runyardctl.pg_account import Seat, choose_seat
from runyardctl.pg_binaries import find_binaries
from runyardctl.process import Command, end_leftover, hold, is_gone
from runyardctl.trouble import Trouble

USER = DATABASE = "runyard"

# Sized for a laptop on which this is a guest; docs/settings.md says how to use a server of one's own.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "2",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
SINCE_18 = {"io_method": "sync"}  # no I/O worker processes for one local disk
VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
FAST = signal.SIGINT  # end now, roll back what is open; TERM would wait for every client


class Postgres:
    """One PostgreSQL server of ours under `home` (absolute). Not `durable`: quicker, for tests."""

    name = "PostgreSQL"
    alarm = re.compile(r"\b(FATAL|PANIC)\b")  # a statement's ERROR is for whoever sent it

    def __init__(self, home: Path, durable: bool = True) -> None:
        self.home = home
        self.durable = durable

    @cached_property
    def seat(self) -> Seat:
        """Where it lives and who runs it; found at first use."""
        return choose_seat(self.home, find_binaries())

    @property
    def data(self) -> Path:
        return self.seat.folder / "data"

    @property
    def url(self) -> str:
        """libpq URL of the product's database, without a password: only its owner may reach the socket."""
        return self._url(DATABASE)

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={self.seat.sockets}"

    def prepare(self) -> bool:
        """Make the data folder, or mend what a crash left in it. True when it is new. Takes a second."""
        if new := not self.data.exists():
            self._initialise()
        self._check_version()
        self._end_leftover()
        for stale in self.seat.sockets.glob(".s.PGSQL.*"):
            stale.unlink()
        return new

    def _initialise(self) -> None:
        """initdb into a folder aside, renamed when whole: half of one is never taken for a database."""
        half = self.seat.folder / "data.new"
        shutil.rmtree(half, ignore_errors=True)
        words = ("-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        done = self.seat.command("initdb", "-D", str(half), *words).run()
        if done.returncode:
            said = done.stdout.decode(errors="replace")
            shutil.rmtree(half, ignore_errors=True)
            raise Trouble(
                f"PostgreSQL's initdb failed in {self.seat.folder}: {_last_line(said)}", detail=said
            )
        half.rename(self.data)

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(self.seat.binaries.version):
            raise Trouble(
                f"{self.data} was made by PostgreSQL {made_by}, found here is {self.seat.binaries.version};"
                " set RUNYARD_POSTGRES_BIN to the old version's folder, or move the data by pg_dump."
            )

    def _end_leftover(self) -> None:
        """End a server that an earlier run left on this data; drop its pid file once it is gone.

        PostgreSQL compares pids alone: after a reboot another process with that pid would bar its start.
        """
        file = self.data / "postmaster.pid"
        if not file.exists():
            return
        if server := self._leftover(file):
            end_leftover(server, FAST)
        file.unlink(missing_ok=True)

    def _leftover(self, file: Path) -> psutil.Process | None:
        try:
            server = psutil.Process(int(file.read_text().split()[0]))
            return server if str(self.data) in server.cmdline() and not is_gone(server) else None
        except (psutil.Error, ValueError, IndexError, OSError):
            return None

    def command(self) -> Command:
        """The server in the foreground; ends by a fast shutdown."""
        settings = SETTINGS | (SINCE_18 if self.seat.binaries.version >= 18 else {})
        settings |= {} if self.durable else VOLATILE
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        server = self.seat.command("postgres", "-D", str(self.data), "-k", str(self.seat.sockets), *words)
        return replace(server, stop=FAST)

    def is_ready(self) -> bool:
        """Whether it takes connections now. Makes the product's database when it is missing."""
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=3) as connection:
                if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
            return True
        except psycopg.OperationalError:
            return False

    @contextmanager
    def running(self, seconds: float = 60) -> Iterator[str]:
        """Start it, yield its URL, end it. Raises Trouble when it does not come up within `seconds`."""
        self.prepare()
        with hold(self.command(), self.is_ready, self.home / "postgres.log", seconds):
            yield self.url


def _last_line(text: str) -> str:
    """The line that names the cause: the last with an error word, else the last one."""
    lines = [line for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
    return (causes or lines or [""])[-1].strip()

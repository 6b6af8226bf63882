"""What the supervisor must know of a thing that it keeps running."""

import re
from typing import Protocol

from runyardctl.process import Command

ALARM = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL|PANIC)\b")


class Service(Protocol):
    """Postgres, Valkey, the cluster, its exporter, worker, beat, collector, web: five words each."""

    @property
    def name(self) -> str:
        """What people call it; also, in small letters, its log file."""

    @property
    def alarm(self) -> re.Pattern[str]:
        """Lines of its log worth showing on the terminal."""

    def prepare(self) -> object:
        """Make it fit to start, also after a crash. May block for seconds; raises Trouble."""

    def command(self) -> Command:
        """The process to start."""

    def is_ready(self) -> bool:
        """Whether it does its work now. May block for a few seconds; never raises."""

